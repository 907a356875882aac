//! The first steps are taken twice before a training is recorded, and whoever
//! records a program that does not repeat is warned.

use std::path::{Path, PathBuf};

use tempfile::tempdir;

use crate::common::{MATCH, Ran, USAGE, binary, record, toy_spec};

fn unsteady(folder: &Path, part: &str, step: u64) -> PathBuf {
    let before = "[program]\nname = \"toy-plane\"\n";
    let more = format!("unsteady = \"{part}\"\nunsteady_step = {step}\nunsteady_by = \"run\"\n");
    toy_spec(folder, &[(before, &format!("{before}[program.hyperparameters]\n{more}"))])
}

fn recording(spec: &Path, out: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("record").arg(spec).arg("--out").arg(out).args(more);
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
    }
}

#[test]
fn a_program_that_repeats_is_not() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let ran = recording(&spec, &folder.path().join("run"), &["--json"]).expect(MATCH);
    assert_eq!(ran.stderr, "");
    let rehearsal = &ran.json()["rehearsal"];
    assert_eq!(rehearsal["reproducible"], true);
    assert_eq!(rehearsal["steps"], 2);
    assert!(rehearsal["first"].is_null());
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
