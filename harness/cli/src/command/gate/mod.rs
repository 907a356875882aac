//! `reenact gate`: does this build still compute the accepted bits, and whose doing is it if
//! not?

mod accept;
mod github;
mod junit;
mod next;
mod pending;
mod show;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reenact_audit::{Executor, Failure, Processes, now_seconds};
use reenact_core::spec::Spec;
use reenact_gate::run::{Gate, Outcome, Run};
use reenact_gate::{
    Arm, Date, GateFound, Judgement, Locked, Pending, SpecFound, find_specs, lock_path, read_spec,
};

use crate::app::App;
use crate::options::{DeviceOptions, Workers};
use crate::terminal::{output, progress};

/// Steps that are taken of a spec that has no lock yet.
const STEPS: u64 = 60;
/// What `git bisect run` takes for "cannot be tested".
const BISECT_SKIPS: u8 = 125;

const EXAMPLES: &str = "\
Examples:
  reenact gate                                  every spec with a lock below this folder
  reenact gate replay-specs/digits-cnn.toml
  reenact gate --base ../base/target/release/reenact
                                                the build that the change starts from: whose
                                                doing is it, and a gate where no class fits
  reenact gate accept replay-specs --reason \"burn 0.22.2, #431\"
                                                accept what this build computes; also the first
                                                time
  reenact gate pending                          what waits to be accepted
  reenact gate accept --from artifact/ --reason \"burn 0.22.2, #431\"
  git bisect run sh -c 'cargo build --release || exit 125; target/release/reenact gate --bisect'

Exit codes:
  0   pass: it repeats, resumes, computes the accepted bits, and an attack was seen
  1   broken: it does not repeat, resume, or audit what it could
  2   not judged: no entry for this class, an attack that was not seen, a device that cannot be
      used, nothing that ran
  3   moved: it repeats, with other bits than were accepted
  64  wrong usage, or a lock that cannot be read
  70  a bug of reenact";

/// Retrain the first steps of specs and say whether bits moved, and whose doing it is
#[derive(Args)]
#[command(before_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    gate: GateArguments,
}

#[derive(Subcommand)]
enum Action {
    Accept(accept::Arguments),
    Pending(pending::Arguments),
}

#[derive(Args)]
struct GateArguments {
    /// Specs, locks, or folders with locks [default: this folder]
    #[arg(value_name = "SPEC|DIR")]
    places: Vec<PathBuf>,
    #[command(flatten)]
    way: Way,
    /// Ask these questions alone: repeat, resume, baseline, old, canary. Without the canary
    /// nothing passes
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    arms: Vec<Arm>,
    /// Leave candidates for acceptance in this folder [default: beside each lock]
    #[arg(long, value_name = "DIR")]
    pending: Option<PathBuf>,
    /// Write a job summary, annotations and outputs for GitHub Actions [default: where
    /// GITHUB_ACTIONS is set]
    #[arg(long)]
    github: bool,
    /// Write the result as JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the result into this folder, as a page (gate.html) and for machines (gate.json)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Exit as `git bisect run` expects: 125 where nobody can tell
    #[arg(long)]
    bisect: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says how trainings are taken.
#[derive(Args)]
struct Way {
    /// Compare with this build of reenact, which the change starts from
    #[arg(long, value_name = "BINARY")]
    base: Option<PathBuf>,
    /// Folder with recordings, to name both values of what moved where there is no base
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    workers: Workers,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    match &arguments.action {
        Some(Action::Accept(arguments)) => accept::run(app, arguments),
        Some(Action::Pending(arguments)) => pending::run(arguments),
        None if arguments.gate.bisect => Ok(match gate(app, &arguments.gate) {
            Ok(Judgement::NotJudged) => BISECT_SKIPS,
            Ok(state) => u8::from(state != Judgement::Pass),
            Err(failure) => {
                output::failure(&failure);
                BISECT_SKIPS
            }
        }),
        None => gate(app, &arguments.gate).map(Judgement::exit_code),
    }
}

fn gate(app: &App, arguments: &GateArguments) -> Result<Judgement, Failure> {
    let here = [PathBuf::from(".")];
    let places = if arguments.places.is_empty() { &here[..] } else { &arguments.places };
    let specs = find_specs(places)?;
    let all = Arm::ALL.into_iter();
    let arms = all.filter(|arm| arguments.arms.is_empty() || arguments.arms.contains(arm));
    let stage = Stage::new(app, &arguments.way, arms.collect())?;
    let bar = progress::bar("gate", "specs", specs.len() as u64);
    let mut found = Vec::new();
    for path in &specs {
        bar.set_message(path.display().to_string());
        let (mut one, outcome) = stage.run(path, None)?;
        if let Some(candidate) = &outcome.candidate {
            let folder = arguments.pending.clone().unwrap_or_else(|| folder_of(path));
            let left = leave(&folder, path, &one, candidate, &outcome, stage.today)?;
            one.pending = Some(left.path().display().to_string());
        }
        next::fill(&mut one, path, arguments.pending.as_deref());
        found.push(one);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let found = GateFound::of(found);
    tell(&found, arguments)?;
    Ok(found.state)
}

/// Leaves a candidate, and what it would replace.
fn leave(
    folder: &Path,
    path: &Path,
    found: &SpecFound,
    candidate: &reenact_gate::run::Candidate,
    outcome: &Outcome,
    today: Date,
) -> Result<Pending, Failure> {
    let moved = found.arms.iter().find(|found| found.arm == Arm::Baseline);
    let moved = moved.and_then(|found| found.moved.as_ref());
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Pending::leave(folder, &name, candidate, outcome.replaced.as_ref(), moved, today)
}

fn tell(found: &GateFound, arguments: &GateArguments) -> Result<(), Failure> {
    // What is kept comes before what is said.
    if let Some(path) = &arguments.junit {
        junit::write(found, path)?;
    }
    if let Some(folder) = &arguments.report {
        show::keep(found, folder)?;
    }
    if arguments.github || std::env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true") {
        github::tell(found)?;
    }
    if arguments.json {
        output::json(found);
    } else {
        show::show(found);
    }
    Ok(())
}

/// Holds what every spec is run with.
struct Stage<'a> {
    app: &'a App,
    way: &'a Way,
    processes: Processes,
    base: Option<Processes>,
    arms: BTreeSet<Arm>,
    today: Date,
}

impl<'a> Stage<'a> {
    fn new(app: &'a App, way: &'a Way, arms: BTreeSet<Arm>) -> Result<Self, Failure> {
        let processes = way.workers.processes();
        let base = way.base.as_ref().map(|binary| base(binary, &processes)).transpose()?;
        let today = Date::of_unix(now_seconds());
        let today = today.ok_or_else(|| Failure::inconclusive("the clock is out of range"))?;
        Ok(Self { app, way, processes, base, arms, today })
    }

    /// Asks every question of a spec; a lock says how many steps are taken.
    fn run(&self, path: &Path, steps: Option<u64>) -> Result<(SpecFound, Outcome), Failure> {
        let spec = read_spec(path)?;
        let locked = Locked::beside(path, &spec)?;
        let steps = steps_of(&spec, locked.as_ref(), steps, path)?;
        let gate = Gate {
            programs: self.app.known(),
            executor: &self.processes,
            base: self.base.as_ref().map(|base| base as &dyn Executor),
            device: self.way.device.device(),
            recordings: self.way.recordings.clone(),
            arms: self.arms.clone(),
            today: self.today,
        };
        let outcome = gate.run(&Run { path, spec: &spec, steps, locked: locked.as_ref() })?;
        Ok((outcome.found.clone(), outcome))
    }
}

/// Checks that there is a binary: what it is not shows when it is run.
fn base(binary: &Path, processes: &Processes) -> Result<Processes, Failure> {
    let refuse = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("--base {}: {problem}", binary.display()))
            .hint("give the reenact binary that the merge base builds")
    };
    let found = std::fs::metadata(binary).map_err(|error| refuse(&error))?;
    if !found.is_file() {
        return Err(refuse(&"it is no file"));
    }
    // A worker may be started in another folder.
    let binary = std::path::absolute(binary).map_err(|error| refuse(&error))?;
    Ok(Processes { binary: Some(binary), ..processes.clone() })
}

fn steps_of(
    spec: &Spec,
    locked: Option<&Locked>,
    asked: Option<u64>,
    path: &Path,
) -> Result<u64, Failure> {
    let steps = match (locked, asked) {
        (Some(locked), Some(asked)) if locked.lock.steps != asked => {
            let message = format!(
                "--steps {asked}: {} holds {} steps",
                lock_path(path).display(),
                locked.lock.steps
            );
            return Err(Failure::usage(message).hint("remove the lock to begin anew"));
        }
        (Some(locked), _) => locked.lock.steps,
        (None, asked) => asked.unwrap_or(STEPS.min(spec.steps)),
    };
    if steps == 0 || steps > spec.steps {
        let message = format!("{steps} steps: {} declares {}", path.display(), spec.steps);
        return Err(Failure::usage(message));
    }
    Ok(steps)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).into()
}
