//! Which segments are replayed, who decided it, and what was audited.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, MATCH, Ran, USAGE, audit, binary, record, roots, toy_spec};

fn recorded(replace: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), replace), &run, &[]);
    (folder, run)
}

fn replayed(report: &Value) -> Vec<u64> {
    let segments = report["segments"].as_array().unwrap().iter();
    segments.map(|found| found["segment"]["index"].as_u64().unwrap()).collect()
}

#[test]
fn the_accused_segment_is_replayed_and_not_as_many() {
    let (folder, run) = recorded(&[]);
    let forged = folder.path().join("forged");
    let spec = folder.path().join("toy.toml");
    record(&spec, &forged, &["--attack", "lr-tamper@35..36"]);
    let report = audit(&forged, &["--segment", "3"]).expect(DIVERGENT).json();
    assert_eq!((replayed(&report), report["challenge"].is_null()), (vec![3], true));
    assert_eq!(report["sampled_by"]["by"], "hand");
    let several = audit(&run, &["--segment", "4-5,0", "--segment", "2"]).expect(MATCH).json();
    assert_eq!(replayed(&several), [0, 2, 4, 5]);
    // What draws nothing takes no nonce.
    audit(&run, &["--segment", "3", "--nonce", "x"]).expect(USAGE).says(&["--nonce"]);
    audit(&run, &["--segment", "3", "--sample", "3"]).expect(USAGE).says(&["--sample"]);
}

#[test]
fn the_last_segment_is_in_every_sample() {
    let (folder, run) = recorded(&[]);
    for _ in 0..4 {
        let report = audit(&run, &["--sample", "2"]).expect(MATCH).json();
        assert_eq!((replayed(&report)[1], &report["challenge"]["rule"]), (5, &3.into()));
        // One of the five others: who tampered with one of those escapes with 4 of 5.
        assert_eq!(report["escape"][0]["probability"], 0.8);
    }
    // Tampering with the end alone is caught by the smallest sample.
    let forged = folder.path().join("forged");
    record(&folder.path().join("toy.toml"), &forged, &["--attack", "lr-tamper@55"]);
    audit(&forged, &["--sample", "1"]).expect(DIVERGENT);
}

#[test]
fn the_old_option_still_works_and_says_what_it_was_taken_for() {
    let (_folder, run) = recorded(&[]);
    let old = |text: &str| audit(&run, &["--segments", text]).expect(MATCH);
    let drawn = old("3").says(&["warning:", "--sample 3", "--segment 3"]).json();
    assert_eq!(drawn["challenge"]["count"], 3);
    let listed = old("3,").says(&["warning:", "as --segment 3, which"]).json();
    assert_eq!((replayed(&listed), listed["challenge"].is_null()), (vec![3], true));
    assert_eq!(replayed(&old("all").says(&["--sample all"]).json()).len(), 6);
}

#[test]
fn what_is_beyond_the_run_is_refused() {
    let (_folder, run) = recorded(&[]);
    for option in ["--sample", "--segments"] {
        audit(&run, &[option, "99"]).expect(USAGE).says(&["99 segments", "has 6", "1 to 6"]);
    }
    let confidence = ["--confidence", "0.9", "--tampered", "20"];
    audit(&run, &confidence).expect(USAGE).says(&["20 segments", "has 6", "1 to 6"]);
}

#[test]
fn what_already_speaks_against_a_recording_is_not_lost_by_a_refusal() {
    let (folder, run) = recorded(&[]);
    let ledger = folder.path().join("ledger");
    let ledger = ["--ledger", ledger.to_str().unwrap()];
    audit(&run, &ledger).expect(MATCH);
    // The run is recorded again, shorter, so that a usual sample is beyond it.
    fs::remove_dir_all(&run).unwrap();
    record(&toy_spec(folder.path(), &[("steps = 60", "steps = 20")]), &run, &[]);
    let report = audit(&run, &[&ledger[..], &["--sample", "4"]].concat()).expect(DIVERGENT).json();
    assert!(report["reasons"][0].as_str().unwrap().contains("recorded again"), "{report}");
}

#[test]
fn the_policy_is_called_the_trainers_own_where_it_is() {
    let (_folder, run) = recorded(&[("segments = 3", "segments = 99")]);
    let by = |more: &[&str]| {
        let mut command = binary();
        Ran::from(&command.arg("audit").arg(&run).args(more).output().unwrap())
            .expect(MATCH)
            .words()
    };
    let said = by(&[]);
    assert!(said.contains("as the trainer's spec says: 99 segments"), "{said}");
    assert!(said.contains("--sample or --confidence"), "{said}");
    assert!(said.contains("note: spec.toml: ") && said.contains("the run has 6"), "{said}");
    let said = by(&["--sample", "2"]);
    assert!(said.contains("as the auditor asked: 2 segments"), "{said}");
    assert!(!said.contains("trainer's spec") && !said.contains("99 segments"), "{said}");
}

#[test]
fn a_report_says_what_was_audited() {
    let (folder, run) = recorded(&[]);
    let page = folder.path().join("page");
    let report = audit(&run, &["--report", page.to_str().unwrap()]).expect(MATCH).json();
    let names = ["spec", "commitment", "state", "model"];
    let digests = names.map(|name| report["audited"][name].as_str().unwrap().to_owned());
    assert_eq!(digests[0], report["claim"]["spec"]);
    assert_eq!(digests[1], report["challenge"]["commitment"]);
    assert!(roots(&run).last().unwrap().ends_with(&digests[2]), "{digests:?}");
    let page = fs::read_to_string(page.join("report.html")).unwrap();
    let verdict = page.find("id=\"verdict\"").unwrap();
    let said = |command: &str| {
        let ran = binary().arg(command).arg(&run).output().unwrap();
        Ran::from(&ran).expect(MATCH).stdout
    };
    let (first, inspected) = (said("audit"), said("inspect"));
    for digest in &digests {
        assert!(page[..verdict].contains(digest), "{digest}");
        assert!(first.contains(&digest[..10]), "{digest}: {first}");
        assert!(inspected.contains(digest), "{digest}: {inspected}");
    }
}
