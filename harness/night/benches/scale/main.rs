//! What a night costs where there is much to watch, against the limits that it sets itself.
//!
//! Everything is made here: a ledger of 10,000 runs, as many small folders, 300 recordings of
//! the toy. Exit code 1 where a limit is missed.

mod lab;
mod ledger;
mod memory;
mod page;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use reenact_night::{Config, Night, look};

use lab::{Lab, Stopwatch, folders};

/// The argument by which this program plans in a process of its own.
const PLANNING: &str = "--planning-in";
const PLANNING_SECONDS_MAX: f64 = 10.0;
const PLANNING_MIB_MAX: f64 = 500.0;
const ADDED_SHARE_MAX: f64 = 0.05;
const PAGE_BYTES_MAX: usize = 2_000_000;

const RUNS: usize = 10_000;
const SMALL_RUNS: usize = 300;

/// A name, and what measures and says whether the limit is kept.
type Section = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == PLANNING) {
        planning(Path::new(&arguments[place + 1]));
        return ExitCode::SUCCESS;
    }
    let only = arguments.iter().position(|argument| argument == "--only");
    let only = only.and_then(|place| arguments.get(place + 1)).map(String::as_str);
    let sections: [Section; 4] =
        [("plan", plan), ("look", look_at_folders), ("night", night), ("page", page::measure)];
    let mut kept = true;
    for (name, measure) in sections {
        if only.is_none_or(|only| only == name) {
            kept &= measure();
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn said(what: &str, is_kept: bool) -> bool {
    println!("{what}: {}", if is_kept { "kept" } else { "MISSED" });
    is_kept
}

fn config(folder: &Path, more: &str) -> Config {
    let text = format!(
        "format = 1\nledger = 'ledger.sqlite'\nreports = 'nights'\n{more}\n\
         [[runs]]\nname = 'all'\nfrom = 'runs/*'\n"
    );
    Config::parse(&text, folder).expect("the config is right")
}

/// Fills a ledger here and plans in a process of its own, whose memory is only the plan's.
fn plan() -> bool {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    ledger::fill(folder.path());
    let own = std::env::current_exe().expect("this program has a file");
    let status = Command::new(own).arg(PLANNING).arg(folder.path()).status();
    status.is_ok_and(|status| status.success())
}

fn planning(folder: &Path) {
    let config = config(folder, ledger::CONFIG);
    let found = ledger::found();
    let begun = Instant::now();
    let plan =
        lab::with_night(&config, ledger::now, &Stopwatch::default(), |night| night.plan_of(found));
    let plan = plan.expect("there is a plan");
    let seconds = begun.elapsed().as_secs_f64();
    let short = plan.short().len();
    let mib = memory::peak_mib();
    println!(
        "plan: {} audits of {} runs, {:.0} of {:.0} device seconds, {short} short",
        plan.units.len(),
        plan.reach.len(),
        plan.seconds,
        plan.budget_seconds
    );
    let in_time = said(
        &format!("plan: {seconds:.2} s, at most {PLANNING_SECONDS_MAX} s"),
        seconds <= PLANNING_SECONDS_MAX,
    );
    let in_memory = said(
        &format!("plan: peak of {mib:.0} MiB, at most {PLANNING_MIB_MAX} MiB"),
        mib <= PLANNING_MIB_MAX,
    );
    if !(in_time && in_memory) {
        std::process::exit(1);
    }
}

/// Looking has no limit of its own; with planning it has to stay below that of planning.
fn look_at_folders() -> bool {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    folders(folder.path(), RUNS);
    let begun = Instant::now();
    let found = look(&config(folder.path(), "budget.device_hours = 1"));
    let seconds = begun.elapsed().as_secs_f64();
    assert!(found.len() == RUNS && found.iter().all(|run| run.peek.is_ok()));
    let what = format!("look: {seconds:.2} s over {RUNS} folders in the page cache");
    said(&what, seconds <= PLANNING_SECONDS_MAX)
}

/// What the night itself adds: planning, a canary, and what it writes down of each audit. What
/// an audit takes beside its replays (reading the recording, the ledger) it takes without a
/// night as well; it is said, and has no limit here.
fn night() -> bool {
    let lab = Lab::recorded(SMALL_RUNS);
    let config = config(lab.folder(), "budget.device_hours = 10\ngoal.within = '1 day'");
    let (watch, begun) = (Stopwatch::default(), Instant::now());
    let run = |night: &Night<'_>| night.run(false);
    let outcome = lab::with_night(&config, reenact_audit::now_seconds, &watch, run);
    let wall = begun.elapsed().as_secs_f64();
    let outcome = outcome.expect("there is a night");
    let (audits, replays) = (watch.seconds(), outcome.spent.used_seconds);
    println!(
        "night: {} audits of {} runs, exit {}: {wall:.1} s, of which audits {audits:.1} s, of \
         which replays {replays:.1} s",
        outcome.plan.units.len(),
        outcome.runs.len(),
        u8::from(outcome.exit)
    );
    let added = wall - audits;
    let each_ms = 1e3 * added / outcome.plan.units.len() as f64;
    let share = added / replays;
    let what = format!(
        "night: adds {each_ms:.1} ms an audit, {:.1} % of the replays' own time, at most 5 %",
        100.0 * share
    );
    said(&what, share <= ADDED_SHARE_MAX)
}
