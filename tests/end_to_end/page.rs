//! The page and the facts that an audit writes into a folder.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::common::{DIVERGENT, MATCH, Ran, USAGE, audit, divergent_segments, record, toy_spec};

/// Audits with `--report` and returns the page.
fn report(run: &Path, folder: &Path, more: &[&str]) -> (Ran, String) {
    let ran = audit(run, &[&["--report", folder.to_str().unwrap()], more].concat());
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    (ran, page)
}

#[track_caller]
fn is_self_contained(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>"));
    for word in ["<script", "src=", "href=", "://", "url(", "@import", " onload"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_divergence_is_shown_with_its_evidence() {
    let folder = tempdir().unwrap();
    let (run, reports) = (folder.path().join("run"), folder.path().join("new/reports"));
    record(&toy_spec(folder.path(), &[]), &run, &["--attack", "lr-tamper@25"]);
    let (ran, page) = report(&run, &reports, &[]);
    let ran = ran.expect(DIVERGENT);
    is_self_contained(&page);
    for part in ["Divergent", "Segment 2, steps 20 to 29", "Step 25", "model.weight", "update"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(fs::read_to_string(reports.join("report.json")).unwrap(), ran.stdout);
    let found = divergent_segments(&ran.json());
    assert_eq!((found.len(), found[0].step), (1, Some(25)));
    let course = &ran.json()["segments"][2]["outcome"]["replay"]["course"];
    let steps = course["steps"].as_array().unwrap();
    let differing: Vec<bool> = steps.iter().map(|step| !step["stage"].is_null()).collect();
    assert_eq!(differing, [[false; 5], [true; 5]].concat());
    assert_eq!(course["tensors"][0], "model.bias");
}

#[test]
fn a_match_says_how_far_it_reaches() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let (ran, page) = report(&run, &folder.path().join("drawn"), &["--sample", "3"]);
    let facts = ran.expect(MATCH).json();
    is_self_contained(&page);
    let nonce = facts["challenge"]["nonce"].as_str().unwrap();
    let commitment = facts["challenge"]["commitment"].as_str().unwrap();
    let binary = facts["auditor"]["binary"].as_str().unwrap();
    for part in [nonce, commitment, binary, "60.0 %", "Self-check", "3 segments not replayed"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(facts["claim"]["losses"].as_array().unwrap().len(), 60);
    let (_, page) = report(&run, &folder.path().join("chosen"), &["--segment", "0,1"]);
    assert!(page.contains("chosen by hand") && !page.contains("Fisher"));
}

#[test]
fn no_report_is_overwritten_and_no_recording_touched() {
    let folder = tempdir().unwrap();
    let (run, reports) = (folder.path().join("run"), folder.path().join("reports"));
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let (_, first) = report(&run, &reports, &[]);
    let files = crate::common::files(&run);
    let again = audit(&run, &["--report", reports.to_str().unwrap()]);
    again.expect(USAGE).says(&["report.html is already there", "another folder"]);
    assert_eq!(fs::read_to_string(reports.join("report.html")).unwrap(), first);
    let inside = run.join("new/reports");
    let inside = audit(&run, &["--report", inside.to_str().unwrap()]);
    inside.expect(USAGE).says(&["inside the recording"]);
    assert_eq!(crate::common::files(&run), files);
    assert!(!run.join("new").exists());
}
