//! Samples that a public random value draws.

use std::fs;

use tempfile::tempdir;

use crate::common::{MATCH, USAGE, audit, record, toy_spec};

const BEACON: [&str; 6] =
    ["--beacon", "drand-quicknet", "--beacon-round", "4321098", "--beacon-value", "9a1f"];

#[test]
fn everybody_draws_the_sample_of_a_beacon() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let reports = folder.path().join("reports");
    let page = ["--sample", "3", "--report", reports.to_str().unwrap()];
    let report = audit(&run, &[&BEACON[..], &page].concat()).expect(MATCH).json();
    let text = "beacon drand-quicknet 4321098 9a1f";
    assert_eq!(report["challenge"]["nonce"], text);
    let source = &report["nonce_source"];
    assert_eq!(source["kind"], "beacon");
    assert_eq!((&source["source"], &source["value"]), (&"drand-quicknet".into(), &"9a1f".into()));
    assert_eq!(source["round"], 4_321_098);
    let again = audit(&run, &["--sample", "3", "--nonce", text]).expect(MATCH).json();
    assert_eq!(again["nonce_source"]["kind"], "given");
    let drawn = |report: &serde_json::Value| {
        let segments = report["segments"].as_array().unwrap().iter();
        segments.map(|found| found["segment"]["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(&report), drawn(&again));
    let page = fs::read_to_string(reports.join("report.html")).unwrap();
    for part in ["drand-quicknet", "4321098", "9a1f", "announced after"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_beacon_is_whole_and_alone() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    for (first, last) in [(0, 2), (0, 4), (2, 4), (4, 6), (2, 6)] {
        audit(&run, &BEACON[first..last]).expect(USAGE).says(&["--beacon"]);
    }
    audit(&run, &[&BEACON[..], &["--nonce", "x"]].concat()).expect(USAGE).says(&["--nonce"]);
    let with = |place: usize, text: &str| {
        let mut arguments = BEACON;
        arguments[place] = text;
        audit(&run, &arguments).expect(USAGE)
    };
    with(1, "two words").says(&["source of a beacon", "two words"]);
    with(5, "").says(&["value of a beacon"]);
    with(3, "latest").says(&["--beacon-round"]);
    with(5, &"f".repeat(250)).says(&["too long"]);
}

#[test]
fn a_fresh_nonce_is_fresh() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let nonce = || {
        let report = audit(&run, &["--sample", "1"]).expect(MATCH).json();
        assert_eq!(report["nonce_source"]["kind"], "fresh");
        report["challenge"]["nonce"].as_str().unwrap().to_owned()
    };
    assert_ne!(nonce(), nonce());
    let chosen = audit(&run, &["--segment", "0"]).expect(MATCH).json();
    assert!(chosen["nonce_source"].is_null());
}
