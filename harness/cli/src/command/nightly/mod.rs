//! `reenact nightly`: verify what is written somewhere, a bit each night.

mod diary;
mod folder;
mod machines;
mod page;
mod show;
mod units;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reenact_audit::{Executor, Failure, Processes, Silent, now_seconds};
use reenact_core::digest::Digest;
use reenact_night::{
    CONFIG_BYTES_MAX, Config, Night, NightError, Outcome, Plan, Status, junit, metrics, replace,
    tell,
};
use reenact_store::Ledger;

use crate::app::App;
use crate::exit;
use crate::options::Workers;
use crate::terminal::Watch;
use crate::terminal::output::{self, BOLD, note, styled};

pub(crate) use show::show_incident;

use diary::Notebook;
use folder::NightFolder;
use machines::Machines;

const EXAMPLES: &str = "\
Examples:
  reenact nightly night.toml --dry-run     what tonight would be looked at, and why
  reenact nightly night.toml               a night: canaries, audits, page, telling
  reenact nightly night.toml --resume      go on with a night that ended early
  reenact nightly status night.toml        does it happen at all? the check from outside
  reenact nightly units night.toml --for systemd

A config of nine lines:
  format = 1
  ledger = \"ledger.sqlite\"
  reports = \"nights\"
  [budget]
  device_hours = 2
  [[runs]]
  name = \"all\"
  from = \"runs/*\"

Exit codes: 0 all planned was judged and nothing is open; 1 a divergence is open;
2 something was not judged, a run is overdue or gone, a canary was missed, or another
night runs; 64 a wrong config; 70 a bug of reenact";

/// Verify every run that a config names within a budget, remember, and tell
#[derive(Args)]
#[command(before_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    night: NightArguments,
}

#[derive(Subcommand)]
enum Action {
    Status(StatusArguments),
    Units(units::Arguments),
}

#[derive(Args)]
struct NightArguments {
    /// What is watched, what may be spent, whom to tell: a TOML file
    #[arg(required = true)]
    config: Option<PathBuf>,
    /// Only say what would be done, and why
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Go on with the night that ended early, by its plan
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    workers: Workers,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// Say whether nights happen: exit code 2 if the last success is older than two periods, or a
/// run is overdue
#[derive(Args)]
#[command(
    before_help = "Example:\n  reenact nightly status /etc/reenact/night.toml || page-oncall"
)]
struct StatusArguments {
    /// The config of the night
    config: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    match &arguments.action {
        Some(Action::Status(arguments)) => status(arguments),
        Some(Action::Units(arguments)) => units::run(arguments),
        None => night(app, &arguments.night),
    }
}

/// Reads a config, and the digest of its text.
pub(crate) fn read(path: &Path) -> Result<(Config, Digest), Failure> {
    let refuse = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {problem}", path.display()))
            .hint("see `reenact nightly --help` for a config that works")
    };
    let size = std::fs::metadata(path).map_err(|error| refuse(&error))?.len();
    if size > CONFIG_BYTES_MAX {
        return Err(refuse(&format!("{size} bytes; at most {CONFIG_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refuse(&error))?;
    let folder = std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned()));
    let config = Config::parse(&text, &folder.unwrap_or_default());
    Ok((config.map_err(|error| refuse(&error))?, Config::digest(&text)))
}

fn night(app: &App, arguments: &NightArguments) -> Result<u8, Failure> {
    let path = arguments.config.as_deref().unwrap_or(Path::new(""));
    let (config, digest) = read(path)?;
    let folder = NightFolder::in_reports(&config.reports);
    if !arguments.dry_run {
        folder.check(&config.ledger)?;
    }
    let notebook = Notebook::new(&folder);
    let machines = Machines::of(&config, arguments.workers.processes())?;
    let (executor, watch) = (machines.executor(app)?, Watch::new());
    let night = night_of(app, &config, digest, executor.as_ref(), &notebook);
    let night = Night { observer: &watch, scratch: machines.scratch(), ..night };
    if arguments.dry_run {
        show_plan(&night.plan().map_err(failure)?, arguments.json);
        return Ok(exit::MATCH);
    }
    let outcome = night.run(arguments.resume).map_err(failure)?;
    let problems = tell_all(&night, &config, &folder, &outcome)?;
    if arguments.json {
        output::json(&outcome);
    } else {
        show::outcome(&outcome, &folder.page(&outcome));
    }
    for problem in problems {
        note(format_args!("{} {problem}", styled(BOLD, "warning:")));
    }
    Ok(outcome.exit.into())
}

fn night_of<'a>(
    app: &'a App,
    config: &'a Config,
    digest: Digest,
    executor: &'a dyn Executor,
    notebook: &'a Notebook<'a>,
) -> Night<'a> {
    Night {
        config,
        digest,
        programs: app.known(),
        executor,
        observer: &Silent,
        diary: notebook,
        clock: &now_seconds,
        host: reenact_audit::host(),
        data_dir: ".".into(),
        scratch: None,
    }
}

/// Does something with the night of a config, which is not begun.
pub(crate) fn with_night<T>(
    app: &App,
    path: &Path,
    act: impl FnOnce(&Config, &Night<'_>) -> Result<T, NightError>,
) -> Result<T, Failure> {
    let (config, digest) = read(path)?;
    let folder = NightFolder::in_reports(&config.reports);
    let (notebook, processes) = (Notebook::new(&folder), Processes::new(1));
    act(&config, &night_of(app, &config, digest, &processes, &notebook)).map_err(failure)
}

/// Shows what tonight would be looked at, and why. Nothing is written.
pub(crate) fn tonight(app: &App, path: &Path, as_json: bool) -> Result<u8, Failure> {
    let plan = with_night(app, path, |_, night| night.plan())?;
    show_plan(&plan, as_json);
    Ok(exit::MATCH)
}

fn show_plan(plan: &Plan, as_json: bool) {
    if as_json {
        output::json(plan);
    } else {
        show::plan(plan);
    }
}

/// The page is there already. What is kept comes before what is said; what cannot be said
/// changes nothing that was found.
fn tell_all(
    night: &Night<'_>,
    config: &Config,
    folder: &NightFolder,
    outcome: &Outcome,
) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    let mut tried = |done: Result<(), String>| problems.extend(done.err());
    let ledger = Ledger::open(&config.ledger)?;
    let status = Status::of(config, &ledger, outcome.ended_at_seconds)?;
    if let Some(path) = &config.tell.metrics {
        let version = env!("CARGO_PKG_VERSION");
        let text = metrics(outcome, status.last_success_at_seconds, version);
        tried(replace(path, &text).map_err(|error| format!("{}: {error}", path.display())));
    }
    if let Some(path) = &config.tell.junit {
        let text = junit(outcome);
        let written = text.and_then(|text| replace(path, &text).map_err(|error| error.to_string()));
        tried(written.map_err(|error| format!("{}: {error}", path.display())));
    }
    let page = folder.page(outcome).display().to_string();
    let telling = tell(&config.tell, outcome, &page);
    problems.extend(telling.problems);
    night.remember_told(outcome, &telling.untold).map_err(failure)?;
    Ok(problems)
}

fn status(arguments: &StatusArguments) -> Result<u8, Failure> {
    let (config, _) = read(&arguments.config)?;
    let Some(ledger) = Ledger::open_existing(&config.ledger)? else {
        let message =
            format!("there is no ledger at {}: no night has happened", config.ledger.display());
        return Err(Failure::inconclusive(message));
    };
    let status = Status::of(&config, &ledger, now_seconds())?;
    if arguments.json {
        output::json(&status);
    } else {
        output::line(&status.sentence);
    }
    Ok(if status.is_good() { exit::MATCH } else { exit::INCONCLUSIVE })
}

/// Another night is no mistake of whoever starts this one.
fn failure(error: NightError) -> Failure {
    match error {
        NightError::Told(message) => Failure::usage(message),
        NightError::Lease(error) => Failure::inconclusive(error)
            .hint("wait for it to end; a night that was killed holds nothing"),
        NightError::Ledger(error) => error.into(),
        NightError::Failure(failure) => failure,
    }
}
