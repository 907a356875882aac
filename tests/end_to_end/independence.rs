//! Audits that have to be independent, or a self-check.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, audit, findings, record, toy_spec};

/// Records with another build: here, the same with a byte behind its end.
fn recorded_by_another_build(folder: &Path, run: &Path, more: &[&str]) {
    let other = folder.join("other-build");
    fs::copy(env!("CARGO_BIN_EXE_reenact"), &other).unwrap();
    fs::OpenOptions::new().append(true).open(&other).unwrap().write_all(b"\n").unwrap();
    let mut command = Command::new(other);
    command.arg("record").arg(toy_spec(folder, &[])).arg("--out").arg(run).args(more);
    Ran::from(&command.output().unwrap()).expect(MATCH);
}

#[test]
fn a_self_check_is_not_taken_for_more() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let report = audit(&run, &["--require", "self-check"]).expect(MATCH).json();
    assert_eq!(
        (&report["required"], &report["independence"]),
        (&"self-check".into(), &"self-check".into())
    );
    let reports = folder.path().join("reports");
    let page = ["--require", "independent", "--report", reports.to_str().unwrap()];
    let report = audit(&run, &page).expect(INCONCLUSIVE).json();
    assert_eq!(report["required"], "independent");
    let reason = report["reasons"][0].as_str().unwrap();
    for part in ["independent audit is required", "this is a self-check"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert_eq!(report["segments"].as_array().unwrap().len(), 0, "nothing was replayed");
    assert_eq!(report["advice"][0]["kind"], "trusted-build");
    assert!(report["challenge"].is_null());
    let page = fs::read_to_string(reports.join("report.html")).unwrap();
    assert!(page.contains("It was required that the audit is independent"));
}

#[cfg(unix)]
#[test]
fn another_binary_is_no_self_check_and_not_independent() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    recorded_by_another_build(folder.path(), &run, &[]);
    let report = audit(&run, &[]).expect(MATCH).json();
    assert_eq!(report["independence"], "another-binary");
    let report = audit(&run, &["--require", "independent"]).expect(INCONCLUSIVE).json();
    assert_eq!(report["segments"].as_array().unwrap().len(), 0);
    let report = audit(&run, &["--require", "self-check"]).expect(INCONCLUSIVE).json();
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("self-check is required"), "{reason}");
    assert_eq!(report["segments"].as_array().unwrap().len(), 0);
}

#[test]
fn what_the_record_shows_without_replay_still_counts() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &["--attack", "label-flip@25"]);
    let report = audit(&run, &["--require", "independent"]).expect(DIVERGENT).json();
    assert_eq!(findings(&report)[0].1, Some(25));
    assert_eq!(report["segments"].as_array().unwrap().len(), 0);
}
