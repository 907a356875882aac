//! A recorder that is asked to stop says from which step a resumption starts, and
//! that is so.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::common::{INCONCLUSIVE, MATCH, Ran, audit, binary, record, roots, toy_spec};

const STEPS: u64 = 6000;

fn long_spec(folder: &Path) -> std::path::PathBuf {
    let steps = format!("steps = {STEPS}");
    toy_spec(folder, &[("steps = 60", steps.as_str()), ("every = 10", "every = 250")])
}

fn start(spec: &Path, run: &Path, resume: bool) -> Child {
    let mut command = binary();
    command.arg("record").arg(spec).arg("--out").arg(run);
    if resume {
        command.arg("--resume");
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Signals the recorder once its journal has so many bytes, and more than it
/// began with; returns what it said.
fn stop(child: Child, run: &Path, bytes: u64, signal: &str) -> Ran {
    let begun = Instant::now();
    let grown = || fs::metadata(run.join("journal")).map_or(0, |found| found.len());
    // More than is written before it listens to signals.
    let bytes = bytes.max(grown() + 40_000);
    while grown() < bytes && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    Ran::from(&child.wait_with_output().unwrap())
}

/// Returns the step that the hint names.
fn step_named(ran: &Ran) -> u64 {
    let (_, after) = ran.stderr.split_once("it starts from step ").expect(&ran.stderr);
    let number = after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    number.parse().unwrap_or_else(|_| panic!("{}", ran.stderr))
}

fn inspect(run: &Path) -> serde_json::Value {
    let output = binary().args(["inspect", "--json"]).arg(run).output().unwrap();
    Ran::from(&output).json()
}

#[test]
fn it_goes_on_from_the_very_step_and_ends_in_the_same_state() {
    let folder = tempdir().unwrap();
    let spec = long_spec(folder.path());
    let honest = folder.path().join("honest");
    record(&spec, &honest, &[]);
    let journal_bytes = fs::metadata(honest.join("journal")).unwrap().len();
    let (mut stopped, mut between) = (0, 0);
    for (point, signal) in ["-TERM", "-USR1", "-INT", "-TERM", "-USR1", "-HUP"].iter().enumerate() {
        let run = folder.path().join(format!("run-{point}"));
        let mut steps = Vec::new();
        for (resume, bytes) in [(false, point as u64 + 1), (true, point as u64 + 3)] {
            let ran = stop(start(&spec, &run, resume), &run, bytes * journal_bytes / 12, signal);
            if ran.code == Some(MATCH) {
                break;
            }
            let ran = ran.expect(INCONCLUSIVE).says(&["stopped before step", "--resume"]);
            steps.push(step_named(&ran));
            let kept = run.join("resume.safetensors").exists() && run.join("resume").exists();
            assert_eq!(kept, !steps.last().unwrap().is_multiple_of(250));
            between += u32::from(kept);
        }
        stopped += steps.len();
        assert_eq!(inspect(&run)["interrupted"], serde_json::json!(steps));
        record(&spec, &run, &["--resume"]);
        // Nothing was trained twice: each resumption starts where the stop was.
        assert_eq!(inspect(&run)["resumed"], serde_json::json!(steps));
        assert_eq!(roots(&run), roots(&honest), "{signal} at point {point}");
        assert!(!run.join("resume").exists() && !run.join("resume.safetensors").exists());
        audit(&run, &["--segments", "3"]).expect(MATCH);
    }
    assert!(stopped >= 6 && between >= 1, "{stopped} were stopped, {between} between checkpoints");
}

/// Where the state cannot be written, the words are those of a killed recorder.
#[test]
fn without_room_for_the_state_it_names_the_last_checkpoint() {
    let folder = tempdir().unwrap();
    let (spec, run) = (long_spec(folder.path()), folder.path().join("run"));
    // A folder of that name stands for a disk that refuses.
    fs::create_dir_all(run.join("resume.safetensors/x")).unwrap();
    let ran = stop(start(&spec, &run, false), &run, 80_000, "-TERM").expect(INCONCLUSIVE);
    let interrupted = inspect(&run)["interrupted"][0].as_u64().unwrap();
    let checkpoint = interrupted / 250 * 250;
    let ran = ran.says(&[&format!("stopped before step {interrupted} of {STEPS}")]);
    // Right after a checkpoint, nothing is trained again.
    let said = match interrupted - checkpoint {
        0 => format!("it starts from step {checkpoint}"),
        _ => format!("it starts from the checkpoint of step {checkpoint}, and trains"),
    };
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    record(&spec, &run, &["--resume"]);
    audit(&run, &["--segments", "3"]).expect(MATCH);
}

#[test]
fn a_state_or_checkpoint_that_is_damaged_is_named() {
    let folder = tempdir().unwrap();
    let (spec, run) = (long_spec(folder.path()), folder.path().join("run"));
    stop(start(&spec, &run, false), &run, 200_000, "-TERM").expect(INCONCLUSIVE);
    let interrupted = inspect(&run)["interrupted"][0].as_u64().unwrap();
    let (newest, before) = (interrupted / 250 * 250, interrupted / 250 * 250 - 250);
    if interrupted > newest {
        fs::write(run.join("resume.safetensors"), b"no state").unwrap();
    }
    let checkpoint = inspect(&run)["checkpoints"].as_array().unwrap().clone();
    let root = checkpoint.iter().find(|found| found["step"] == newest).unwrap()["root"].clone();
    let file = run.join(format!("checkpoints/{}.safetensors", root.as_str().unwrap()));
    fs::write(file, b"").unwrap();
    let output = binary().arg("record").args(["--resume", "--out"]).arg(&run).output().unwrap();
    let ran = Ran::from(&output).expect(MATCH).says(&[
        &format!("the checkpoint of step {newest} cannot be used"),
        &format!("goes on from the checkpoint of step {before}"),
    ]);
    let ignored = ran.stderr.contains("the state that the last stop has left is not used");
    assert_eq!(ignored, interrupted > newest, "{}", ran.stderr);
    audit(&run, &["--segments", "3"]).expect(MATCH);
}
