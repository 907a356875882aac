//! `reenact audit`: examine a recording, replay sampled segments, judge.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use reenact_core::format::{Environment, ReadRun};
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{
    Debt, Examination, Finding, Independence, Place, Recall, Recording, Report, Segment, Verdict,
    Vouched, Weight, examine_data,
};
use reenact_store::Directory;

use super::calibration_file::{Calibrated, CalibrationFile};
use super::controls::Subject;
use super::evidence;
use super::load::{self, Device};
use super::memory::{Memory, Remembering};
use super::report;
use super::requirement::Requirement;
use super::segments::{Drawn, Selection, fresh_nonce};
use super::trust::Trust;
use super::within::{self, Comparison, comparison};
use crate::app::App;
use crate::failure::Failure;
use crate::output::{BOLD, styled};
use crate::report_folder::ReportFolder;
use crate::worker::{Crew, Sabotage};
use crate::{environment, exit, output, progress};

const EXAMPLES: &str = "\
Examples:
  reenact audit runs/cnn                          as the spec's sampling policy says
  reenact audit runs/cnn --sample all             replay everything
  reenact audit runs/cnn --segment 3              number three alone
  reenact audit runs/cnn --confidence 0.95 --tampered 2
  reenact audit runs/cnn --report audits/cnn      write a page with the evidence
  reenact audit runs/cnn --allowed-signers allowed_signers
  reenact audit runs/cnn --calibration cpu-cuda.toml --device cuda:0
                                                  on another class of device
  reenact audit runs/cnn --require independent    not by the binary that trained
  reenact audit runs/cnn --beacon drand --beacon-round 5123456 --beacon-value 8f31c2
  reenact audit runs/cnn --sample 4 --nonce \"$NONCE\" --json
                                                  draw again what a report drew";

const STALL_SECONDS: u64 = 600;

/// Examine a recording, replay sampled segments of it, and give a verdict
#[derive(Args, Clone)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of the recording
    run: PathBuf,
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    calibration: CalibrationFile,
    #[command(flatten)]
    pub(super) requirement: Requirement,
    #[command(flatten)]
    pub(super) remembering: Remembering,
    #[command(flatten)]
    device: Device,
    /// Segments to replay at a time, each in a process with one thread
    /// [default: as many as the machine runs at once]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// Seconds without a step after which a worker is taken for hanging
    #[arg(long, value_name = "SECONDS", default_value_t = STALL_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    stall_seconds: u64,
    /// Do not seek the causes of divergences
    #[arg(long)]
    no_explain: bool,
    /// Write the report into this folder, as a page (report.html) and for
    /// machines (report.json)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// What the workers do otherwise than they should: for the drill alone.
    #[arg(skip)]
    pub(super) sabotage: Option<Sabotage>,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let folder = arguments.report.as_deref();
    let folder = folder.map(|path| ReportFolder::create(path, &arguments.run)).transpose()?;
    let report = audit(app, arguments)?;
    // What is kept comes before what is said: a reader may go away, the evidence stays.
    let kept = folder.map(|folder| evidence::keep(&folder, &report, &arguments.remembering));
    if arguments.json {
        output::json(&report);
    } else {
        report::show(&report);
    }
    kept.iter().for_each(evidence::Kept::say);
    if let Some(problem) = report.past.as_ref().and_then(|past| past.problem.as_ref()) {
        let problem = Failure::inconclusive(problem);
        output::note(format_args!("{} {}", styled(BOLD, "note:"), problem.said()));
    }
    Ok(match report.verdict {
        Verdict::Match { .. } => exit::MATCH,
        Verdict::Divergent => exit::DIVERGENT,
        Verdict::Inconclusive => exit::INCONCLUSIVE,
    })
}

impl Arguments {
    /// Asks for every segment, leaves no trace, and otherwise for what is usual.
    pub(super) fn of_all(run: &Path, device: Device) -> Self {
        let selection = Selection::all();
        Self {
            run: run.into(),
            selection,
            trust: Trust::default(),
            calibration: CalibrationFile::default(),
            requirement: Requirement::default(),
            remembering: Remembering::none(),
            device,
            jobs: None,
            stall_seconds: STALL_SECONDS,
            no_explain: false,
            report: None,
            json: false,
            sabotage: None,
        }
    }
}

pub(super) fn audit(app: &App, arguments: &Arguments) -> Result<Report, Failure> {
    let signers = arguments.trust.read()?;
    let calibrated = arguments.calibration.read(&arguments.trust)?;
    arguments.selection.given_nonce()?;
    if let Some(warning) = arguments.selection.warning() {
        output::note(format_args!("{} {warning}", styled(BOLD, "warning:")));
    }
    let store = Directory::open(&arguments.run)?;
    let mut memory = arguments.remembering.open(&arguments.run)?;
    let examination = load::examined(&store, signers.as_ref(), arguments.json);
    let Examination { mut findings, recording, vouched, .. } = examination;
    memory.ask(&store, recording.as_ref())?;
    findings.extend(memory.recall().into_iter().flat_map(Recall::findings));
    let mut report = match &recording {
        Some(recording) => {
            let calibrated = calibrated.as_ref();
            judge(app, arguments, recording, vouched, findings, calibrated, &mut memory)?
        }
        None => {
            let auditor = environment::describe(no_engine())?;
            let place = store.place();
            Report::conclude(place, vouched, None, None, findings, Vec::new(), auditor)
        }
    };
    report.required = arguments.requirement.independence();
    memory.close(&mut report, recording.as_ref());
    Ok(report.finished())
}

/// Judges a recording that is whole enough to be replayed.
fn judge(
    app: &App,
    arguments: &Arguments,
    recording: &Recording<'_>,
    vouched: Vouched,
    mut findings: Vec<Finding>,
    calibrated: Option<&Calibrated>,
    memory: &mut Memory,
) -> Result<Report, Failure> {
    let mut drawn = match arguments.selection.draw(recording, fresh_nonce) {
        Ok(drawn) => drawn,
        // A run that was cut short has fewer segments than somebody counts on:
        // what already speaks against it is not lost for that.
        Err(failure) if findings.iter().any(speaks_against) => {
            return without_replay(recording, vouched, findings, failure);
        }
        Err(failure) => return Err(failure),
    };
    drawn.owe(memory.debts());
    findings.extend(drawn.note.clone());
    let setting = arguments.device.setting(&recording.spec, 1, None);
    let program = match app.find(&recording.spec.program.name) {
        Ok(program) => program,
        Err(failure) => return without_replay(recording, vouched, findings, failure),
    };
    let auditor = match program.engine(&setting) {
        Ok(engine) => environment::describe(engine)?,
        Err(error) => return without_replay(recording, vouched, findings, error.into()),
    };
    match derived(program, recording, &setting, arguments.json) {
        Ok(found) => findings.extend(found),
        Err(failure) => return without_replay(recording, vouched, findings, failure),
    }
    let mut objection = unmet(arguments, recording, &auditor);
    let mut within = None;
    match comparison(calibrated, recording, &auditor) {
        Comparison::BitExact(note) => findings.extend(note),
        Comparison::Within => within = calibrated,
        Comparison::Objection(finding) => objection = objection.or(Some(finding)),
    }
    if let Some(objection) = objection {
        findings.push(objection);
        let (place, none) = (recording.run.place(), Vec::new());
        let claimed = Some(recording);
        return Ok(Report::conclude(place, vouched, claimed, None, findings, none, auditor));
    }
    findings.extend(Debt::objection(memory.debts(), &drawn.segments));
    memory.begin(&drawn, recording, findings.iter().any(speaks_against));
    let examined = (vouched.clone(), findings.clone());
    match replay(arguments, recording, drawn, (vouched, findings), auditor, within) {
        // What the examination found stands, though no temporary file can be written, say.
        Err(failure) if failure.exit_code() == exit::INCONCLUSIVE => {
            let (vouched, findings) = examined;
            without_replay(recording, vouched, findings, failure)
        }
        done => done,
    }
}

/// Objects if another independence is required than this audit has. Replaying
/// could not change that, so it would be in vain.
fn unmet(
    arguments: &Arguments,
    recording: &Recording<'_>,
    auditor: &Environment,
) -> Option<Finding> {
    let required = arguments.requirement.independence()?;
    Independence::of(&recording.history.environments, auditor.binary).require(required)
}

/// What the audit lacks itself is never held against the recording.
fn without_replay(
    recording: &Recording<'_>,
    vouched: Vouched,
    mut findings: Vec<Finding>,
    failure: Failure,
) -> Result<Report, Failure> {
    let hint = failure.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    let place = Place::object(reenact_core::format::Object::Spec);
    findings.push(Finding::inconclusive(place, format!("{}{hint}", failure.message)));
    let auditor = environment::describe(no_engine())?;
    let place = recording.run.place();
    Ok(Report::conclude(place, vouched, Some(recording), None, findings, Vec::new(), auditor))
}

fn no_engine() -> reenact_core::trainer::Engine {
    reenact_core::trainer::Engine { class: Default::default(), notes: Default::default() }
}

/// Compares samples and batches with what the spec derives.
fn derived(
    program: &dyn Program,
    recording: &Recording<'_>,
    setting: &Setting,
    quiet: bool,
) -> Result<Vec<Finding>, Failure> {
    let data = load::data(program, &recording.spec, setting)?;
    let bar = progress::bar("deriving", "steps", recording.spec.steps, quiet);
    let findings = examine_data(recording, data.as_ref(), &mut |step| bar.set_position(step));
    bar.finish_and_clear();
    Ok(findings)
}

fn replay(
    arguments: &Arguments,
    recording: &Recording<'_>,
    drawn: Drawn,
    (vouched, findings): (Vouched, Vec<Finding>),
    auditor: Environment,
    calibrated: Option<&Calibrated>,
) -> Result<Report, Failure> {
    let segments: Vec<Segment> =
        drawn.segments.iter().map(|&index| recording.segment(index)).collect();
    let steps = segments.iter().map(|segment| segment.step_end - segment.step_start).sum();
    let bar = progress::bar("replaying", "steps", steps, arguments.json);
    bar.set_message(format!("{} of {} segments", segments.len(), recording.segment_count()));
    let challenge = drawn.challenge.as_ref();
    let within = calibrated.map(|found| within::task(found, recording, challenge)).transpose()?;
    let mut crew = Crew {
        run: arguments.run.clone(),
        commitment: recording.commitment,
        device: arguments.device.clone(),
        jobs: arguments.jobs.map_or_else(load::available_threads, usize::from),
        stall: Duration::from_secs(arguments.stall_seconds),
        pins_kernels: !recording.history.selections.is_empty(),
        explains: !arguments.no_explain && is_of_class(recording, &auditor),
        sabotage: arguments.sabotage.clone(),
        within: within.clone(),
    };
    let mut reports = crew.replay(&segments, &bar)?;
    bar.finish_and_clear();
    let subject = Subject { recording, auditor: &auditor, challenge, quiet: arguments.json };
    let mut controls = subject.controls(&crew, &reports)?;
    let mut tolerance = calibrated.zip(within.as_ref());
    let explains = !arguments.no_explain;
    let less_was_asked = tolerance.is_some() || explains && !crew.explains;
    if less_was_asked && subject.computes_here(&reports, &controls) {
        // Nothing is allowed then, every bit is compared, and a cause can be told.
        (crew.within, crew.explains, tolerance) = (None, explains, None);
        reports = crew.replay(&segments, &ProgressBar::hidden())?;
        controls = subject.replay(&crew, &controls)?;
    }
    reports.iter_mut().chain(&mut controls).for_each(|report| report.settle(&findings));
    let tolerance = tolerance
        .map(|(found, within)| within::judge(found, &crew, within, &mut reports))
        .transpose()?;
    let place = recording.run.place();
    let mut report = Report::conclude(
        place,
        vouched,
        Some(recording),
        drawn.challenge,
        findings,
        reports,
        auditor,
    );
    report.nonce_source = drawn.nonce_source;
    report.sampled_by = Some(drawn.sampled_by);
    let report = report.with_controls(controls);
    Ok(match tolerance {
        Some(tolerance) => report.within(tolerance),
        None => report,
    })
}

/// On a machine that is said to be of another class a divergence proves nothing yet, so
/// there is nothing to explain.
fn is_of_class(recording: &Recording<'_>, auditor: &Environment) -> bool {
    let trained_by = recording.history.trained_by();
    trained_by.iter().all(|(_, found)| found.class_differences(auditor).is_empty())
}

/// Says whether a finding speaks against the recording.
pub(super) fn speaks_against(finding: &Finding) -> bool {
    finding.weight == Weight::Divergent
}
