//! Honest runs are never accused.

use tempfile::tempdir;

use crate::common::{MATCH, audit, copy, record, toy_spec};

#[test]
fn a_run_matches_wherever_it_lies() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let (run, elsewhere) = (folder.path().join("run"), folder.path().join("else where"));
    record(&spec, &run, &[]);
    copy(&run, &elsewhere);
    for place in [&run, &elsewhere] {
        let report = audit(place, &[]).expect(MATCH).json();
        assert_eq!(report["verdict"]["grade"], "bit-exact");
        assert_eq!(report["segments"].as_array().unwrap().len(), 6);
        assert_eq!(report["independence"], "self-check");
    }
}

#[test]
fn a_sample_can_be_drawn_again() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let drawn = |more: &[&str]| {
        let report = audit(&run, more).expect(MATCH).json();
        let segments = report["segments"].as_array().unwrap().clone();
        let indices: Vec<u64> =
            segments.iter().map(|s| s["segment"]["index"].as_u64().unwrap()).collect();
        (indices, report["challenge"]["nonce"].as_str().map(str::to_owned))
    };
    let (first, nonce) = drawn(&["--sample", "3"]);
    let (again, _) = drawn(&["--sample", "3", "--nonce", &nonce.unwrap(), "--jobs", "1"]);
    assert_eq!(first, again);
    let (listed, no_nonce) = drawn(&["--segment", "5,0-1"]);
    assert_eq!((listed, no_nonce), (vec![0, 1, 5], None));
    // A choice by hand has no chance that could be stated.
    let chosen = audit(&run, &["--segment", "5,0-1"]).expect(MATCH).json();
    assert_eq!(chosen["escape"].as_array().unwrap().len(), 0);
    // With six segments, finding one tampered one with 60 % takes four.
    let (confident, _) = drawn(&["--sample", "4"]);
    assert_eq!(confident.len(), 4);
}

#[test]
fn confidence_computes_the_number() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let output = crate::common::binary()
        .args(["audit", "--json", "--confidence", "0.6", "--tampered", "1"])
        .arg(&run)
        .output()
        .unwrap();
    let report = crate::common::Ran::from(&output).expect(MATCH).json();
    assert_eq!(report["challenge"]["count"], 4);
    assert!((report["escape"][0]["probability"].as_f64().unwrap() - 0.4).abs() < 1e-9);
}

#[test]
fn two_recordings_of_one_spec_are_byte_identical() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    record(&spec, &a, &[]);
    record(&spec, &b, &[]);
    let contents = |run: &std::path::Path| {
        let files = crate::common::files(run);
        files.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(contents(&a), contents(&b));
}
