//! One audit, from the folder of a recording to its report.

use std::path::Path;
use std::time::Instant;

use reenact_core::format::{Environment, Object, ReadRun};
use reenact_core::trainer::{Engine, Program};
use reenact_core::verify::{
    AllowedSigners, BatchDraw, Batches, Builds, Debt, Ended, Evidence, Examination, Finding, Nonce,
    Place, Recall, Recording, Report, Segment, SegmentReport, SegmentSet, Tolerance, Weight,
    examine, examine_batches, examine_far, examine_so_far,
};
use reenact_store::open_run;

use crate::calibrated::Calibrated;
use crate::controls::Subject;
use crate::data::open_data;
use crate::draw::{Drawn, fresh_nonce};
use crate::event::{Event, Observer, Phase, Silent};
use crate::executor::Executor;
use crate::failure::Failure;
use crate::model;
use crate::programs::Programs;
use crate::remembering::{Memory, now_seconds};
use crate::replays::Replays;
use crate::request::Request;
use crate::this_process::environment_of;
use crate::within::{self, Comparison, comparison};

/// Audits a recording. A divergence is in the report; the error says why there is none.
pub fn audit(
    programs: &Programs,
    request: &Request,
    executor: &dyn Executor,
    observer: &dyn Observer,
) -> Result<Report, Failure> {
    let began = Instant::now();
    let store = open_run(&request.run)?;
    let store = store.as_ref();
    let open = |file| Ok::<_, Failure>((file, model::open(file)?));
    let given = request.model.as_deref().map(open).transpose()?;
    let mut memory = request.remembering.open(&request.run, request.at_seconds, observer)?;
    let planned = request.planned.as_ref();
    let as_of = planned.and_then(|planned| planned.as_of(store));
    let run: &dyn ReadRun = as_of.as_ref().map_or(store, |as_of| as_of);
    let so_far = request.so_far || as_of.is_some();
    let mut examination = examined(run, so_far, request.signers.as_ref(), observer);
    request.expected.iter().for_each(|expected| examination.expect(expected));
    let known = memory.pruned();
    let allows = |key| request.pruners.as_ref().is_some_and(|all| all.principal_of(key).is_some());
    examination.excuse(&|found| known.contains(&found.tombstone.root) || allows(found.key));
    let pruned = examination.unreplayable();
    let Examination { mut findings, recording, vouched, .. } = examination;
    planned.map(|planned| memory.go_on_with(planned)).transpose()?;
    memory.ask(store, recording.as_ref())?;
    memory.release(&pruned);
    findings.extend(memory.recall().into_iter().flat_map(Recall::findings));
    let bench = Bench { programs, request, executor, observer, pruned };
    let judged = match &recording {
        Some(recording) => bench.judge(recording, findings, &mut memory)?,
        None => Judged::without_replay(findings, environment_of(no_engine())?),
    };
    let mut report = Report::conclude(Evidence {
        recording: recording.as_ref(),
        required: request.required,
        expected: request.expected.as_ref(),
        trusted_builds: request.trusted_builds.as_ref(),
        recall: memory.recall(),
        ..judged.evidence(store.place(), vouched)
    });
    let device = |recording: &Recording<'_>| request.device.setting(&recording.spec, 1).device;
    let judged = recording.as_ref().map(|recording| (recording, device(recording)));
    if let Some(doubt) = memory.close(&report, judged) {
        report = report.doubted(doubt);
    }
    report.note_ledger(memory.problem());
    if let Some((file, given)) = given {
        report.model_file = Some(model::compare(recording.as_ref(), file, given));
    }
    let at_seconds = request.at_seconds.unwrap_or_else(now_seconds);
    report.ended = Some(Ended { at_seconds, after_seconds: began.elapsed().as_secs_f64() });
    Ok(report.finished())
}

/// Examines a recording, or what is complete so far of it, and weighs who vouches for it.
pub fn examined<'a>(
    run: &'a dyn ReadRun,
    so_far: bool,
    signers: Option<&AllowedSigners>,
    observer: &dyn Observer,
) -> Examination<'a> {
    observer.hear(Event::Begun { phase: Phase::Examining, total: 0, segments: None });
    let mut at = |done, total| observer.hear(Event::At { done, total });
    let mut examination = if so_far { examine_so_far(run, &mut at) } else { examine(run, &mut at) };
    observer.hear(Event::Ended);
    if let Some(signers) = signers {
        examination.trust(signers);
    }
    examination
}

/// Says whether a finding speaks against the recording.
pub fn speaks_against(finding: &Finding) -> bool {
    finding.weight == Weight::Divergent
}

/// Holds what was found and what was replayed.
struct Judged {
    findings: Vec<Finding>,
    auditor: Environment,
    batches: Option<Batches>,
    drawn: Option<Drawn>,
    replayed: Replayed,
}

/// Holds what replays gave.
#[derive(Default)]
struct Replayed {
    segments: Vec<SegmentReport>,
    controls: Vec<SegmentReport>,
    tolerance: Option<Tolerance>,
}

impl Judged {
    fn without_replay(findings: Vec<Finding>, auditor: Environment) -> Self {
        let (batches, replayed) = (None, Replayed::default());
        Self { findings, auditor, batches, drawn: None, replayed }
    }

    /// What the audit lacks itself is never held against the recording.
    fn prevented(mut findings: Vec<Finding>, failure: Failure) -> Result<Self, Failure> {
        let hint = failure.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        let place = Place::object(Object::Spec);
        findings.push(Finding::inconclusive(place, format!("{}{hint}", failure.message)));
        Ok(Self::without_replay(findings, environment_of(no_engine())?))
    }

    fn evidence<'a>(self, place: String, vouched: reenact_core::verify::Vouched) -> Evidence<'a> {
        let Self { findings, auditor, batches, drawn, replayed } = self;
        let Replayed { segments, controls, tolerance } = replayed;
        let evidence = Evidence::new(place, vouched, auditor);
        let evidence = Evidence { batches, findings, segments, controls, tolerance, ..evidence };
        match drawn {
            None => evidence,
            Some(Drawn { challenge, nonce_source, sampled_by, .. }) => {
                Evidence { challenge, nonce_source, sampled_by: Some(sampled_by), ..evidence }
            }
        }
    }
}

fn no_engine() -> Engine {
    Engine { class: Default::default(), notes: Default::default() }
}

/// Holds what an audit works with.
struct Bench<'a> {
    programs: &'a Programs,
    request: &'a Request,
    executor: &'a dyn Executor,
    observer: &'a dyn Observer,
    /// Segments beside states that were pruned.
    pruned: SegmentSet,
}

impl Bench<'_> {
    /// Judges a recording that is whole enough to be replayed.
    fn judge(
        &self,
        recording: &Recording<'_>,
        mut findings: Vec<Finding>,
        memory: &mut Memory<'_>,
    ) -> Result<Judged, Failure> {
        let request = self.request;
        memory.witness(recording);
        let drawn = match self.draw(recording, memory) {
            Ok(drawn) => drawn,
            // A run that was cut short has fewer segments than somebody counts on:
            // what already speaks against it is not lost for that.
            Err(failure) if findings.iter().any(speaks_against) => {
                return Judged::prevented(findings, failure);
            }
            Err(failure) => return Err(failure),
        };
        drawn.check(&self.pruned)?;
        findings.extend(drawn.note.clone());
        findings.extend(self.read_far(recording, &drawn));
        let (auditor, batches) = match self.derive(recording, &drawn, &mut findings) {
            Ok(derived) => derived,
            Err(failure) => return Judged::prevented(findings, failure),
        };
        let mut objection = self.unmet(recording, &auditor);
        let mut within = None;
        match comparison(request.calibrated.as_ref(), recording, &auditor) {
            Comparison::BitExact(note) => findings.extend(note),
            Comparison::Within => within = request.calibrated.as_ref(),
            Comparison::Objection(finding) => objection = objection.or(Some(finding)),
        }
        if let Some(objection) = objection {
            findings.push(objection);
            return Ok(Judged { batches, ..Judged::without_replay(findings, auditor) });
        }
        findings.extend(Debt::objection(memory.debts(), &drawn.segments));
        memory.begin(&drawn, recording, findings.iter().any(speaks_against));
        match self.replay(recording, &drawn, &findings, &auditor, within) {
            Ok(replayed) => {
                let drawn = Some(drawn);
                Ok(Judged { findings, auditor, batches, drawn, replayed })
            }
            // What the examination found stands, though no temporary file can be written, say.
            Err(failure) if !failure.is_usage() => Judged::prevented(findings, failure),
            Err(failure) => Err(failure),
        }
    }

    /// Reads the checkpoints that drawn segments need of a recording that is far away.
    fn read_far(&self, recording: &Recording<'_>, drawn: &Drawn) -> Vec<Finding> {
        if !recording.run.is_far() {
            return Vec::new();
        }
        let segments = drawn.segments.iter().map(|&index| recording.segment(index));
        let segments: Vec<Segment> = segments.collect();
        self.observer.hear(Event::Begun { phase: Phase::Examining, total: 0, segments: None });
        let mut at = |done, total| self.observer.hear(Event::At { done, total });
        let findings = examine_far(recording, &segments, &mut at);
        self.observer.hear(Event::Ended);
        findings
    }

    /// Draws what is replayed, or takes what a plan has drawn.
    fn draw(&self, recording: &Recording<'_>, memory: &Memory<'_>) -> Result<Drawn, Failure> {
        let Some(planned) = &self.request.planned else {
            let covered = memory.covered();
            let selection = &self.request.selection;
            let mut drawn = selection.draw(recording, covered, &self.pruned, fresh_nonce)?;
            drawn.owe(memory.debts());
            return Ok(drawn);
        };
        planned.check(recording)?;
        let selection = planned.selection(memory.knows_plan());
        let (covered, pruned) = (&planned.covered, &planned.pruned);
        let mut drawn = selection.draw(recording, covered, pruned, fresh_nonce)?;
        planned.take(&mut drawn)?;
        Ok(drawn)
    }

    /// Compares samples and batches with what the spec derives, and says what it is
    /// compared on.
    fn derive(
        &self,
        recording: &Recording<'_>,
        drawn: &Drawn,
        findings: &mut Vec<Finding>,
    ) -> Result<(Environment, Option<Batches>), Failure> {
        let mut setting = self.request.device.setting(&recording.spec, 1);
        let program: &dyn Program = self.programs.find(&recording.spec.program.name)?;
        let auditor = environment_of(program.platform().engine(&setting)?)?;
        let data = open_data(program, &recording.spec, &mut setting)?;
        let total = recording.steps();
        self.observer.hear(Event::Begun { phase: Phase::Deriving, total, segments: None });
        let mut at = |done| self.observer.hear(Event::At { done, total });
        let (draw, nonce) = self.batch_draw(recording, drawn)?;
        let (found, mut batches) = examine_batches(recording, data.as_ref(), &draw, &mut at);
        findings.extend(found);
        self.observer.hear(Event::Ended);
        batches.nonce = nonce;
        Ok((auditor, Some(batches)))
    }

    /// Draws the steps whose batches are built beside the replays, by the challenge's nonce.
    /// Where there is no challenge, as somebody chose the segments, it takes one of its own.
    fn batch_draw(
        &self,
        recording: &Recording<'_>,
        drawn: &Drawn,
    ) -> Result<(BatchDraw, Option<Nonce>), Failure> {
        let segments = drawn.segments.iter().map(|&index| recording.segment(index));
        let replayed = segments.map(|found| found.step_start..found.step_end).collect();
        let (nonce, own) = match &drawn.challenge {
            Some(challenge) => (challenge.nonce.clone(), None),
            None => fresh_nonce().map(|nonce| (nonce.clone(), Some(nonce)))?,
        };
        let bytes_max = self.request.batch_bytes_max;
        Ok((BatchDraw::new(recording.commitment, &nonce, bytes_max, replayed), own))
    }

    /// Objects if more independence is required than this audit has. Replaying
    /// could not change that, so it would be in vain.
    fn unmet(&self, recording: &Recording<'_>, auditor: &Environment) -> Option<Finding> {
        let required = self.request.required?;
        let trusted = self.request.trusted_builds.as_ref();
        let trained_by = &recording.history.environments[..];
        Builds { trained_by, auditor: auditor.binary, trusted }.require(required)
    }

    fn replay(
        &self,
        recording: &Recording<'_>,
        drawn: &Drawn,
        findings: &[Finding],
        auditor: &Environment,
        calibrated: Option<&Calibrated>,
    ) -> Result<Replayed, Failure> {
        let segments: Vec<Segment> =
            drawn.segments.iter().map(|&index| recording.segment(index)).collect();
        let challenge = drawn.challenge.as_ref();
        let within =
            calibrated.map(|found| within::task(found, recording, challenge)).transpose()?;
        let mut replays = Replays {
            executor: self.executor,
            run: self.request.run.clone(),
            commitment: recording.commitment,
            so_far: recording.so_far,
            device: self.request.device.clone(),
            pins_kernels: !recording.history.selections.is_empty(),
            explains: self.request.explains && is_of_class(recording, auditor),
            sabotage: self.request.sabotage.clone(),
            within: within.clone(),
        };
        let mut reports = self.watched(&replays, recording, &segments);
        let subject = Subject { recording, auditor, challenge, observer: self.observer };
        let mut controls = subject.controls(&replays, &reports);
        let mut tolerance = calibrated.zip(within.as_ref());
        let explains = self.request.explains;
        let less_was_asked = tolerance.is_some() || explains && !replays.explains;
        if less_was_asked && subject.computes_here(&reports, &controls) {
            // Nothing is allowed then, every bit is compared, and a cause can be told.
            (replays.within, replays.explains, tolerance) = (None, explains, None);
            reports = replays.of(&segments, &Silent);
            controls = subject.replay(&replays, &controls);
        }
        reports.iter_mut().chain(&mut controls).for_each(|report| report.settle(findings));
        let tolerance =
            tolerance.map(|(found, within)| within::judge(found, &replays, within, &mut reports));
        Ok(Replayed { segments: reports, controls, tolerance })
    }

    fn watched(
        &self,
        replays: &Replays<'_>,
        recording: &Recording<'_>,
        segments: &[Segment],
    ) -> Vec<SegmentReport> {
        let total = segments.iter().map(|segment| segment.step_end - segment.step_start).sum();
        let of_run = Some((segments.len() as u64, recording.segment_count()));
        self.observer.hear(Event::Begun { phase: Phase::Replaying, total, segments: of_run });
        let reports = replays.of(segments, self.observer);
        self.observer.hear(Event::Ended);
        reports
    }
}

/// On a machine that is said to be of another class a divergence proves nothing yet, so
/// there is nothing to explain.
fn is_of_class(recording: &Recording<'_>, auditor: &Environment) -> bool {
    let trained_by = recording.history.trained_by();
    trained_by.iter().all(|(_, found)| found.class_differences(auditor).is_empty())
}

/// Returns the reports of all segments of a recording, replayed as an audit on another class
/// of device would: for a calibration, which takes them for honest.
pub fn deviations(
    recording: &Recording<'_>,
    run: &Path,
    device: &crate::device::Device,
    executor: &dyn Executor,
    observer: &dyn Observer,
) -> Result<Vec<SegmentReport>, Failure> {
    let key = reenact_core::verify::sketch_key(recording.commitment, "calibration");
    let replays = Replays {
        executor,
        run: run.into(),
        commitment: recording.commitment,
        so_far: recording.so_far,
        device: device.clone(),
        pins_kernels: !recording.history.selections.is_empty(),
        explains: false,
        sabotage: None,
        within: Some(within::Within::new(key, None)?),
    };
    let segments: Vec<Segment> =
        (0..recording.segment_count()).map(|index| recording.segment(index)).collect();
    let (total, count) = (recording.steps(), segments.len() as u64);
    let of_run = Some((count, count));
    observer.hear(Event::Begun { phase: Phase::Replaying, total, segments: of_run });
    let reports = replays.of(&segments, observer);
    observer.hear(Event::Ended);
    Ok(reports)
}
