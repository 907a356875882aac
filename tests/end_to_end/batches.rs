//! How many batches an audit builds beside its replays, and what it says of that.

use std::fs;

use serde_json::json;
use tempfile::tempdir;

use crate::common::{DIVERGENT, MATCH, USAGE, audit, record, toy_spec};

/// What the toy's steps consume: 8 samples of 20 bytes.
const STEP_BYTES: u64 = 160;

#[test]
fn a_budget_bounds_what_is_built_and_the_report_says_how_much_it_was() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    record(&spec, &run, &[]);
    let usual = audit(&run, &["--sample", "2"]).expect(MATCH);
    assert_eq!(usual.json()["batches"]["compared"], 60, "a small training, all of it");
    let none = audit(&run, &["--sample", "2", "--batch-budget", "0 B"]).expect(MATCH).json();
    let expected = json!({ "compared": 20, "steps": 60, "bytes_max": 0 });
    assert_eq!(none["batches"], expected, "what was replayed");
    let some = format!("{} B", 7 * STEP_BYTES);
    let page = folder.path().join("page");
    let options = ["--sample", "2", "--batch-budget", &some, "--report", page.to_str().unwrap()];
    let some = audit(&run, &options).expect(MATCH).json();
    assert_eq!(
        (&some["batches"]["compared"], &some["batches"]["nonce"]),
        (&json!(27), &json!(null))
    );
    let page = fs::read_to_string(page.join("report.html")).unwrap();
    assert!(page.contains("those of 27 of 60 steps were compared with the data set"));
    let by_hand = audit(&run, &["--segment", "0", "--batch-budget", "0 B"]).expect(MATCH).json();
    assert_eq!(by_hand["batches"]["nonce"].as_str().unwrap().len(), 64, "a fresh one");
    audit(&run, &["--batch-budget", "lots"]).expect(USAGE).says(&["`lots`", "500 GiB"]);
}

#[test]
fn a_flipped_label_is_found_where_it_is_built_or_replayed() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    record(&spec, &run, &["--attack", "label-flip@35..36"]);
    let look =
        |segment: &str, options: &[&str]| audit(&run, &[&["--segment", segment], options].concat());
    for found in [look("0", &[]), look("3", &["--batch-budget", "0 B"])] {
        let reasons = found.expect(DIVERGENT).json()["reasons"].to_string();
        assert!(reasons.contains("step 35"), "{reasons}");
    }
    look("0", &["--batch-budget", "0 B"]).expect(MATCH);
}
