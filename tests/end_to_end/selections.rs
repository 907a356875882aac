//! Kernels that an engine chooses, with the real binary on the tuned toy: with
//! one thread it sums forward, with more backward. Workers have one thread.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{
    DIVERGENT, MATCH, Ran, audit, binary, divergent_segments, record, reenact, roots, toy_spec,
};

fn recorded(threads: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let tuned = "[program.hyperparameters]\ntuned = true\n\n[data]";
    let spec = toy_spec(folder.path(), &[("[data]", tuned)]);
    let run = folder.path().join("run");
    record(&spec, &run, &["--threads", threads]);
    (folder, run)
}

/// Plants the attacks on the selections; returns their rows.
fn drilled(run: &Path, kept: &Path) -> [Value; 2] {
    let attacks = "poisoned-selections,withheld-selections";
    let mut command = binary();
    command.arg("drill").arg(run).args(["--json", "--attacks", attacks, "--keep"]).arg(kept);
    let summary = Ran::from(&command.output().unwrap()).expect(MATCH).json();
    [summary["rows"][0].clone(), summary["rows"][1].clone()]
}

fn inspected(run: &Path, more: &[&str]) -> Ran {
    let run = run.to_str().unwrap();
    reenact(&[&["inspect", run], more].concat()).expect(MATCH)
}

#[test]
fn an_audit_takes_the_recorded_kernels() {
    let (_one_folder, one) = recorded("1");
    let (_two_folder, two) = recorded("2");
    assert_ne!(roots(&one), roots(&two), "the kernels round alike");
    for (run, kernel) in [(&one, "forward"), (&two, "backward")] {
        let report = audit(run, &[]).expect(MATCH).json();
        assert_eq!(report["findings"], Value::Array(Vec::new()));
        let selections = inspected(run, &["--json"]).json()["selections"].clone();
        assert_eq!(selections[0]["kernel"], kernel);
        assert_eq!(selections[0]["key"], "0400000000000000");
        assert_eq!(selections.as_array().unwrap().len(), 1);
        let shown = inspected(run, &[]).stdout;
        assert!(shown.contains("kernels       1 selection recorded"), "{shown}");
    }
}

#[test]
fn a_resumption_takes_the_recorded_kernels() {
    let (_folder, run) = recorded("2");
    let whole = roots(&run);
    fs::remove_file(run.join("commitment")).unwrap();
    let journal = fs::OpenOptions::new().write(true).open(run.join("journal")).unwrap();
    journal.set_len(journal.metadata().unwrap().len() / 2).unwrap();
    let mut command = binary();
    command.args(["record", "--resume", "--threads", "1", "--out"]).arg(&run);
    Ran::from(&command.output().unwrap()).expect(MATCH);
    assert_eq!(roots(&run), whole);
    let report = audit(&run, &[]).expect(MATCH).json();
    assert_eq!(report["claim"]["resumed"].as_array().unwrap().len(), 1);
    assert_eq!(report["findings"], Value::Array(Vec::new()));
}

#[test]
fn poisoned_and_withheld_kernels_are_caught() {
    let (folder, run) = recorded("2");
    let kept = folder.path().join("kept");
    for row in drilled(&run, &kept) {
        assert_eq!((&row["caught"], &row["layer"]), (&"yes".into(), &"replay".into()), "{row}");
        assert_eq!(row["localized"]["step"], 0, "{row}");
        assert_eq!(row["localized"]["exact"], true, "{row}");
    }
    let poisoned = audit(&kept.join("00-poisoned-selections"), &[]).expect(DIVERGENT).json();
    let found = divergent_segments(&poisoned);
    let segments: Vec<u64> = found.iter().map(|found| found.segment).collect();
    assert_eq!((segments, found[0].step), (vec![0, 1, 2, 3, 4, 5], Some(0)));
    let withheld = kept.join("01-withheld-selections");
    let page = folder.path().join("page");
    let report = audit(&withheld, &["--report", page.to_str().unwrap()]).expect(DIVERGENT).json();
    let reason = report["reasons"][0].as_str().unwrap();
    for part in ["step 0", "does not hold the kernel selections", "toy/sum with forward"] {
        assert!(reason.contains(part), "{reason}");
    }
    let page = fs::read_to_string(page.join("report.html")).unwrap();
    assert!(page.contains("does not hold the kernel selections"));
    let shown = reenact(&["audit", withheld.to_str().unwrap(), "--sample", "all"]);
    let words = shown.expect(DIVERGENT).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the code that replays is not the code that trained"), "{words}");
}

#[test]
fn kernels_that_are_only_missing_are_noted() {
    let (folder, run) = recorded("1");
    let kept = folder.path().join("kept");
    let [poisoned, withheld] = drilled(&run, &kept);
    assert_eq!(poisoned["caught"], "yes", "{poisoned}");
    assert_eq!((&withheld["caught"], &withheld["layer"]), (&"reported".into(), &"replay".into()));
    let copy = kept.join("01-withheld-selections");
    let page = folder.path().join("page");
    let report = audit(&copy, &["--report", page.to_str().unwrap()]).expect(MATCH).json();
    assert_eq!(report["findings"][0]["weight"], "note");
    assert_eq!(report["segments"][5]["outcome"]["replay"]["unrecorded"]["count"], 1);
    let note = "in segment 0 the replay had to choose 1 kernel that the recording does not hold";
    let shown = reenact(&["audit", copy.to_str().unwrap(), "--sample", "all"]).expect(MATCH);
    assert!(shown.words().contains(note), "{}", shown.stdout);
    let page = fs::read_to_string(page.join("report.html")).unwrap();
    assert!(page.contains(note));
}
