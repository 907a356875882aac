//! The gate: whose doing it is that bits moved, and what a gate says where nobody can know.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::common::gate::{MOVED, accept, arm, changed, gate, gate_of, honest, states};
use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, toy_spec};

/// A folder with the toy's spec and the lock that this build accepts for it.
fn accepted() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    accept(&spec, &[]).expect(MATCH);
    (folder, spec)
}

#[test]
fn a_build_that_computes_the_accepted_bits_passes() {
    let (_folder, spec) = accepted();
    let found = gate(&spec, &["--base", honest()]).expect(MATCH).json();
    assert!(states(&found).iter().all(|(_, state)| state == "pass"), "{found}");
    assert_eq!((&found["state"], &found["exit_code"]), (&"pass".into(), &0.into()));
    let shown = Ran::from(&binary().arg("gate").arg(&spec).output().unwrap()).expect(MATCH);
    assert!(shown.stdout.starts_with("Pass"), "{}", shown.stdout);
}

#[test]
fn a_changed_build_is_blamed_at_its_step_and_part() {
    let (folder, spec) = accepted();
    for (change, step, part) in [
        ("in-run-edit@17", 17, "update"),
        ("order-swap@9", 9, "batch"),
        // From one step on, as another epsilon would.
        ("lr-tamper@23..60", 23, "update"),
    ] {
        let build = changed(folder.path(), change);
        let found = gate_of(&build, &spec, &["--base", honest()]).expect(MOVED).json();
        let baseline = arm(&found, "baseline");
        let words = baseline["words"].as_str().unwrap();
        assert!(words.starts_with("changed by this build from step"), "{change}: {words}");
        assert_eq!(
            (&baseline["moved"]["step"], &baseline["moved"]["part"]),
            (&step.into(), &part.into()),
            "{change}"
        );
        if part == "update" {
            let tensor = &baseline["moved"]["tensors"][0];
            let values = baseline["moved"]["values"].as_array().unwrap();
            let value = values.iter().find(|found| found["name"] == *tensor).unwrap();
            let difference = &value["difference"];
            assert!(tensor.is_string() && difference["recorded"] != difference["replayed"]);
        }
        // It repeats and resumes, and sees an attack; only its bits are others.
        for sound in ["repeat", "resume", "canary"] {
            assert_eq!(arm(&found, sound)["state"], "pass", "{change}: {found}");
        }
        // Without the base, nobody is blamed.
        let found = gate_of(&build, &spec, &[]).expect(MOVED).json();
        assert!(arm(&found, "baseline")["words"].as_str().unwrap().contains("without --base"));
    }
}

/// Says of an entry that it is of a machine that differs in one fact.
fn move_elsewhere(spec: &Path) {
    let lock = spec.with_extension("lock");
    let text = fs::read_to_string(&lock).unwrap();
    let mut found = reenact_gate::Lock::parse(text.as_bytes()).unwrap();
    let entry = &mut found.entries[0];
    let before = entry.class.clone();
    entry.facts.insert("engine".into(), "toy 0".into());
    entry.class = reenact_gate::ClassId::of(&entry.facts).unwrap();
    let name = spec.file_stem().unwrap().to_str().unwrap();
    let beside = |file: String| spec.with_file_name(file);
    fs::rename(beside(before.trace_file(name)), beside(entry.class.trace_file(name))).unwrap();
    fs::rename(beside(before.journal_file(name)), beside(entry.class.journal_file(name))).unwrap();
    fs::write(&lock, found.canonical().unwrap()).unwrap();
}

#[test]
fn another_machine_is_not_held_against_the_change() {
    let (folder, spec) = accepted();
    // What was accepted there are other bits than here.
    fs::remove_file(spec.with_extension("lock")).unwrap();
    let there = changed(folder.path(), "in-run-edit@17");
    let mut accepting = Command::new(&there);
    accepting.args(["gate", "accept", "--reason", "there"]).arg(&spec).env_remove("CI");
    Ran::from(&accepting.output().unwrap()).expect(MATCH);
    // Of this very class: something moves bits that the facts do not name.
    let found = gate(&spec, &["--base", honest()]).expect(MOVED).json();
    let words = arm(&found, "baseline")["words"].as_str().unwrap();
    assert!(words.starts_with("moved by the machine from step 17, update"), "{words}");
    move_elsewhere(&spec);
    let found = gate(&spec, &["--base", honest()]).expect(MATCH).json();
    let words = arm(&found, "baseline")["words"].as_str().unwrap();
    assert!(words.starts_with("moved by the machine from step 17, update"), "{words}");
    assert!(words.contains("engine: toy 0 / toy 1"), "{words}");
    // Without a base, nothing was compared that judges.
    let found = gate(&spec, &[]).expect(INCONCLUSIVE).json();
    assert_eq!(arm(&found, "baseline")["state"], "not judged");
    // A change is one, wherever it runs.
    let other = changed(folder.path(), "in-run-edit@20");
    let found = gate_of(&other, &spec, &["--base", honest()]).expect(MOVED).json();
    let words = arm(&found, "baseline")["words"].as_str().unwrap();
    assert!(words.starts_with("changed by this build"), "{words}");
}

#[test]
fn what_does_not_repeat_or_resume_is_broken_and_never_accepted() {
    for (by, step, broken) in [("run", 3, &["repeat"][..]), ("restore", 50, &["repeat", "resume"])]
    {
        let folder = tempdir().unwrap();
        let unsteady = format!(
            "[program.hyperparameters]\nunsteady = \"update\"\nunsteady_step = {step}\nunsteady_by = \"{by}\"\n"
        );
        let spec = toy_spec(folder.path(), &[("[data]", &format!("{unsteady}\n[data]"))]);
        let found = gate(&spec, &["--arms", "repeat,resume,canary"]).expect(DIVERGENT).json();
        for name in broken {
            assert_eq!(arm(&found, name)["state"], "broken", "{by}: {found}");
            assert_eq!(arm(&found, name)["moved"]["step"], step, "{by}: {found}");
        }
        assert!(found["specs"][0]["pending"].is_null());
        accept(&spec, &[]).expect(DIVERGENT);
        assert!(!spec.with_extension("lock").exists());
    }
}

#[test]
fn an_older_recording_stays_auditable_or_the_gate_says_so() {
    let (folder, spec) = accepted();
    let (honest_run, other_run) = (folder.path().join("run"), folder.path().join("other"));
    record(&spec, &honest_run, &[]);
    let other = changed(folder.path(), "lr-tamper@0..60");
    let mut recording = Command::new(other);
    recording.arg("record").arg(&spec).arg("--out").arg(&other_run);
    Ran::from(&recording.output().unwrap()).expect(MATCH);
    audit(&other_run, &[]).expect(DIVERGENT);
    let list = |names: &str| {
        let path = spec.with_extension("lock");
        let mut lock = reenact_gate::Lock::parse(&fs::read(&path).unwrap()).unwrap();
        lock.old = names.split(' ').map(str::to_owned).collect();
        fs::write(&path, lock.canonical().unwrap()).unwrap();
    };
    list("run");
    let found = gate(&spec, &[]).expect(MATCH).json();
    assert!(arm(&found, "old")["words"].as_str().unwrap().contains("1 recording"));
    list("gone");
    let found = gate(&spec, &[]).expect(INCONCLUSIVE).json();
    assert!(arm(&found, "old")["words"].as_str().unwrap().contains("gone"), "{found}");
    list("other run");
    let found = gate(&spec, &[]).expect(DIVERGENT).json();
    let words = arm(&found, "old")["words"].as_str().unwrap();
    assert!(words.starts_with("other: this build cannot audit it any more"), "{words}");
}

#[test]
fn a_gate_without_its_canary_has_not_looked() {
    let (_folder, spec) = accepted();
    let found = gate(&spec, &["--arms", "repeat,resume,baseline,old"]).expect(INCONCLUSIVE).json();
    assert!(states(&found).iter().all(|(_, state)| state == "pass"));
    let shown =
        Ran::from(&binary().arg("gate").arg(&spec).args(["--arms", "baseline"]).output().unwrap());
    assert!(shown.expect(INCONCLUSIVE).stdout.contains("canary"));
    gate(&spec, &["--arms", "song"]).expect(USAGE);
}
