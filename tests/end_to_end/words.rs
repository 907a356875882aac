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
    ran.tells(&[
        "Match (bit-exact): all of 1 segment\n",
        ", 1 step\n",
        "chosen by hand, not drawn\n",
    ]);
}

#[test]
fn a_match_is_short_and_a_divergence_begins_with_what_to_know() {
    let folder = tempdir().unwrap();
    let (run, bad) = (folder.path().join("run"), folder.path().join("bad"));
    let spec = toy_spec(folder.path(), &[]);
    record(&spec, &run, &[]);
    let ledger = folder.path().join("ledger");
    let matches = said(&run, &["--ledger", ledger.to_str().unwrap()]).expect(MATCH);
    assert!(matches.stdout.starts_with("Match (sampled, bit-exact): 3 of 6 segments\n"));
    assert!(matches.stdout.lines().count() <= 12, "{}", matches.stdout);

    record(&spec, &bad, &["--attack", "sign-flip@25"]);
    let divergent = said(&bad, &["--sample", "all"]).expect(DIVERGENT);
    let first: Vec<&str> = divergent.stdout.lines().take(10).collect();
    assert_eq!(first[0], "Divergent in segment 2: 6 of 6 segments replayed");
    let first = first.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["step 25, update", "used the negated gradient", "next keep the recording"] {
        assert!(first.contains(words), "{words} in {first}");
    }
    assert_eq!(divergent.stdout.lines().last(), divergent.stdout.lines().next());
}
