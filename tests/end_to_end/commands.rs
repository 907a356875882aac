//! What the other commands print, and how each ends.

use std::fs;

use reenact_core::format::write_checkpoint;
use reenact_core::state::{DType, State, TensorSpec};
use tempfile::tempdir;

use crate::common::{DIVERGENT, MATCH, Ran, USAGE, audit, binary, record, reenact, toy_spec};

#[test]
fn help_names_the_exit_codes_and_examples() {
    let help = reenact(&["--help"]).expect(MATCH).stdout;
    for part in ["Exit codes", "64", "70", "audit", "record", "inspect", "diff"] {
        assert!(help.contains(part), "{part}");
    }
    for command in ["audit", "record", "inspect", "diff", "doctor", "plan"] {
        let help = reenact(&[command, "--help"]).expect(MATCH).stdout;
        assert!(help.contains("Examples:") && help.contains("--json"), "{command}: {help}");
    }
}

#[test]
fn inspect_shows_what_a_recording_holds() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let recorded = record(&toy_spec(folder.path(), &[]), &run, &[]);
    let output = binary().args(["inspect", "--json"]).arg(&run).output().unwrap();
    let inspected = Ran::from(&output).expect(MATCH).json();
    assert_eq!(inspected["steps"], 60);
    assert_eq!(inspected["head"], recorded["head"]);
    assert_eq!(inspected["checkpoints"].as_array().unwrap().len(), 7);
    assert_eq!(inspected["losses"].as_array().unwrap().len(), 60);
    let output = binary().arg("inspect").arg(&run).output().unwrap();
    let text = Ran::from(&output).expect(MATCH).stdout;
    assert!(text.contains("toy-plane") && text.contains("every digest agrees"), "{text}");
}

#[test]
fn diff_shows_tensors_and_values() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let at = |step: u64| format!("{}@{step}", run.display());
    let same = reenact(&["diff", &at(10), &at(10)]).expect(MATCH);
    assert!(same.stdout.contains("equal"), "{}", same.stdout);
    let differ = reenact(&["diff", &at(10), &at(20), "--json"]).expect(DIVERGENT).json();
    let names: Vec<&str> = differ["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 5);
    assert!(names.contains(&"run.step"));
    reenact(&["diff", &at(10), &at(11)]).expect(USAGE).says(&["10, 20, 30"]);
}

#[test]
fn diff_counts_the_tensors_that_either_side_has() {
    let folder = tempdir().unwrap();
    let file = |name: &str, tensors: &[&str]| {
        let tensor = |name: &&str| {
            let spec = TensorSpec { name: (*name).into(), dtype: DType::F32, shape: vec![1] };
            (spec, 1.5f32.to_le_bytes().to_vec())
        };
        let state = State::from_named(tensors.iter().map(tensor).collect()).unwrap();
        let path = folder.path().join(name);
        write_checkpoint(&state, &mut fs::File::create(&path).unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, other) = (file("one", &["a"]), file("other", &["b", "c", "d"]));
    let found = reenact(&["diff", &one, &other, "--json"]).expect(DIVERGENT).json();
    let (differ, total) = (found["differences"].as_array().unwrap(), &found["tensors"]);
    assert_eq!((differ.len(), total.as_u64()), (4, Some(4)));
    let text = reenact(&["diff", &one, &other]).expect(DIVERGENT).stdout;
    assert!(text.contains(&format!("{} of {total} tensors", differ.len())), "{text}");
}

#[test]
fn json_is_all_that_standard_output_holds() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let report = audit(&run, &[]).expect(MATCH);
    assert_eq!(report.stderr, "");
    assert_eq!(report.json()["format"], 1);
}
