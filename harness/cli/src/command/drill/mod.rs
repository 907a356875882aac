//! `reenact drill`: plant every known attack in copies of a recording, audit
//! each, and show which audits notice.

mod copies;
mod plan;
mod row;
mod summary;
mod table;
mod trial;

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use reenact_audit::{Failure, Request, audit};
use reenact_core::format::{Object, ReadRun};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::verify::Verdict;
use reenact_store::Directory;

use self::copies::{Audited, Ground};
use self::plan::{Places, Plan, ids};
use self::summary::{Summary, Totals};
use self::trial::{Control, Trial};
use crate::app::App;
use crate::options::{DeviceOptions, Workers};
use crate::terminal::signal::Stop;
use crate::terminal::{Watch, output, progress};

const EXAMPLES: &str = "\
Examples:
  reenact drill runs/cnn                          every attack, in copies of the run
  reenact drill runs/cnn --quick                  one strength each, where it is cheapest
  reenact drill runs/cnn --attacks lr-tamper,weight-edit --keep drilled
  reenact drill runs/cnn --seed 7 --json          at other places, for machines";

/// Plant every known attack in copies of a recording, audit each, and show
/// which are caught, by what, and how exactly
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of an honest recording
    run: PathBuf,
    /// Plant only these: a list of ids like `lr-tamper,splice`
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    attacks: Vec<String>,
    /// Decides at which steps and boundaries attacks are planted
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// One strength of each attack, in the last segment
    #[arg(long)]
    quick: bool,
    /// Keep the attacked copies in this folder [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    workers: Workers,
    #[command(flatten)]
    device: DeviceOptions,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    check_attacks(&arguments.attacks)?;
    let temporary = tempfile::tempdir().map_err(Failure::inconclusive)?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    prepare(folder)?;
    let honest = honest(app, arguments)?;
    let ground = Ground {
        app,
        run: &arguments.run,
        spec: read_spec(&arguments.run)?,
        folder: folder.into(),
        device: arguments.device.device(),
        processes: arguments.workers.processes(),
        keep: arguments.keep.is_some(),
        other: OnceCell::new(),
        whole: OnceCell::new(),
    };
    let summary = drill(arguments, &ground, honest)?;
    if arguments.json {
        output::json(&summary);
    } else {
        table::show(&summary);
    }
    if let Some(folder) = &arguments.keep {
        output::note(format_args!("The copies are kept in {}.", folder.display()));
    }
    Ok(summary.exit_code())
}

fn check_attacks(asked: &[String]) -> Result<(), Failure> {
    let known = ids();
    match asked.iter().find(|id| !known.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Failure::usage(format!("a drill knows no attack `{id}`"))
            .hint(format!("it knows {}", known.join(", ")))),
    }
}

/// Copies of an earlier drill would be taken for those of this one.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let refuse = |error| Failure::inconclusive(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(refuse)?;
    if fs::read_dir(folder).map_err(refuse)?.next().is_some() {
        let message = format!("{} is not empty", folder.display());
        return Err(Failure::usage(message).hint("name a new folder with --keep"));
    }
    Ok(())
}

/// Audits the recording that everything else is compared with, as a whole.
fn honest(app: &App, arguments: &Arguments) -> Result<Control, Failure> {
    let all = Request::of_all(&arguments.run, arguments.device.device());
    let processes = arguments.workers.processes();
    let started = Instant::now();
    let report = audit(app.known(), &all, &processes, &Watch::new())?;
    if !matches!(report.verdict, Verdict::Match { .. }) {
        let run = arguments.run.display();
        let reason = report.reasons.first().cloned().unwrap_or_default();
        let message = format!("{run} is no honest recording to begin with: {reason}");
        return Err(Failure::inconclusive(message).hint(format!(
            "a drill on it would prove nothing; see `reenact audit {run} --sample all`"
        )));
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Control::of("honest", &Audited { report, seconds }))
}

fn read_spec(run: &Path) -> Result<Spec, Failure> {
    let text = Directory::open(run)?.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
    Ok(Spec::parse(&String::from_utf8_lossy(&text))?)
}

fn drill(arguments: &Arguments, ground: &Ground<'_>, honest: Control) -> Result<Summary, Failure> {
    let Arguments { attacks, seed, quick, .. } = arguments;
    let places = Places { spec: &ground.spec, seed: *seed, quick: *quick };
    let mut plans: Vec<Plan> = places.plan();
    plans.retain(|plan| attacks.is_empty() || attacks.contains(&plan.id));
    let trial = Trial { ground, places: &places };
    let stop = Stop::listen()?;
    let bar = progress::bar("drilling", "attacks", plans.len() as u64);
    bar.set_message("honest controls");
    let mut controls = vec![honest];
    controls.extend(trial.controls());
    let mut rows = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        bar.set_message(format!("{} {}", plan.id, plan.strength));
        let row = trial.row(number, plan);
        rows.push(row);
        bar.inc(1);
        if stop.requested() {
            bar.abandon();
            return Err(Failure::inconclusive("stopped"));
        }
    }
    bar.finish_and_clear();
    Ok(Summary {
        run: arguments.run.display().to_string(),
        name: ground.spec.name.clone(),
        seed: *seed,
        quick: *quick,
        controls,
        totals: Totals::of(&rows),
        rows,
        elsewhere: Summary::elsewhere(),
    })
}
