//! Honest runs always match: whatever the number of threads, interruptions,
//! place and order.

use std::fs;
use std::process::Stdio;

use crate::common::{MATCH, Ran, audit, binary, copy, record, roots};
use crate::run::{PROGRAMS, Run, short_spec};

#[test]
fn one_and_two_threads_give_the_same_bits() {
    for (name, ..) in PROGRAMS {
        let run = Run::record(name, &["--threads", "1"]);
        let two = run.beside("two");
        record(&short_spec(run.path.parent().unwrap(), name, &[]), &two, &["--threads", "2"]);
        assert_eq!(roots(&run.path), roots(&two), "{name}");
        for place in [&run.path, &two] {
            let report = audit(place, &["--jobs", "2"]).expect(MATCH).json();
            assert_eq!(report["verdict"]["grade"], "bit-exact", "{name}");
        }
    }
}

#[test]
fn killed_resumed_and_moved_it_matches() {
    for (name, ..) in PROGRAMS {
        let run = Run::record(name, &[]);
        let killed = run.beside("killed");
        let spec = short_spec(run.path.parent().unwrap(), name, &[]);
        let mut child = binary()
            .arg("record")
            .arg(&spec)
            .arg("--out")
            .arg(&killed)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let half = fs::metadata(run.path.join("journal")).unwrap().len() / 2;
        while fs::metadata(killed.join("journal")).map_or(0, |found| found.len()) < half {
            assert!(child.try_wait().unwrap().is_none(), "{name} ended too early");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let resumed = record(&spec, &killed, &["--resume"]);
        assert!(resumed["resumed_step"].as_u64().unwrap() >= 10, "{name}");
        assert_eq!(roots(&killed), roots(&run.path), "{name}");
        let moved = run.beside("moved to");
        copy(&killed, &moved);
        fs::remove_dir_all(&killed).unwrap();
        let report = audit(&moved, &["--segment", "2,0,1"]).expect(MATCH).json();
        assert_eq!(report["claim"]["resumed"][0], resumed["resumed_step"]);
    }
}

#[test]
fn half_precision_is_chosen_in_the_spec_and_changes_nothing_of_the_processors_class() {
    let single = Run::record("digits-mlp", &[]);
    let folder = tempfile::tempdir().unwrap();
    let (program, half) = ("[program]\n", "[program]\nprecision = \"bf16\"\n");
    let spec =
        short_spec(folder.path(), "digits-mlp", &[("format = 1", "format = 2"), (program, half)]);
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    let report = audit(&run, &["--jobs", "2"]).expect(MATCH).json();
    assert_eq!(report["verdict"]["grade"], "bit-exact");
    let shown = binary().args(["inspect", "--json"]).arg(&run).output().unwrap();
    assert!(Ran::from(&shown).stdout.contains("bf16"), "{report}");
    let drilled = binary().args(["drill", "--quick", "--json"]).arg(&run).output().unwrap();
    let drilled = Ran::from(&drilled).expect(MATCH).json();
    let edits = ["weight-edit", "moment-edit", "in-run-edit", "sign-flip", "lr-tamper"];
    for edit in edits {
        let mut rows = drilled["rows"].as_array().unwrap().iter().filter(|row| row["id"] == edit);
        assert!(rows.any(|row| row["caught"] == "yes"), "{edit}: {drilled}");
    }
    let class = |report: &serde_json::Value| report["auditor"]["engine"]["class"].clone();
    let of_single = audit(&single.path, &[]).expect(MATCH).json();
    assert_eq!(class(&report), class(&of_single), "{report}");
    assert!(class(&report).is_object(), "{report}");
}

/// Trains a program as its own spec says, and returns a figure of its
/// evaluation.
fn trained(spec: &str, wanted: &[&str]) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = binary().args(["record", spec, "--json", "--out"]).arg(&out).output().unwrap();
    let recorded = Ran::from(&output).expect(MATCH).json();
    let metrics = recorded["metrics"].as_array().unwrap();
    let figure = |wanted: &&str| {
        let found = metrics.iter().find(|metric| metric["name"] == *wanted);
        found.unwrap_or_else(|| panic!("{spec}: no {wanted}"))["value"].as_f64().unwrap()
    };
    wanted.iter().map(figure).collect()
}

#[test]
fn the_cnn_learns_to_read_digits() {
    let accuracy_share = trained("digits-cnn", &["accuracy_share"])[0];
    assert!(accuracy_share >= 0.95, "{accuracy_share}");
}

#[test]
fn the_gpt_learns_more_than_letter_frequencies() {
    let figures = trained("cicero-gpt", &["loss_nats", "unigram_entropy_nats"]);
    assert!(figures[0] < figures[1] - 0.4, "{figures:?}");
}

#[test]
fn the_demonstration_catches_what_it_plants() {
    let output = binary().args(["demo", "--json"]).output().unwrap();
    let shown = Ran::from(&output).expect(MATCH).json();
    assert_eq!(shown["honest"]["verdict"]["kind"], "match");
    for sabotage in ["edited_copy", "sabotaged_training"] {
        assert_eq!(shown[sabotage]["verdict"]["kind"], "divergent");
    }
}
