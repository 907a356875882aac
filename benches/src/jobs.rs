//! What a second worker brings: the segments that the command itself replays in
//! a minute.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use reenact_core::spec::Spec;

use crate::pairs::Pair;
use crate::rows::{Limit, Row};
use crate::runs::spec;

const SEGMENTS: u64 = 8;
const STEPS: u64 = 25;

/// Audits every segment of a short run with two workers and with one.
pub fn measure(command: &Path, repeat: usize) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (spec_file, run) = (folder.path().join("spec.toml"), folder.path().join("run"));
    let short = Spec { steps: SEGMENTS * STEPS, checkpoint_every: STEPS, ..spec("cicero-gpt") };
    fs::write(&spec_file, short.canonical()).expect("the folder is ours");
    call(Command::new(command).arg("record").arg(&spec_file).arg("--out").arg(&run));
    let audit = |jobs: &str| {
        let mut audit = Command::new(command);
        call(audit.arg("audit").arg(&run).args(["--no-ledger", "--sample", "all", "--jobs", jobs]));
    };
    let pairs: Vec<Pair> = (0..2 + repeat as u64).map(|turn| pair(turn, &audit)).collect();
    let row = Row::of_speeds("audit, segments a minute", ("--jobs 2", "--jobs 1"), &pairs);
    vec![row.limited(Limit::AtLeast(1.7))]
}

fn pair(turn: u64, audit: &dyn Fn(&str)) -> Pair {
    let mut pair = Pair::default();
    pair.add(turn, || audit("2"), || audit("1"));
    pair
}

fn call(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("the command starts").success(), "{command:?} fails");
}
