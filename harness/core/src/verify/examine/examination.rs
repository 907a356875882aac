//! Checking a recording without replaying anything.

use std::collections::BTreeMap;

use crate::data::samples_digest;
use crate::digest::Digest;
use crate::format::{
    Commitment, History, HistoryError, JournalError, Object, PublicKey, ReadRun, StoreError, Tail,
    Unconverted,
};
use crate::sanitize::one_line;
use crate::spec::LearningRate;
use crate::spec::{SPEC_BYTES_MAX, Spec};
use crate::steering::ValidationSteps;
use crate::symptoms::SymptomSearch;
use crate::trainer::StepTrace;
use crate::verify::advice::Advice;
use crate::verify::agreed::{Bound, Opened, agreed};
use crate::verify::allowed_signers::AllowedSigners;
use crate::verify::boundary::check_checkpoints;
use crate::verify::devices::check_devices;
use crate::verify::expected::Expected;
use crate::verify::finding::{Finding, Place, Weight};
use crate::verify::pruned::Pruned;
use crate::verify::recording::Recording;
use crate::verify::so_far::{open_so_far, read_so_far};
use crate::verify::tally::Tally;
use crate::verify::vouched::{Vouched, check_signature, check_signature_so_far};

/// Holds what an examination found.
pub struct Examination<'a> {
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// The recording, if it is whole enough to be replayed.
    pub recording: Option<Recording<'a>>,
    /// Who vouches for it.
    pub vouched: Vouched,
    /// Checkpoints that were pruned, by the step that they opened.
    pub(in crate::verify) pruned: BTreeMap<u64, Pruned>,
    signed_by: Option<PublicKey>,
}

impl Examination<'_> {
    /// Returns the key that vouches for the recording, if one does.
    pub(in crate::verify) fn signed_by(&self) -> Option<PublicKey> {
        self.signed_by
    }

    /// Counts on these signers alone: unless one of them vouches for the
    /// recording, it cannot be told whose it is.
    pub fn trust(&mut self, signers: &AllowedSigners) {
        let (vouched, finding) = self.vouched.judge(self.signed_by, signers);
        self.vouched = vouched;
        self.findings.extend(finding);
    }

    /// Compares the recorded spec with the one that was ordered. What another spec says
    /// outweighs the rest: the recording may well be faithful to its own.
    pub fn expect(&mut self, expected: &Expected) {
        if let Some(recording) = &self.recording {
            let mut found = expected.findings(&recording.spec);
            if recording.history.ended_early {
                found.push(expected.ended_early(recording.steps()));
            }
            self.findings.splice(0..0, found);
        }
    }
}

/// Checks everything that can be checked from the files alone: that spec,
/// journal, commitment, its signature and checkpoints belong together and are
/// unaltered, that the journal runs to its end, and that learning rates and
/// samples are those that the spec derives. `progress` is told how many of how
/// many checkpoints are read.
pub fn examine<'a>(run: &'a dyn ReadRun, progress: &mut dyn FnMut(u64, u64)) -> Examination<'a> {
    examine_opened(run, open(run, false), progress)
}

/// Checks the same of what is complete so far, where the run still trains. A recording that is
/// finished is checked as a whole.
pub fn examine_so_far<'a>(
    run: &'a dyn ReadRun,
    progress: &mut dyn FnMut(u64, u64),
) -> Examination<'a> {
    examine_opened(run, open(run, true), progress)
}

fn examine_opened<'a>(
    run: &'a dyn ReadRun,
    opened: Opened<'a>,
    progress: &mut dyn FnMut(u64, u64),
) -> Examination<'a> {
    let Opened { read, bound } = opened;
    let (mut findings, recording) = examine_recording(read, progress);
    let (vouched, signed_by, problem) = match &bound {
        Bound::Whole(commitment) => check_signature(run, commitment),
        Bound::SoFar(file) => check_signature_so_far(file),
    };
    // A journal that cannot be read may be of a format that is signed otherwise.
    let unread = |found: &Finding| {
        found.weight == Weight::Inconclusive && found.place == Place::object(Object::Journal)
    };
    let known = !findings.first().is_some_and(unread);
    findings.extend(problem.filter(|_| known));
    Examination { findings, recording, vouched, pruned: BTreeMap::new(), signed_by }
}

fn examine_recording<'a>(
    read: Checked<(Recording<'a>, Option<Commitment>)>,
    progress: &mut dyn FnMut(u64, u64),
) -> (Vec<Finding>, Option<Recording<'a>>) {
    let (recording, commitment) = match read {
        Ok(opened) => opened,
        Err(finding) => return (vec![*finding], None),
    };
    let mut findings = check_end(&recording, commitment.as_ref());
    if !findings.is_empty() {
        return (findings, None);
    }
    findings.extend(check_resumptions(&recording));
    findings.extend(check_devices(&recording));
    findings.extend(check_steps(&recording));
    if !recording.run.is_far() {
        findings.extend(check_checkpoints(&recording, &|_| true, progress));
    }
    (findings, Some(recording))
}

/// Reads a recording as far as a replay needs it: spec, journal and commitment,
/// which have to belong together. Checkpoints are checked as they are used.
pub fn open_recording(run: &dyn ReadRun) -> Result<Recording<'_>, Box<Finding>> {
    open(run, false).read.map(|(recording, _)| recording)
}

/// Reads the same of a recording that may still be trained: as far as it is committed to.
pub fn open_committed(run: &dyn ReadRun) -> Result<Recording<'_>, Box<Finding>> {
    open(run, true).read.map(|(recording, _)| recording)
}

pub(in crate::verify) type Checked<T> = Result<T, Box<Finding>>;

/// Reads spec, journal and commitment, which a recorder may be writing.
fn open(run: &dyn ReadRun, so_far: bool) -> Opened<'_> {
    agreed(run, so_far, read_once)
}

/// Reads everything once, in an order that a running recorder does not break: it commits
/// to a journal that is complete, so that the journal is read after the commitment.
fn read_once<'a>(
    run: &'a dyn ReadRun,
    bound: &Bound,
) -> Checked<(Recording<'a>, Option<Commitment>)> {
    let commitment = match bound {
        Bound::Whole(commitment) => commitment,
        Bound::SoFar(file) => return Ok((open_so_far(run, read_so_far(file)?)?, None)),
    };
    // The journal is judged first: it says which format this is.
    let committed = commitment.is_ok();
    let history = read_history(run, committed, u64::MAX)?;
    let commitment = read_commitment(commitment)?;
    let spec = stored_spec(run, history.spec, committed)?;
    let Some((commitment, digest)) = commitment else {
        return Err(Box::new(unfinished(run, &history)));
    };
    check_head(&history, &commitment)?;
    let recording = Recording { run, spec, history, commitment: digest, so_far: None };
    Ok((recording, Some(commitment)))
}

pub(in crate::verify) fn stored_spec(
    run: &dyn ReadRun,
    expected: Digest,
    committed: bool,
) -> Checked<Spec> {
    let text = run.read(Object::Spec, SPEC_BYTES_MAX as u64);
    let text = text.map_err(|error| Box::new(unreadable(&error, committed)))?;
    read_spec(&text, expected)
}

fn read_commitment(
    text: &Result<Vec<u8>, StoreError>,
) -> Checked<Option<(Commitment, crate::digest::Digest)>> {
    let text = match text {
        Ok(text) => text,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(Box::new(unreadable(error, false))),
    };
    match Commitment::parse(text) {
        Ok(commitment) => Ok(Some((commitment, Commitment::digest_of_text(text)))),
        Err(error) => {
            let place = Place::object(Object::Commitment);
            let before = Unconverted::of(text);
            let before = before.filter(|before| Commitment::parse(&before.text).is_ok());
            Err(Box::new(match before {
                Some(before) => Finding::inconclusive(place, before.said),
                None => Finding::divergent(place, error),
            }))
        }
    }
}

/// What a commitment vouches for and is not there was withheld; our own
/// trouble with reading is not the trainer's fault.
fn unreadable(error: &StoreError, committed: bool) -> Finding {
    match *error {
        StoreError::Missing { object } if committed => {
            Finding::divergent(Place::object(object), "it is committed to, but missing")
        }
        StoreError::Missing { object }
        | StoreError::NotAFile { object, .. }
        | StoreError::TooLarge { object, .. }
        | StoreError::Io { object, .. } => Finding::inconclusive(Place::object(object), error),
        _ => Finding::inconclusive(Place::object(Object::Journal), error),
    }
}

pub(in crate::verify) fn read_history(
    run: &dyn ReadRun,
    committed: bool,
    frames: u64,
) -> Checked<History> {
    let place = Place::object(Object::Journal);
    let source = run.open(Object::Journal).map_err(|error| unreadable(&error, committed))?;
    History::read_until(source, frames).map_err(|error| {
        Box::new(match error {
            HistoryError::Journal(JournalError::Store(error)) => unreadable(&error, committed),
            HistoryError::Journal(
                JournalError::TooOld { .. } | JournalError::TooNew { .. } | JournalError::Converted,
            ) => Finding::inconclusive(place, error),
            HistoryError::Empty if !committed => Finding::inconclusive(place, error),
            _ => Finding::divergent(place, error),
        })
    })
}

fn read_spec(text: &[u8], expected: crate::digest::Digest) -> Checked<Spec> {
    let place = Place::object(Object::Spec);
    if Spec::digest_of_text(text) != expected {
        let before = Unconverted::of(text);
        if let Some(before) = before.filter(|it| Spec::digest_of_text(&it.text) == expected) {
            return Err(Box::new(Finding::inconclusive(place, before.said)));
        }
        let problem = "it is not the spec that the journal began with; it was altered";
        return Err(Box::new(Finding::divergent(place, problem)));
    }
    let parsed = std::str::from_utf8(text)
        .map_err(|error| error.to_string())
        .and_then(|text| Spec::parse(text).map_err(|error| one_line(&error.to_string())));
    parsed.map_err(|problem| Box::new(Finding::inconclusive(place, problem)))
}

fn unfinished(run: &dyn ReadRun, history: &History) -> Finding {
    let steps = history.step_count();
    let state = if history.finished {
        "its journal is complete, and only the commitment is missing".to_owned()
    } else {
        format!("its journal ends after {steps} steps")
    };
    let place = Place::object(Object::Commitment);
    if !history.finished && run.open(Object::SoFar).is_ok() {
        let problem = format!(
            "the run has no commitment, so nothing can be drawn from all of it: {state}. What is \
             complete so far can be audited"
        );
        return Finding::inconclusive(place, problem).advise(Advice::SoFar);
    }
    let problem = format!(
        "the run has no commitment, so nothing can be drawn from it: {state}. While it is being \
         recorded, wait until it has reached a boundary"
    );
    Finding::inconclusive(place, problem).advise(Advice::Resume)
}

fn check_head(history: &History, commitment: &Commitment) -> Checked<()> {
    let journal = Place::object(Object::Journal);
    let problem = if commitment.spec != history.spec {
        "it belongs to another spec than the commitment".to_owned()
    } else if history.frames < commitment.frames {
        format!(
            "it was cut: {} of {} committed frames are left, the last after {} steps (if this \
             is a copy, copy it again)",
            history.frames,
            commitment.frames,
            history.step_count()
        )
    } else if history.head != commitment.head || history.frames != commitment.frames {
        "its head is not the committed one; it was altered".to_owned()
    } else if let Tail::Torn { bytes } = history.tail {
        format!("{bytes} bytes that nothing vouches for follow its committed end")
    } else {
        return Ok(());
    };
    Err(Box::new(Finding::divergent(journal, problem)))
}

fn check_end(recording: &Recording<'_>, commitment: Option<&Commitment>) -> Vec<Finding> {
    let Recording { spec, history, .. } = recording;
    let mut findings = Vec::new();
    let mut complain = |problem: String| {
        findings.push(Finding::divergent(Place::object(Object::Journal), problem));
    };
    if commitment.is_some() && !history.finished {
        complain(format!(
            "it was committed to, but has no end; it stops after {} steps",
            history.step_count()
        ));
    }
    let steps = recording.steps();
    if history.step_count() != steps {
        let taken = history.step_count();
        complain(format!("it holds {taken} steps; the spec declares {}", spec.steps));
    }
    let boundaries = history.checkpoints.keys().copied();
    if !boundaries.eq(spec.boundaries().take_while(|&step| step <= steps)) {
        complain("its checkpoints are not at the steps that the spec declares".into());
    }
    let mut roots = history.checkpoints.iter().map(|(&step, &root)| (step, root));
    if commitment.is_some_and(|found| !roots.by_ref().eq(found.checkpoints.iter().copied())) {
        let problem = "its checkpoints are not those of the journal";
        findings.push(Finding::divergent(Place::object(Object::Commitment), problem));
    }
    findings
}

fn check_resumptions(recording: &Recording<'_>) -> Vec<Finding> {
    recording
        .history
        .contradictions
        .iter()
        .map(|found| {
            let problem = format!(
                "the {} was recorded twice, before and after a resumption, and differs",
                found.what
            );
            let finding = if found.one_class { Finding::divergent } else { Finding::note };
            finding(Place::step(found.step), &problem as &dyn std::fmt::Display)
        })
        .collect()
}

/// Limits the samples of one epoch whose order is derived: that takes some
/// twenty bytes a sample, and a step of a few bytes can claim a million of them.
const DRAWN_SAMPLES_MAX: u64 = 1 << 24;

/// Compares learning rates and samples with those that the spec derives.
fn check_steps(recording: &Recording<'_>) -> Vec<Finding> {
    let Recording { spec, history, .. } = recording;
    let mut order = match spec.data_order() {
        Ok(order) => order,
        Err(error) => return vec![Finding::divergent(Place::object(Object::Spec), error)],
    };
    let drawn = order.drawn_at_once(recording.steps());
    if drawn > DRAWN_SAMPLES_MAX {
        let problem = format!(
            "its steps consume {drawn} samples of one epoch; the order of at most \
             {DRAWN_SAMPLES_MAX} is derived here"
        );
        return vec![Finding::inconclusive(Place::object(Object::Spec), problem)];
    }
    let validations = match ValidationSteps::of(spec) {
        Ok(validations) => validations,
        Err(error) => return vec![Finding::divergent(Place::object(Object::Spec), error)],
    };
    let [mut rates, mut samples, mut figures] = [(); 3].map(|()| Tally::default());
    let mut symptoms = SymptomSearch::default();
    for step in 0..recording.steps() {
        let trace = match history.step(step) {
            Ok(Some(trace)) => trace,
            Ok(None) => break,
            Err(error) => return vec![Finding::inconclusive(Place::step(step), error)],
        };
        let declared = spec.learning_rate_at(step);
        if let Some(declared) = declared.filter(|rate| rate.to_bits() != trace.learning_rate_bits) {
            rates.count(step, || other_rate(declared, &trace));
        }
        if samples_digest(order.samples(step)) != trace.samples {
            samples.count(step, || OTHER_SAMPLES.into());
        }
        match (validations.after(step), trace.validation.is_some()) {
            (true, false) => figures.count(step, || NO_FIGURES.into()),
            (false, true) => figures.count(step, || UNDUE_FIGURES.into()),
            _ => {}
        }
        if let Some(layouts) = history.layouts(step) {
            symptoms.take(&trace, &layouts.state, &layouts.gradient);
        }
    }
    let found = [rates, samples, figures].into_iter().filter_map(|tally| tally.finding());
    found.chain(worth_knowing(spec, &symptoms)).collect()
}

/// Says what a faithful training can still have done badly; no verdict rests on it.
fn worth_knowing(spec: &Spec, symptoms: &SymptomSearch) -> impl Iterator<Item = Finding> {
    let symptoms = symptoms.finish().into_iter();
    let unused = spec.unused_samples_note();
    let own = (spec.learning_rate == LearningRate::Program {}).then(|| OWN_RATE.to_owned());
    let said = unused.into_iter().chain(own);
    let said = said.map(|said| Finding::note(Place::object(Object::Spec), said));
    symptoms.map(|found| Finding::note(Place::step(found.step()), found)).chain(said)
}

const OWN_RATE: &str = "the learning rate is the program's own, so only a replay derives it: the recorded rates of \
     steps that are not replayed were compared with nothing";

const NO_FIGURES: &str =
    "the spec has the model measured after this step, and no figures are recorded";

const UNDUE_FIGURES: &str =
    "figures are recorded, and the spec does not have the model measured after this step";

const OTHER_SAMPLES: &str =
    "the recorded samples are not those that the spec derives: another order or another seed";

fn other_rate(declared: f64, trace: &StepTrace) -> String {
    let recorded = trace.learning_rate();
    let factor = recorded / declared;
    format!(
        "the recorded learning rate is {recorded:e}; the spec derives {declared:e} (factor {factor})"
    )
}
