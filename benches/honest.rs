//! Counts false alarms: audits honest recordings, and exits with 1 if one is called
//! anything but a match.
//!
//! In memory, small programs of random parts: batch norm, dropout, shared and frozen
//! parameters, integer buffers, AdamW and SGD, asked to use 1 to 8 threads, killed and
//! resumed, audited while they are unfinished. By the real command, every program that
//! comes with reenact, trained with one thread and with two, killed and resumed, and
//! audited all the while that it is written.
//!
//!     cargo bench -p reenact-benches --bench honest -- --cases 100 --no-command

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::Duration;

use clap::Parser;
use reenact_benches::honest::Case;
use reenact_benches::runs::spec;
use reenact_core::spec::Spec;

/// Random programs, unless the user says otherwise.
const CASES: u64 = 2000;
const SEGMENTS: u64 = 40;
const STEPS: u64 = 4;
const ROOT_SEEDS: u64 = 3;
const PROGRAMS: [&str; 3] = ["digits-mlp", "digits-cnn", "cicero-gpt"];

/// Says how a run is recorded.
#[derive(Clone, Copy, Debug)]
enum How {
    OneThread,
    TwoThreads,
    KilledAndResumed,
    Watched,
}

/// The exit code of an audit that accuses.
const DIVERGENT: i32 = 1;

#[derive(Parser)]
struct Arguments {
    /// Random programs to record and audit in memory
    #[arg(long, value_name = "N", default_value_t = CASES)]
    cases: u64,
    /// Number of the first of them, to try one again
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Leave the real command with the programs that come with it out
    #[arg(long)]
    no_command: bool,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut accused = by_chance(arguments.first..arguments.first + arguments.cases);
    if !arguments.no_command {
        accused += by_command();
    }
    ExitCode::from(u8::from(accused > 0))
}

/// Audits random programs; returns how many are not called a match.
fn by_chance(cases: Range<u64>) -> usize {
    let count = cases.end - cases.start;
    let accused = cases.filter(|&case| {
        let accusation = Case::draw(case).accusation();
        if let Err(problem) = &accusation {
            println!("case {case}: {problem}");
        }
        accusation.is_err()
    });
    let accused = accused.count();
    println!("{count} random programs recorded and audited; {accused} not called a match");
    accused
}

/// Audits the programs that come with the command; returns how many recordings are
/// not called a match.
fn by_command() -> usize {
    let (mut replayed, mut accused) = (0, 0);
    for program in PROGRAMS {
        for how in [How::OneThread, How::TwoThreads, How::KilledAndResumed, How::Watched] {
            let alarms = (0..ROOT_SEEDS).filter(|seed| !matches(program, how, *seed)).count();
            replayed += ROOT_SEEDS * SEGMENTS;
            accused += alarms;
            println!("{program} {how:?}: {} segments, {alarms} alarms", ROOT_SEEDS * SEGMENTS);
        }
    }
    println!("{replayed} honest segments replayed; {accused} recordings not called a match");
    accused
}

/// Records honestly and says whether the audit of every segment matches.
fn matches(program: &str, how: How, seed: u64) -> bool {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (spec_file, run) = (folder.path().join("spec.toml"), folder.path().join("run"));
    let declared = spec(program);
    let root_seed = declared.root_seed + seed;
    let spec = Spec { root_seed, steps: SEGMENTS * STEPS, checkpoint_every: STEPS, ..declared };
    fs::write(&spec_file, spec.canonical()).expect("the folder is ours");
    if !record(&spec_file, &run, how, seed) {
        return false;
    }
    let audit = ["--no-ledger", "--sample", "all"];
    quiet(command().arg("audit").arg(&run).args(audit)).status().is_ok_and(|found| found.success())
}

/// Records; says whether no audit on the way accused.
fn record(spec: &Path, run: &Path, how: How, seed: u64) -> bool {
    let threads = if matches!(how, How::OneThread) { "1" } else { "2" };
    let mut recording = command();
    recording.arg("record").arg(spec).arg("--out").arg(run).args(["--threads", threads]);
    let mut child = quiet(&mut recording).spawn().expect("the command starts");
    if matches!(how, How::KilledAndResumed) {
        // It may have ended already.
        while !run.join("journal").exists() && matches!(child.try_wait(), Ok(None)) {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(40 * (seed + 1)));
        let _ = child.kill();
    }
    let mut accused = false;
    while matches!(how, How::Watched) && matches!(child.try_wait(), Ok(None)) {
        let mut audit = command();
        audit.arg("audit").arg(run).args(["--no-ledger", "--sample", "1"]);
        accused |= quiet(&mut audit).status().is_ok_and(|found| found.code() == Some(DIVERGENT));
    }
    let ended = child.wait().expect("the command ends");
    if !ended.success() {
        let mut resuming = command();
        resuming.args(["record", "--resume", "--out"]).arg(run);
        let ended = quiet(&mut resuming).status().expect("the command starts");
        assert!(ended.success(), "{how:?} {seed}: it cannot be resumed");
    }
    !accused
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_reenact-benched"))
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}
