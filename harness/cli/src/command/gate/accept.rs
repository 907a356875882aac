//! `reenact gate accept`: what was computed becomes what is accepted.

use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::Failure;
use reenact_core::sanitize::{is_plain, plain};
use reenact_gate::{Arm, Change, Judgement, Pending, find_specs, read_spec};
use serde::Serialize;

use super::{Stage, Way, folder_of, leave};
use crate::app::App;
use crate::exit;
use crate::terminal::output::{self, BOLD, line, styled};

/// Limits a reason, which is read in a review.
const REASON_BYTES_MAX: usize = 1000;

const EXAMPLES: &str = "\
Examples:
  reenact gate accept replay-specs/digits-cnn.toml --reason \"first lock\"
  reenact gate accept --reason \"burn 0.22.2, #431\"            everything that waits below here
  reenact gate accept --from artifact/ --reason \"burn 0.22.2, #431\"

With CI set, nothing is written without --from.";

/// Accept what this build computes: take over what a gate left, or run it first
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Specs, locks, or folders with locks [default: this folder]
    #[arg(value_name = "SPEC|DIR")]
    places: Vec<PathBuf>,
    /// Take what a gate left in this folder, of a CI system, say
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Why the bits may move; it stands in the lock
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Steps of a first lock [default: 60, or all of a shorter run]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    #[command(flatten)]
    way: Way,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn reason(text: &str) -> Result<String, String> {
    let said = !text.trim().is_empty() && text.len() <= REASON_BYTES_MAX;
    (said && text.chars().all(is_plain))
        .then(|| text.to_owned())
        .ok_or_else(|| format!("say why, in one line of 1 to {REASON_BYTES_MAX} bytes"))
}

/// Says what was accepted, for machines.
#[derive(Serialize)]
struct Accepted {
    lock: String,
    class: String,
    moved: Option<String>,
    first: bool,
}

impl From<Change> for Accepted {
    fn from(change: Change) -> Self {
        let Change { lock, class, moved, is_first } = change;
        let (lock, class) = (lock.display().to_string(), class.to_string());
        Self { lock, class, moved, first: is_first }
    }
}

pub(super) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let in_ci = std::env::var_os("CI").is_some_and(|set| !set.is_empty() && set != "false");
    if in_ci && arguments.from.is_none() {
        return Err(Failure::usage("CI is set, where a gate judges and accepts nothing")
            .hint("accept on your own machine, or name what a gate left with --from"));
    }
    let here = [PathBuf::from(".")];
    let places = if arguments.places.is_empty() { &here[..] } else { &arguments.places };
    let specs = find_specs(places)?;
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut refused = false;
    let arms = Arm::ALL.into_iter().filter(|arm| *arm != Arm::Old).collect();
    let stage = Stage::new(app, &arguments.way, arms)?;
    for path in &specs {
        match of_spec(&stage, path, arguments)? {
            Some(changes) => accepted.extend(changes.into_iter().map(Accepted::from)),
            None => refused = true,
        }
    }
    if arguments.json {
        output::json(&accepted);
    } else {
        show(&accepted);
    }
    if specs.is_empty() {
        output::note("there is no lock below this folder; name a spec to make its first one");
        return Ok(exit::INCONCLUSIVE);
    }
    Ok(if refused { exit::DIVERGENT } else { exit::MATCH })
}

/// Accepts what waits for a spec; none if what it computes cannot be accepted.
fn of_spec(
    stage: &Stage<'_>,
    path: &Path,
    arguments: &Arguments,
) -> Result<Option<Vec<Change>>, Failure> {
    let spec = read_spec(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = arguments.from.clone().unwrap_or_else(|| folder_of(path));
    let mut waiting = Pending::of(&folder, &name)?;
    // What waits may be of another length than is asked for now.
    waiting.retain(|pending| arguments.steps.is_none_or(|asked| asked == pending.steps));
    if waiting.is_empty() && arguments.from.is_none() {
        let (found, outcome) = stage.run(path, arguments.steps)?;
        let Some(candidate) = &outcome.candidate else {
            let bad = found
                .arms
                .iter()
                .find(|found| found.arm != Arm::Baseline && found.state != Judgement::Pass);
            return Ok(match bad {
                Some(bad) => {
                    let said = plain(&bad.words);
                    output::note(format_args!("{}: {} {said}", found.spec, bad.arm));
                    None
                }
                None => Some(Vec::new()),
            });
        };
        waiting.push(leave(&folder, path, &found, candidate, &outcome, stage.today)?);
    }
    let accept = |pending: Pending| pending.accept(path, &spec, &arguments.reason, stage.today);
    waiting.into_iter().map(accept).collect::<Result<Vec<_>, _>>().map(Some)
}

fn show(accepted: &[Accepted]) {
    if accepted.is_empty() {
        line("Nothing was accepted: no bits wait, and none moved.");
    }
    for one in accepted {
        let word = if one.first { "first lock" } else { "accepted" };
        let (lock, class) = (styled(BOLD, &one.lock), &one.class);
        line(format_args!("{word}: {lock}, {class}"));
        if let Some(moved) = &one.moved {
            line(format_args!("  {moved}"));
        }
    }
}
