//! What `record` says beforehand and at the end: room, samples, what looks broken,
//! and that an attack was planted.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::tempdir;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, toy_spec};

fn recording(spec: &Path, out: &Path, more: &[&str]) -> Ran {
    let output = binary().arg("record").arg(spec).arg("--out").arg(out).args(more).output();
    Ran::from(&output.unwrap())
}

/// Returns what an audit notes.
fn notes(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let notes = findings.filter(|finding| finding["weight"] == "note");
    notes.map(|finding| finding["problem"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_says_how_many_bytes_the_run_will_take() {
    let folder = tempdir().unwrap();
    for (name, more) in [("rehearsed", &[][..]), ("not", &["--no-rehearsal"])] {
        let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join(name));
        let space = record(&spec, &run, more)["space"].clone();
        let mut files: Vec<_> = fs::read_dir(run.join("checkpoints")).unwrap().collect();
        files.extend(fs::read_dir(&run).unwrap());
        let bytes = |entry: &std::io::Result<fs::DirEntry>| match entry.as_ref().unwrap().metadata()
        {
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        };
        let taken: u64 = files.iter().map(bytes).sum();
        let foretold = space["total_bytes"].as_u64().unwrap();
        assert_eq!(space["checkpoints"], 7);
        assert_eq!(space["exact"], more.is_empty());
        assert!(taken <= foretold + 4096 && foretold <= taken + 8192, "{foretold}, {taken}");
    }
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("said"));
    recording(&spec, &run, &[]).expect(MATCH).says(&["the recording will take about", "left"]);
}

#[test]
fn a_run_that_the_disk_cannot_hold_is_not_begun() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(
        folder.path(),
        &[("steps = 60", "steps = 4294967296"), ("every = 10", "every = 4294967296")],
    );
    // A journal of 800 GiB.
    let run = folder.path().join("run");
    let mut command = binary();
    command.arg("record").arg(&spec).arg("--out").arg(&run).arg("--json");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if run.join("journal").exists() {
            // A disk that holds it.
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        }
    }
    Ran::from(&child.wait_with_output().unwrap()).expect(INCONCLUSIVE).says(&[
        "too little room",
        "GiB of journal",
        "--ignore-space",
        "checkpoint_every",
    ]);
    assert!(!run.exists());
}

#[test]
fn samples_that_no_epoch_uses_are_counted() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[("size = 8", "size = 9")]);
    let run = folder.path().join("run");
    let said = "each epoch leaves out 1 of 64 samples";
    recording(&spec, &run, &[]).expect(MATCH).says(&[said]);
    let report = audit(&run, &[]).expect(MATCH).json();
    assert!(notes(&report).iter().any(|note| note.contains(said)), "{report}");
    let spec = toy_spec(folder.path(), &[]);
    let recorded = record(&spec, &folder.path().join("whole"), &[]);
    assert_eq!(recorded["unused_samples"], 0);
}

#[test]
fn what_is_faithful_and_broken_is_said_by_recorder_and_audit() {
    let folder = tempdir().unwrap();
    let rate = "kind = \"warmup-cosine\"\npeak = 0.05\nfloor = 0.001\nwarmup_steps = 5\n";
    let constant = |value: &str| format!("kind = \"constant\"\nvalue = {value}\n");
    let cases = [
        (
            "0.0",
            vec!["the learning rate is 0 at step 0 (and at 59 more", "2 of 2 trainable tensors"],
        ),
        ("1e30", vec!["the loss is "]),
        ("0.05", vec![]),
    ];
    for (value, says) in cases {
        let spec = toy_spec(folder.path(), &[(rate, &constant(value))]);
        let run = folder.path().join(value);
        let ran = recording(&spec, &run, &["--json", "--quiet"]).expect(MATCH).says(&says);
        assert_eq!(ran.json()["symptoms"].as_array().unwrap().len(), says.len(), "{value}");
        assert_eq!(ran.stderr.is_empty(), says.is_empty(), "{}", ran.stderr);
        // The verdict does not change.
        let notes = notes(&audit(&run, &[]).expect(MATCH).json());
        assert_eq!(notes.is_empty(), says.is_empty(), "{notes:?}");
        for said in says {
            assert!(notes.iter().any(|note| note.contains(said)), "{notes:?}");
        }
    }
}

#[test]
fn an_attack_that_acts_nowhere_is_refused_and_another_is_announced() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    for attack in [
        "lr-tamper@9999",
        "lr-tamper@60",
        "lr-tamper@5..3",
        "lr-tamper@5..5",
        "sign-flip@50..61",
        "label-flip@60..18446744073709551615",
    ] {
        recording(&spec, &run, &["--attack", attack]).expect(USAGE).says(&[attack, "0 to 59"]);
        assert!(!run.exists(), "{attack}");
    }
    let ran = recording(&spec, &run, &["--json", "--attack", "lr-tamper@59"]).expect(MATCH);
    let ran = ran.says(&["warning:", "`lr-tamper@59` is planted"]);
    assert_eq!(ran.json()["attack"], "lr-tamper@59");
    audit(&run, &[]).expect(DIVERGENT);
}

#[test]
fn a_resumption_with_another_spec_names_its_keys() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    fs::remove_file(run.join("commitment")).unwrap();
    let other = toy_spec(
        folder.path(),
        &[("steps = 60", "steps = 90"), ("size = 8", "size = 8\naccumulation = 2")],
    );
    recording(&other, &run, &["--resume"]).expect(USAGE).says(&[
        "`steps` was 60 and is now 90",
        "`batch.accumulation` was 1 and is now 2",
        "leave the spec out",
    ]);
    let text = fs::read_to_string(run.join("spec.toml")).unwrap();
    fs::write(run.join("spec.toml"), text.replace("steps = 60", "steps = 90")).unwrap();
    recording(&other, &run, &["--resume"]).expect(INCONCLUSIVE).says(&["spec.toml", "altered"]);
}
