//! Accepting what a gate left, and locks that are not what they should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::common::gate::{MOVED, accept, arm, changed, gate, gate_of, honest};
use crate::common::{INCONCLUSIVE, MATCH, Ran, USAGE, binary, toy_spec};

fn accepted() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    accept(&spec, &[]).expect(MATCH);
    (folder, spec)
}

/// Names everything in a folder with its content.
fn held(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_gate_writes_no_lock_and_leaves_what_can_be_accepted() {
    let (folder, spec) = accepted();
    let before = held(folder.path());
    let (build, waits) = (changed(folder.path(), "in-run-edit@17"), folder.path().join("waits"));
    let pending = ["--pending", waits.to_str().unwrap(), "--base", honest()];
    let found = gate_of(&build, &spec, &pending).expect(MOVED).json();
    fs::remove_file(&build).unwrap();
    assert_eq!(held(folder.path()), before);
    assert!(found["specs"][0]["pending"].as_str().unwrap().contains("pending.lock"), "{found}");
    let next = arm(&found, "baseline")["next"].as_str().unwrap();
    assert!(next.contains("gate accept") && next.contains("--from"), "{next}");
    let listed = |more: &[&str]| {
        let mut command = binary();
        command.args(["gate", "pending", "--json"]).arg(&spec).args(more);
        Ran::from(&command.output().unwrap()).expect(MATCH).json()
    };
    let from = ["--from", waits.to_str().unwrap()];
    assert_eq!(listed(&[]).as_array().unwrap().len(), 0);
    let moved = listed(&from)[0]["moved"].as_str().unwrap().to_owned();
    assert!(moved.starts_with("from step 17, update; loss of the last step moved by"), "{moved}");
    assert!(moved.contains("relative L2") && moved.contains("1 ulp"), "{moved}");
    // With CI set it takes --from, and takes it over.
    let in_ci = |more: &[&str]| {
        let mut command = binary();
        command.args(["gate", "accept", "--reason", "burn 1.0, #7"]).arg(&spec).args(more);
        Ran::from(&command.env("CI", "true").output().unwrap())
    };
    in_ci(&[]).expect(USAGE).says(&["CI is set", "--from"]);
    assert_eq!(held(folder.path()), before);
    in_ci(&from).expect(MATCH);
    let lock = fs::read_to_string(spec.with_extension("lock")).unwrap();
    for part in ["reason = \"burn 1.0, #7\"", "was = \"", "moved = \"from step 17, update"] {
        assert!(lock.contains(part), "{part}: {lock}");
    }
    assert_eq!(held(&waits), []);
    gate(&spec, &[]).expect(MOVED);
    gate_of(&changed(folder.path(), "in-run-edit@17"), &spec, &[]).expect(MATCH);
}

#[test]
fn what_was_left_before_another_was_accepted_is_not_taken_over() {
    let (folder, spec) = accepted();
    let waits = folder.path().join("waits");
    let from = ["--from", waits.to_str().unwrap()];
    let build = changed(folder.path(), "in-run-edit@17");
    gate_of(&build, &spec, &["--pending", waits.to_str().unwrap()]).expect(MOVED);
    let mut other = Command::new(changed(folder.path(), "in-run-edit@20"));
    other.args(["gate", "accept", "--reason", "other"]).arg(&spec).env_remove("CI");
    Ran::from(&other.output().unwrap()).expect(MATCH);
    let before = held(folder.path());
    accept(&spec, &from).expect(USAGE).says(&["another one was accepted", "run the gate again"]);
    assert_eq!(held(folder.path()), before);
}

#[test]
fn a_first_lock_has_as_many_steps_as_asked_for() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    gate(&spec, &[]).expect(INCONCLUSIVE);
    accept(&spec, &["--steps", "61"]).expect(USAGE).says(&["61 steps", "declares 60"]);
    let made = accept(&spec, &["--steps", "10"]).expect(MATCH).json();
    assert_eq!((&made[0]["first"], &made[0]["moved"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(gate(&spec, &[]).expect(MATCH).json()["specs"][0]["steps"], 10);
    accept(&spec, &["--steps", "20"]).expect(USAGE).says(&["holds 10 steps"]);
    assert_eq!(accept(&spec, &[]).expect(MATCH).json().as_array().unwrap().len(), 0);
}

#[test]
fn two_gates_on_one_checkout_do_not_disturb_each_other() {
    let (folder, spec) = accepted();
    let build = changed(folder.path(), "in-run-edit@17");
    let start = || {
        let mut command = Command::new(&build);
        command.arg("gate").arg(&spec).arg("--json").stdout(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [start(), start()];
    for child in both {
        Ran::from(&child.wait_with_output().unwrap()).expect(MOVED);
    }
    let mut accepting = Command::new(&build);
    accepting.args(["gate", "accept", "--reason", "x"]).arg(&spec).env_remove("CI");
    Ran::from(&accepting.output().unwrap()).expect(MATCH);
    gate_of(&build, &spec, &[]).expect(MATCH);
}

#[test]
fn a_spoilt_lock_or_trace_is_named_and_left_alone() {
    let (folder, spec) = accepted();
    let lock = spec.with_extension("lock");
    let good = fs::read_to_string(&lock).unwrap();
    let spec_line = good.lines().nth(2).unwrap().to_owned();
    let other_spec = format!("spec = \"{}\"", "ab".repeat(32));
    let entry = &good[good.find("[[entry]]").unwrap()..good.find("# End.").unwrap()];
    let spoilt = [
        (good.replace("format = 1", "format = 9"), "is newer than 1"),
        (good.replace("spec = \"", "spec = \"00"), "line 3"),
        (good.replace(&spec_line, &other_spec), "was accepted for the spec"),
        (good[..good.len() / 2].to_owned(), "toy.lock"),
        (good.replace("# End.", &format!("{entry}# End.")), "twice"),
        (good.replace("# End.", &format!("{}# End.", entry.repeat(2000))), "toy.lock"),
        (good.replace("steps = 60", "<<<<<<< ours\nsteps = 60"), "merge"),
        (good.replace('\n', "\r\n"), "CR LF"),
        (good.replace("enforce", "enforced"), "enforced"),
        (String::new(), "toy.lock"),
    ];
    for (text, says) in spoilt {
        fs::write(&lock, &text).unwrap();
        let said = gate(&spec, &[]).expect(USAGE).says(&["toy.lock"]);
        assert!(said.stderr.contains(says), "{says}: {}", said.stderr);
        assert_eq!(said.stderr.lines().filter(|line| line.starts_with("error")).count(), 1);
        accept(&spec, &[]).expect(USAGE);
        assert_eq!(fs::read_to_string(&lock).unwrap(), text, "{says}");
    }
    fs::write(&lock, &good).unwrap();
    for (path, content) in held(folder.path()) {
        let extension = path.extension().unwrap().to_str().unwrap().to_owned();
        match extension.as_str() {
            "trace" => {
                fs::write(&path, &content[..content.len() - 9]).unwrap();
                gate(&spec, &[]).expect(USAGE).says(&[".trace"]);
                fs::remove_file(&path).unwrap();
                gate(&spec, &[]).expect(USAGE).says(&[".trace", "No such file"]);
            }
            // Without it, tensors have no names, and that is all.
            "journal" => fs::remove_file(&path).unwrap(),
            _ => continue,
        }
        if extension == "journal" {
            gate(&spec, &[]).expect(MATCH);
        }
        fs::write(&path, &content).unwrap();
        gate(&spec, &[]).expect(MATCH);
    }
}

#[test]
fn a_base_that_is_none_judges_nothing() {
    let (folder, spec) = accepted();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    gate(&spec, &["--base", &path("gone")]).expect(USAGE).says(&["--base", "gone", "merge base"]);
    gate(&spec, &["--base", &path("")]).expect(USAGE).says(&["it is no file"]);
    fs::write(path("text"), "no program").unwrap();
    let build = changed(folder.path(), "in-run-edit@17");
    let none = changed(folder.path(), "nothing");
    for (base, says) in [
        (path("text"), "did not start"),
        ("/bin/true".into(), "died"),
        ("/bin/false".into(), "died"),
        (none.to_str().unwrap().into(), "no training program"),
    ] {
        let found = gate_of(&build, &spec, &["--base", &base]).expect(MOVED).json();
        let words = arm(&found, "baseline")["words"].as_str().unwrap();
        assert!(words.starts_with("moved from step 17"), "{base}: {words}");
        assert!(
            words.contains("the base cannot be run") && words.contains(says),
            "{base}: {words}"
        );
        // What is accepted needs no base.
        gate(&spec, &["--base", &base]).expect(MATCH);
    }
}
