//! The first steps are taken several times before a training is recorded. Whoever
//! records a program that does not repeat is warned; one whose bits depend on the
//! number of threads is refused. An audit does not accuse either.

use std::path::{Path, PathBuf};

use tempfile::tempdir;

use crate::common::{INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, toy_spec};

fn unsteady(folder: &Path, part: &str, step: u64) -> PathBuf {
    unsteady_by(folder, part, step, "run")
}

fn unsteady_by(folder: &Path, part: &str, step: u64, by: &str) -> PathBuf {
    let before = "[program]\nname = \"toy-plane\"\n";
    let more = format!("unsteady = \"{part}\"\nunsteady_step = {step}\nunsteady_by = \"{by}\"\n");
    toy_spec(folder, &[(before, &format!("{before}[program.hyperparameters]\n{more}"))])
}

fn recording(spec: &Path, out: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("record").arg(spec).arg("--out").arg(out).args(more);
    command.env("RUST_BACKTRACE", "0");
    Ran::from(&command.output().unwrap())
}

#[test]
fn a_program_that_does_not_repeat_is_warned_of() {
    let folder = tempdir().unwrap();
    for part in ["initial-weights", "batch", "loss", "gradient", "update"] {
        let spec = unsteady(folder.path(), part, 1);
        let ran = recording(&spec, &folder.path().join(part), &["--json"]).expect(MATCH);
        let ran = ran.says(&["warning:", "does not repeat on cpu", "reenact doctor"]);
        let rehearsal = &ran.json()["rehearsal"];
        assert_eq!(rehearsal["reproducible"], false, "{part}");
        assert_eq!(rehearsal["first"]["part"], part, "{part}");
        assert_eq!(rehearsal["when"], "again", "{part}");
    }
}

#[test]
fn a_program_that_repeats_is_not() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let ran = recording(&spec, &folder.path().join("run"), &["--json", "--quiet"]).expect(MATCH);
    assert_eq!(ran.stderr, "");
    let rehearsal = &ran.json()["rehearsal"];
    assert_eq!(rehearsal["reproducible"], true);
    assert_eq!(rehearsal["steps"], 2);
    assert!(rehearsal["first"].is_null());
}

#[test]
fn bits_that_depend_on_threads_are_refused_before_the_recording() {
    let folder = tempdir().unwrap();
    let spec = unsteady_by(folder.path(), "gradient", 1, "threads");
    let run = folder.path().join("run");
    for more in [&["--threads", "2"][..], &["--threads", "2", "--no-rehearsal"]] {
        recording(&spec, &run, more).expect(USAGE).says(&["--threads 2", "one thread", "gradient"]);
        assert!(!run.exists());
    }
    recording(&spec, &run, &[]).expect(MATCH);
    audit(&run, &[]).expect(MATCH);
}

#[test]
fn what_a_state_does_not_hold_and_what_a_process_decides_are_warned_of() {
    let folder = tempdir().unwrap();
    for (by, part, when, says) in [
        ("restore", "update", "restored", "captured and restored"),
        ("process", "loss", "other-process", "in another process"),
        ("process", "initial-weights", "other-process", "[files]"),
    ] {
        let spec = unsteady_by(folder.path(), part, 1, by);
        let run = folder.path().join(format!("{by}-{part}"));
        let ran = recording(&spec, &run, &["--json"]).expect(MATCH);
        let ran = ran.says(&["warning:", "does not repeat", says]);
        assert_eq!(ran.json()["rehearsal"]["when"], when);
    }
}

#[test]
fn weights_from_what_is_not_declared_accuse_nobody() {
    let folder = tempdir().unwrap();
    let spec = unsteady_by(folder.path(), "initial-weights", 0, "data-dir");
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    audit(&run, &[]).expect(MATCH);
    let elsewhere = folder.path().to_str().unwrap();
    let ran = audit(&run, &["--data-dir", elsewhere]).expect(INCONCLUSIVE);
    assert!(ran.stdout.contains("declare such files under [files]"), "{}", ran.stdout);
}

#[test]
fn a_loss_that_is_drawn_from_outside_is_not_the_hardware() {
    let folder = tempdir().unwrap();
    let spec = unsteady(folder.path(), "loss", 3);
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    let ran = audit(&run, &[]).expect(INCONCLUSIVE);
    assert!(ran.stdout.contains("the program does not repeat: it draws"), "{}", ran.stdout);
}

#[test]
fn what_comes_after_the_first_steps_is_left_to_the_doctor() {
    let folder = tempdir().unwrap();
    let spec = unsteady(folder.path(), "loss", 3);
    let ran = recording(&spec, &folder.path().join("run"), &["--json"]).expect(MATCH);
    assert_eq!(ran.json()["rehearsal"]["reproducible"], true);
}

#[test]
fn it_can_be_left_out_and_does_not_change_what_is_recorded() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let [with, without] = ["with", "without"].map(|name| folder.path().join(name));
    let rehearsed = record(&spec, &with, &[]);
    let plain = record(&spec, &without, &["--no-rehearsal"]);
    assert!(plain["rehearsal"].is_null());
    assert_eq!(plain["commitment"], rehearsed["commitment"]);
}

#[test]
fn a_panic_in_a_program_is_its_mistake() {
    let folder = tempdir().unwrap();
    for (step, more) in [(0, &[][..]), (4, &["--no-rehearsal"])] {
        let spec = unsteady(folder.path(), "panic", step);
        let ran = recording(&spec, &folder.path().join(format!("run-{step}")), more).expect(USAGE);
        let ran = ran.says(&["training program has a mistake", "the toy panics", "unsteady.rs:"]);
        assert!(!ran.stderr.contains("bug of reenact"), "{}", ran.stderr);
    }
}

#[test]
fn a_folder_that_is_taken_is_refused_before() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    // It would be warned of, if it were rehearsed.
    let spec = unsteady(folder.path(), "loss", 0);
    let ran = recording(&spec, &run, &[]);
    let ran = ran.expect(USAGE);
    assert!(!ran.stderr.contains("does not repeat"), "{}", ran.stderr);
}
