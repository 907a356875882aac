//! `reenact plan`: cost against certainty, before anything is spent.

mod out;
mod pace;
mod show;

use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::{Device, Failure, Remembering, Request};
use reenact_core::verify::Coverage;
use reenact_night::{Config, Forecast, Night, Peek, Question, State};
use reenact_store::Ledger;
use serde::Serialize;

use super::nightly;
use crate::app::App;
use crate::exit;
use crate::options::{DeviceOptions, Drawing, LedgerFile};
use crate::terminal::output;

use out::Out;
use pace::Pace;

const EXAMPLES: &str = "\
Examples:
  reenact plan runs/cnn                          what 1, 2, 5, 10, ... segments more come to
  reenact plan runs/cnn --goal 0.95 --tampered 2 how many reach that, and what they cost
  reenact plan runs/cnn --seconds-per-segment 90 nothing is measured
  reenact plan night.toml                        what tonight would be looked at, and why
  reenact plan runs/* --sample 4 --out plan.json --shards 8
                                                 draw, and write what `work` is to replay
  reenact plan runs/cnn --goal 0.95 --out jobs --emit slurm --option=--gres=gpu:1
                                                 the same, with scripts for Slurm
  reenact plan night.toml --out plan.json        what tonight would replay, elsewhere

Seconds are those of earlier replays of the same spec on the same class of device; of none,
some steps are taken and timed. What lies in a recording is believed here: `reenact audit`
finds out whether it is true.";

/// Say what certainty costs: device seconds against the chance of finding tampered segments
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Recordings, finished or still training; or a night's config
    #[arg(required = true, value_name = "RUN|CONFIG")]
    of: Vec<PathBuf>,
    /// Tampered segments of which one is to be found [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tampered: Option<u64>,
    /// The fewest segments that find one with this probability
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    goal: Option<f64>,
    /// Device seconds of a segment, instead of a measurement
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds_per_segment: Option<f64>,
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    drawing: Drawing,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    file: LedgerFile,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Holds what is said of one run.
#[derive(Serialize)]
struct Planned {
    run: PathBuf,
    name: String,
    state: State,
    steps: u64,
    steps_declared: u64,
    pace: Pace,
    /// None if nothing is committed to yet.
    #[serde(flatten)]
    forecast: Option<Forecast>,
    #[serde(skip)]
    curve: Vec<f64>,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    match arguments.of.iter().find(|path| is_config(path)) {
        None => runs(arguments),
        Some(config) if arguments.of.len() == 1 => tonight(app, arguments, config),
        Some(config) => {
            Err(Failure::usage(format!("{}: a config is planned alone", config.display()))
                .hint("name runs, or one config"))
        }
    }
}

/// A folder is a recording, whatever it is called.
fn is_config(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir()
}

fn runs(arguments: &Arguments) -> Result<u8, Failure> {
    let path = arguments.file.path()?;
    let ledger = path.as_deref().map(Ledger::open_existing).transpose()?.flatten();
    if let Some(out) = &arguments.out.out {
        let runs = arguments.of.iter();
        let requests = runs.map(|run| arguments.request(run, path.as_deref()));
        let requests = requests.collect::<Result<Vec<_>, _>>()?;
        return arguments.out.write(out, None, &requests, ledger.as_ref());
    }
    let each = arguments.of.iter().map(|run| arguments.planned(run, ledger.as_ref()));
    let all: Vec<Planned> = each.collect::<Result<_, _>>()?;
    if arguments.json {
        output::json(&all);
    } else {
        show::runs(&all, arguments.goal);
    }
    Ok(exit::MATCH)
}

impl Arguments {
    /// Asks for the audit that a plan begins.
    fn request(&self, run: &Path, ledger: Option<&Path>) -> Result<Request, Failure> {
        let remembering =
            |path: &Path| Remembering::In { path: path.into(), named: self.file.is_named() };
        let tampered = self.tampered.unwrap_or(1);
        let device = self.device.device();
        let data_dir = out::absolute(Path::new(&device.data_dir))?.into();
        let run = out::absolute(run)?;
        Ok(Request {
            so_far: self.drawing.so_far,
            selection: self.drawing.selection(self.goal, tampered),
            remembering: ledger.map_or(Remembering::Nothing, remembering),
            ..Request::of_all(Path::new(&run), Device { data_dir, ..device })
        })
    }

    fn planned(&self, run: &Path, ledger: Option<&Ledger>) -> Result<Planned, Failure> {
        let peek = Peek::at(run).map_err(|problem| {
            Failure::usage(format!("{}: {problem}", run.display()))
                .hint("name a folder that `reenact record` writes, or a night's config (*.toml)")
        })?;
        let coverage = match ledger {
            Some(ledger) => covered(ledger, run, &peek)?,
            None => Coverage::default(),
        };
        let coverage = coverage.grown(peek.segments());
        let pace = match (self.seconds_per_segment, coverage.total()) {
            (Some(segment_seconds), _) => Pace::Given { segment_seconds },
            // There is nothing to replay, so nothing is measured.
            (None, 0) => Pace::Unknown { why: "nothing is committed to yet".into() },
            (None, _) => Pace::of(run, &peek, ledger, &self.device.device())?,
        };
        let question = Question {
            tampered: self.tampered.unwrap_or(1),
            goal: self.goal,
            grows: peek.state == State::Trains,
            segment_seconds: pace.segment_seconds(),
        };
        Ok(Planned {
            run: run.into(),
            name: peek.name,
            state: peek.state,
            steps: peek.steps,
            steps_declared: peek.steps_declared,
            pace,
            forecast: Forecast::of(&coverage, &question),
            curve: Forecast::curve(&coverage, &question, show::CURVE_COLUMNS),
        })
    }
}

/// Returns what audits have covered of this very recording, as far as its commitment tells.
fn covered(ledger: &Ledger, run: &Path, peek: &Peek) -> Result<Coverage, Failure> {
    let names = reenact_audit::names(run);
    let place = names.last().cloned().unwrap_or_default();
    let same = ledger.of_place(&names)?.last().is_some_and(|last| {
        let frames = last.seen.as_ref().map_or(0, |seen| seen.frames);
        let goes_on = peek
            .head
            .is_some_and(|head| last.commitment == Some(head.commitment) || frames < head.frames);
        last.spec == Some(peek.spec) && goes_on
    });
    let kept = same.then(|| ledger.kept_as::<Coverage>(Ledger::COVERAGE, &place)).transpose()?;
    Ok(kept.flatten().unwrap_or_default())
}

fn tonight(app: &App, arguments: &Arguments, path: &Path) -> Result<u8, Failure> {
    let asked = arguments.goal.is_some() || arguments.tampered.is_some();
    let placed = arguments.file.is_given() || arguments.device.device().device.is_some();
    if asked || placed || arguments.seconds_per_segment.is_some() {
        let problem =
            "a config says itself what is to be reached, where, and which ledger is meant";
        return Err(Failure::usage(problem)
            .hint("leave out --goal, --tampered, --seconds-per-segment, --device and --ledger"));
    }
    let Some(out) = &arguments.out.out else {
        return nightly::tonight(app, path, arguments.json);
    };
    let tonight =
        |config: &Config, night: &Night<'_>| Ok((config.ledger.clone(), night.requests()?));
    let (ledger, requests) = nightly::with_night(app, path, tonight)?;
    let ledger = Ledger::open_existing(&ledger)?;
    arguments.out.write(out, Some(path), &requests, ledger.as_ref())
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| *number > 0.0 && *number <= 1.0);
    number.ok_or_else(|| "a number above 0 and at most 1 is expected, as in 0.95".into())
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "a number of seconds above 0 is expected, as in 90 or 0.5".into())
}
