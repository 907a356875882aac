//! What an audit says, word for word, where a careless word would be untrue.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::common::{DIVERGENT, MATCH, Ran, audit, binary, record, toy_spec};

/// Audits for people.
fn said(run: &Path, more: &[&str]) -> Ran {
    Ran::from(&binary().arg("audit").arg(run).args(more).output().unwrap())
}

#[test]
fn a_divergent_verdict_has_no_chance_of_escape() {
    let folder = tempdir().unwrap();
    let (run, report) = (folder.path().join("run"), folder.path().join("report"));
    // The last segment is always drawn.
    record(&toy_spec(folder.path(), &[]), &run, &["--attack", "lr-tamper@55"]);
    let more = ["--sample", "3", "--report", report.to_str().unwrap()];
    let ran = said(&run, &more).expect(DIVERGENT);
    assert!(!ran.stdout.contains("escape"), "{}", ran.stdout);
    let page = fs::read_to_string(report.join("report.html")).unwrap();
    for word in ["Chance that tampering", "had nowhere to hide", "how likely tampering"] {
        assert!(!page.contains(word), "{word}");
    }
    let facts = audit(&run, &["--sample", "3"]).expect(DIVERGENT).json();
    assert_eq!(facts["escape"], serde_json::json!([]));
}

#[test]
fn numbers_are_of_what_they_count() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let one = [
        ("steps = 60", "steps = 1"),
        ("every = 10", "every = 1"),
        ("warmup_steps = 5", "warmup_steps = 0"),
        ("segments = 3", "segments = 1"),
    ];
    record(&toy_spec(folder.path(), &one), &run, &[]);
    let ran = said(&run, &["--segment", "0"]).expect(MATCH);
    for words in
        ["1 of 1 segment replayed", "claims        1 step of", "chosen by hand, not drawn\n"]
    {
        assert!(ran.stdout.contains(words), "{words} in {}", ran.stdout);
    }
}
