//! `reenact collect`: judge what workers have answered.

use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::{Executor, Failure, Request, audit};
use reenact_core::format::WORK_NAMESPACE;
use reenact_core::sanitize::{count, plain};
use reenact_core::verify::{AllowedSigners, Report, Verdict};
use reenact_fleet::{Collected, Gathered, Planned, WorkError};
use reenact_store::open_objects;

use super::{nightly, work};
use crate::app::App;
use crate::evidence;
use crate::exit;
use crate::inputs;
use crate::options::{RememberingOptions, Requirement, Trust, Workers, allowed};
use crate::report_folder::ReportFolder;
use crate::terminal::output::{self, BOLD, UNSURE, note, styled};
use crate::terminal::{Watch, report};

const EXAMPLES: &str = "\
Examples:
  reenact collect plan.json --results results
  reenact collect plan.json --results results --allowed-workers workers --report pages
  reenact collect plan.json --results results --json

It runs on a machine of the class that the workers have: results of another class do not count.
What nobody has answered is not judged, and stays due. Causes of divergences are sought here.

Exit codes are those of an audit, of the worst run: 1 before 2 before 0";

/// Join what workers have answered, judge each run, and remember
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The plan, as `reenact plan --out` writes it
    plan: PathBuf,
    /// Where workers have left results
    #[arg(long, value_name = "PLACE")]
    results: String,
    /// Judge by what a night's config says of signers, orders, builds, device and ledger
    #[arg(long, value_name = "CONFIG", conflicts_with_all = ["allowed_signers", "expect", "require", "trusted_builds", "ledger", "no_ledger"])]
    config: Option<PathBuf>,
    /// Count only what one of these workers has signed: OpenSSH's allowed_signers
    #[arg(long, value_name = "FILE")]
    allowed_workers: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// Compare each recorded spec with the one that was ordered
    #[arg(long, value_name = "SPEC")]
    expect: Option<String>,
    #[command(flatten)]
    requirement: Requirement,
    #[command(flatten)]
    remembering: RememberingOptions,
    #[command(flatten)]
    workers: Workers,
    /// Skip the search for the causes of divergences
    #[arg(long)]
    no_explain: bool,
    /// Write a report of each run into a folder in this one
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print the reports as JSON, in a list
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let (plan, digest) = work::read(&arguments.plan).map_err(WorkError::into_failure)?;
    let folders = arguments.folders(&plan.audits)?;
    let results = open_objects(&arguments.results).map_err(Failure::inconclusive)?;
    let allowed = arguments.allowed_workers()?;
    let gathered = Gathered::of(&plan, &digest, results.as_ref(), allowed.as_ref())?;
    for problem in &gathered.refused {
        note(format_args!("{} does not count: {problem}", styled(UNSURE, "warning:")));
    }
    let (found, all) = (gathered.count(), count(plan.units.len() as u64, "segment"));
    note(format_args!("{found} of {all} have a result in {}", plain(&results.place())));
    let processes = arguments.workers.processes();
    let executor = Collected::new(&plan, app.known(), &processes, gathered);
    let (mut verdicts, mut failed) = (Vec::new(), exit::MATCH);
    let mut reports = Vec::new();
    for (planned, folder) in plan.audits.iter().zip(folders) {
        match arguments.judge(app, planned, &executor, folder) {
            Ok(report) => {
                verdicts.push(report.verdict);
                reports.push(report);
            }
            Err(failure) => {
                output::failure(&failure);
                failed = failed.max(exit::of(&failure));
            }
        }
    }
    if arguments.json {
        output::json(&reports);
    }
    Ok(exit_code(&verdicts, failed))
}

/// A divergence is never lost for what else went wrong.
fn exit_code(verdicts: &[Verdict], failed: u8) -> u8 {
    if verdicts.contains(&Verdict::Divergent) {
        exit::DIVERGENT
    } else if failed != exit::MATCH {
        failed
    } else if verdicts.iter().all(|verdict| matches!(verdict, Verdict::Match { .. })) {
        exit::MATCH
    } else {
        exit::INCONCLUSIVE
    }
}

impl Arguments {
    fn judge(
        &self,
        app: &App,
        planned: &Planned,
        executor: &dyn Executor,
        folder: Option<ReportFolder>,
    ) -> Result<Report, Failure> {
        let request = self.request(app, planned)?;
        let report = audit(app.known(), &request, executor, &Watch::new())?;
        let kept = folder.map(|folder| evidence::keep(&folder, &report, &request.remembering));
        if !self.json {
            report::show(&report);
        }
        kept.iter().for_each(evidence::Kept::say);
        if let Some(problem) = report.past.as_ref().and_then(|past| past.problem.as_ref()) {
            note(format_args!("{} {}", styled(BOLD, "note:"), plain(problem)));
        }
        Ok(report)
    }

    fn request(&self, app: &App, planned: &Planned) -> Result<Request, Failure> {
        if let Some(config) = &self.config {
            let run = &planned.audit.run;
            let found = nightly::with_night(app, config, |_, night| night.request_of(run))?;
            let request = found.ok_or_else(|| {
                let config = config.display();
                Failure::usage(format!("{run}: {config} names no such run"))
            })?;
            let (planned, on) = (Some(planned.audit.clone()), planned.on());
            return Ok(Request { planned, device: on, ..request });
        }
        let expected =
            self.expect.as_deref().map(|name| inputs::expected(app, name)).transpose()?;
        Ok(Request {
            planned: Some(planned.audit.clone()),
            signers: self.trust.read()?,
            expected,
            trusted_builds: self.requirement.trusted_builds()?,
            required: self.requirement.independence(),
            remembering: self.remembering.place(),
            explains: !self.no_explain,
            ..Request::of_all(Path::new(&planned.audit.run), planned.on())
        })
    }

    fn allowed_workers(&self) -> Result<Option<AllowedSigners>, Failure> {
        let workers = self.allowed_workers.as_deref();
        workers.map(|path| allowed(path, WORK_NAMESPACE)).transpose()
    }

    /// Makes a folder for each run, before anything is judged.
    fn folders(&self, audits: &[Planned]) -> Result<Vec<Option<ReportFolder>>, Failure> {
        let folder = |(number, planned): (usize, &Planned)| {
            let Some(into) = &self.report else { return Ok(None) };
            let name: String = planned.audit.name.chars().map(file_character).collect();
            let path = into.join(format!("{number:03}-{name}"));
            ReportFolder::create(&path, Path::new(&planned.audit.run)).map(Some)
        };
        audits.iter().enumerate().map(folder).collect()
    }
}

fn file_character(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }
}
