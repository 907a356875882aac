//! The attack "weak policy": a run that is recorded faithfully, by a spec that declares less
//! than was ordered, so that little is looked at. Only the ordered spec shows it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, binary, findings, record, reenact, toy_spec,
};

/// What each weakening replaces, by what, and what the finding says of it.
const WEAKENED: [(&str, &str, &str); 4] = [
    ("checkpoint_every = 10", "checkpoint_every = 60", "`checkpoint_every` is 60;"),
    ("segments = 3", "segments = 1", "`sampling.segments` is 1;"),
    ("steps = 60", "steps = 30", "`steps` is 30;"),
    ("momentum = 0.9", "momentum = 0.5", "`optimizer.momentum` is 0.5;"),
];

/// Holds the ordered spec, and a recording of what was trained in its place.
struct Recorded {
    folder: TempDir,
    ordered: PathBuf,
    run: PathBuf,
}

impl Recorded {
    fn of(replace: &[(&str, &str)]) -> Self {
        let folder = tempdir().unwrap();
        let ordered = folder.path().join("ordered.toml");
        fs::rename(toy_spec(folder.path(), &[]), &ordered).unwrap();
        let run = folder.path().join("run");
        record(&toy_spec(folder.path(), replace), &run, &[]);
        Self { folder, ordered, run }
    }

    /// Audits as the recorded spec's own policy says.
    fn audit(&self, more: &[&str]) -> Ran {
        Ran::from(&binary().arg("audit").arg(&self.run).args(more).output().unwrap())
    }

    fn expecting(&self, spec: &Path, more: &[&str]) -> Ran {
        self.audit(&[&["--expect", spec.to_str().unwrap()], more].concat())
    }
}

fn notes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let notes = findings.filter(|finding| finding["weight"] == "note");
    notes.map(|finding| finding["problem"].as_str().unwrap()).collect()
}

#[test]
fn a_weaker_run_than_was_ordered_is_divergent_and_the_key_is_named() {
    for (from, to, says) in WEAKENED {
        let recorded = Recorded::of(&[(from, to)]);
        let page = recorded.folder.path().join("page");
        let more = ["--json", "--report", page.to_str().unwrap()];
        let report = recorded.expecting(&recorded.ordered, &more).expect(DIVERGENT).json();
        let [(object, None, problem)] = &findings(&report)[..] else { panic!("{to}: {report}") };
        let ordered = from.rsplit(' ').next().unwrap();
        assert!(object == "spec.toml" && problem.starts_with(says), "{problem}");
        assert!(problem.contains(&format!("ordered.toml) says {ordered}")), "{problem}");
        assert_ne!(report["expected"]["digest"], report["audited"]["spec"]);
        let shown = recorded.expecting(&recorded.ordered, &[]).expect(DIVERGENT).stdout;
        let page = fs::read_to_string(page.join("report.html")).unwrap();
        for place in [&shown, &page] {
            assert!(place.contains(says.split('`').nth(1).unwrap()), "{to}: {place}");
            assert!(place.contains("expected"), "{to}: {place}");
        }
    }
}

#[test]
fn without_the_ordered_spec_the_policy_is_named_as_the_trainers() {
    for (from, to, _) in WEAKENED {
        let recorded = Recorded::of(&[(from, to)]);
        let report = recorded.audit(&["--json"]).expect(MATCH).json();
        assert_eq!(report["sampled_by"]["by"], "spec", "{to}");
        assert!(report["expected"].is_null() && findings(&report).is_empty(), "{to}");
        let shown = recorded.audit(&[]).expect(MATCH).stdout;
        assert!(shown.contains("as the trainer's spec says: "), "{to}: {shown}");
    }
}

#[test]
fn what_was_ordered_passes_however_it_is_spelled() {
    let recorded = Recorded::of(&[]);
    let spelled = recorded.folder.path().join("spelled.toml");
    let text = fs::read_to_string(&recorded.ordered).unwrap();
    let text = text.replace("steps = 60", "steps=60  # sixty").replace("0.05", "5e-2");
    fs::write(&spelled, text).unwrap();
    for spec in [&recorded.ordered, &spelled, Path::new("toy-plane")] {
        let report = recorded.expecting(spec, &["--json"]).expect(MATCH).json();
        assert_eq!(report["expected"]["digest"], report["audited"]["spec"], "{report}");
        let from = report["expected"]["from"].as_str().unwrap();
        assert!(from.contains(spec.to_str().unwrap()), "{from}");
    }
    let shown = recorded.expecting(&spelled, &[]).expect(MATCH).stdout;
    assert!(shown.contains("the recorded spec is this one"), "{shown}");
}

#[test]
fn another_name_alone_is_a_note() {
    let recorded = Recorded::of(&[("name = \"toy-plane\"\nroot", "name = \"mine\"\nroot")]);
    let report = recorded.expecting(&recorded.ordered, &["--json"]).expect(MATCH).json();
    let [note] = notes(&report)[..] else { panic!("{report}") };
    assert!(note.contains("`name` is \"mine\"") && note.contains("\"toy-plane\""), "{note}");
}

#[test]
fn it_is_open_each_time_anew_and_a_wrong_order_leaves_no_stain() {
    let recorded = Recorded::of(&[("segments = 3", "segments = 1")]);
    let ledger = recorded.folder.path().join("ledger.sqlite");
    let ledger = ["--json", "--ledger", ledger.to_str().unwrap()];
    for _ in 0..2 {
        recorded.expecting(&recorded.ordered, &ledger).expect(DIVERGENT);
    }
    let report = recorded.audit(&ledger).expect(MATCH).json();
    let [note] = notes(&report)[..] else { panic!("{report}") };
    assert!(note.contains("called what lies here divergent"), "{note}");
}

#[test]
fn an_expected_spec_that_cannot_be_read_is_wrong_usage() {
    let recorded = Recorded::of(&[]);
    let broken = recorded.folder.path().join("broken.toml");
    fs::write(&broken, "format = 1\nsteps = \"many\"\n").unwrap();
    for (spec, says) in [(&*broken, "broken.toml"), (Path::new("no-such"), "no-such")] {
        recorded.expecting(spec, &["--json"]).expect(USAGE).says(&[says]);
    }
    let missing = ["audit", recorded.run.to_str().unwrap(), "--expect"];
    reenact(&missing).expect(USAGE);
}

#[test]
fn a_recording_that_is_not_whole_says_that_it_was_not_compared() {
    let recorded = Recorded::of(&[("segments = 3", "segments = 1")]);
    fs::remove_file(recorded.run.join("commitment")).unwrap();
    let shown = recorded.expecting(&recorded.ordered, &[]).expect(INCONCLUSIVE).stdout;
    assert!(shown.contains("the recorded spec could not be compared with it"), "{shown}");
}
