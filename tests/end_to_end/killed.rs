//! A recorder that is killed leaves a valid prefix, and can go on.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::common::{INCONCLUSIVE, MATCH, Ran, audit, binary, record, roots, toy_spec};

const STEPS: u64 = 6000;

fn long_spec(folder: &Path) -> std::path::PathBuf {
    toy_spec(folder, &[("steps = 60", &format!("steps = {STEPS}")), ("every = 10", "every = 250")])
}

pub(crate) fn start(spec: &Path, run: &Path, resume: bool) -> Child {
    let mut command = binary();
    command.arg("record").arg(spec).arg("--out").arg(run).arg("--json");
    if resume {
        command.arg("--resume");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills the recorder once its journal has this many bytes; says whether it
/// was still alive.
pub(crate) fn kill_at(mut child: Child, run: &Path, bytes: u64) -> bool {
    let started = Instant::now();
    loop {
        if fs::metadata(run.join("journal")).is_ok_and(|found| found.len() >= bytes) {
            break;
        }
        if child.try_wait().unwrap().is_some() || started.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn killed_at_many_points_and_resumed_it_ends_in_the_same_state() {
    let folder = tempdir().unwrap();
    let spec = long_spec(folder.path());
    let honest = folder.path().join("honest");
    record(&spec, &honest, &[]);
    let journal_bytes = fs::metadata(honest.join("journal")).unwrap().len();
    let mut killed = 0;
    for point in 0..12 {
        let run = folder.path().join(format!("run-{point}"));
        killed +=
            u32::from(kill_at(start(&spec, &run, false), &run, 1 + journal_bytes * point / 12));
        // And once more, on the way.
        let grown = fs::metadata(run.join("journal")).map_or(0, |found| found.len());
        killed += u32::from(kill_at(start(&spec, &run, true), &run, grown + journal_bytes / 20));
        let output = binary().args(["record", "--resume", "--json", "--out"]).arg(&run).output();
        Ran::from(&output.unwrap()).expect(MATCH);
        assert_eq!(roots(&run), roots(&honest), "killed at point {point}");
        audit(&run, &["--sample", "2"]).expect(MATCH);
    }
    assert!(killed >= 12, "only {killed} of 24 recorders were alive when they were killed");
}

#[test]
fn an_unfinished_run_is_inconclusive_and_says_how_to_go_on() {
    let folder = tempdir().unwrap();
    let (spec, run) = (long_spec(folder.path()), folder.path().join("run"));
    kill_at(start(&spec, &run, false), &run, 80_000);
    let report = audit(&run, &[]).expect(INCONCLUSIVE).json();
    assert_eq!(report["advice"], serde_json::json!([{ "kind": "so-far" }]));
    let shown = Ran::from(&binary().arg("audit").arg(&run).output().unwrap()).stdout;
    assert!(shown.contains("reenact record --resume --out"), "{shown}");
    assert!(report["findings"][0]["weight"] == "inconclusive");
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_says_so_in_the_journal() {
    let folder = tempdir().unwrap();
    let (spec, run) = (long_spec(folder.path()), folder.path().join("run"));
    let mut child = start(&spec, &run, false);
    while fs::metadata(run.join("journal")).map_or(0, |found| found.len()) < 50_000 {}
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(INCONCLUSIVE));
    let inspect = |code| {
        let output = binary().args(["inspect", "--json"]).arg(&run).output().unwrap();
        Ran::from(&output).expect(code).json()
    };
    assert_eq!(inspect(INCONCLUSIVE)["interrupted"].as_array().unwrap().len(), 1);
    let resumed = record(&spec, &run, &["--resume"]);
    assert!(resumed["resumed_step"].as_u64().unwrap() > 0);
    let inspected = inspect(MATCH);
    assert_eq!(inspected["resumed"][0], resumed["resumed_step"]);
    audit(&run, &["--sample", "3"]).expect(MATCH);
}

/// A limit on the size of files stands for a full disk: the system refuses the
/// write in the same way, whoever runs the test.
#[cfg(unix)]
#[test]
fn a_full_disk_gives_one_message_and_loses_nothing() {
    let folder = tempdir().unwrap();
    let (spec, run) = (long_spec(folder.path()), folder.path().join("run"));
    let line = format!(
        "trap '' XFSZ; ulimit -f 300; exec '{}' record '{}' --out '{}'",
        env!("CARGO_BIN_EXE_reenact"),
        spec.display(),
        run.display()
    );
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    let ran = Ran::from(&output).expect(INCONCLUSIVE).says(&["journal", "--resume"]);
    assert_eq!(ran.stderr.matches("error:").count(), 1);
    let honest = folder.path().join("honest");
    record(&spec, &honest, &[]);
    record(&spec, &run, &["--resume"]);
    assert_eq!(roots(&run), roots(&honest));
    audit(&run, &["--sample", "2"]).expect(MATCH);
}

#[test]
fn nothing_is_resumed_that_is_complete_or_of_another_spec() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    let before = fs::read(run.join("journal")).unwrap();
    let output = binary().args(["record", "--resume", "--out"]).arg(&run).output().unwrap();
    Ran::from(&output).expect(MATCH).says(&["complete"]);
    let other = toy_spec(folder.path(), &[("root_seed = 7", "root_seed = 8")]);
    let output = binary().arg("record").arg(&other).args(["--resume", "--out"]).arg(&run).output();
    Ran::from(&output.unwrap()).expect(crate::common::USAGE).says(&["another spec"]);
    assert_eq!(fs::read(run.join("journal")).unwrap(), before);
}
