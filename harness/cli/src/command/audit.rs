//! `reenact audit`: examine a recording, replay sampled segments, judge.

use std::path::PathBuf;

use clap::Args;
use reenact_audit::{Failure, Request, audit};
use reenact_core::format::PRUNE_NAMESPACE;
use reenact_core::verify::{ModelFile, Report, Verdict};
use reenact_night::Bytes;

use crate::app::App;
use crate::evidence;
use crate::exit;
use crate::inputs;
use crate::options::{
    CalibrationFile, DeviceOptions, RememberingOptions, Requirement, SelectionOptions, Trust,
    Workers, allowed,
};
use crate::report_folder::ReportFolder;
use crate::terminal::output::{self, BOLD, styled};
use crate::terminal::{Watch, report};

const EXAMPLES: &str = "\
Examples:
  reenact audit runs/cnn                            as the spec's sampling policy says
  reenact audit runs/cnn --sample all               replay everything
  reenact audit runs/cnn --segment 3                number three alone
  reenact audit runs/cnn --report audits/cnn        write a page with the evidence
  reenact audit runs/cnn --expect orders/cnn.toml   is it the run that was ordered?
  reenact audit runs/cnn --model cnn.safetensors    is this file the model of that run?
  reenact audit runs/cnn --so-far                   while it still trains";

/// Examine a recording, replay sampled segments of it, and give a verdict
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of the recording
    run: PathBuf,
    /// Audit what is complete of a run that still trains
    #[arg(long)]
    so_far: bool,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    trust: Trust,
    /// Compare with the spec that was ordered, a file or a name
    #[arg(long, value_name = "SPEC")]
    expect: Option<String>,
    /// Believe these keys as to what was pruned
    #[arg(long, value_name = "FILE")]
    pruners: Option<PathBuf>,
    #[command(flatten)]
    calibration: CalibrationFile,
    #[command(flatten)]
    requirement: Requirement,
    #[command(flatten)]
    remembering: RememberingOptions,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    workers: Workers,
    /// Say whether FILE is the model that this run ends with
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Compare so many bytes of other batches, as in `500 MiB`
    #[arg(long, value_name = "SIZE")]
    batch_budget: Option<Bytes>,
    /// Skip the search for the causes of divergences
    #[arg(long)]
    no_explain: bool,
    /// Write report.html and report.json into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let folder = arguments.report.as_deref();
    let folder = folder.map(|path| ReportFolder::create(path, &arguments.run)).transpose()?;
    let request = arguments.request(app)?;
    let processes = arguments.workers.processes();
    let report = audit(app.known(), &request, &processes, &Watch::new())?;
    // What is kept comes before what is said: a reader may go away, the evidence stays.
    let kept = folder.map(|folder| evidence::keep(&folder, &report, &request.remembering));
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
    Ok(exit_code(&report))
}

/// A file that is not the run's model takes a match back from whoever asked for it, though not
/// from the run: that verdict stays.
fn exit_code(report: &Report) -> u8 {
    let model = report.model_file.as_ref();
    match report.verdict {
        Verdict::Match { .. } if model.is_some_and(ModelFile::is_other) => exit::DIVERGENT,
        Verdict::Match { .. } if model.is_some_and(|model| !model.is_final()) => exit::INCONCLUSIVE,
        Verdict::Match { .. } => exit::MATCH,
        Verdict::Divergent => exit::DIVERGENT,
        Verdict::Inconclusive => exit::INCONCLUSIVE,
    }
}

impl Arguments {
    fn request(&self, app: &App) -> Result<Request, Failure> {
        let signers = self.trust.read()?;
        let expected =
            self.expect.as_deref().map(|name| inputs::expected(app, name)).transpose()?;
        let calibrated = self.calibration.read(&self.trust)?;
        let trusted_builds = self.requirement.trusted_builds()?;
        let selection = self.selection.selection()?;
        if let Some(warning) = self.selection.warning() {
            output::note(format_args!("{} {warning}", styled(BOLD, "warning:")));
        }
        let pruners = self.pruners.as_deref().map(|path| allowed(path, PRUNE_NAMESPACE));
        Ok(Request {
            pruners: pruners.transpose()?,
            so_far: self.so_far,
            selection,
            signers,
            expected,
            calibrated,
            trusted_builds,
            required: self.requirement.independence(),
            remembering: self.remembering.place(),
            model: self.model.clone(),
            batch_bytes_max: self.batch_budget.map(|budget| budget.0),
            explains: !self.no_explain,
            ..Request::of_all(&self.run, self.device.device())
        })
    }
}
