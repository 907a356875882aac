//! History cannot be rewritten: the ledger remembers what audits saw.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, copy, findings, record, reenact,
    toy_spec,
};

/// A folder with a spec, a place for a run and a ledger.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) run: PathBuf,
    pub(crate) ledger: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempdir().unwrap();
        let (run, ledger) = (folder.path().join("run"), folder.path().join("state/ledger"));
        Self { folder, run, ledger }
    }

    pub(crate) fn recorded() -> Self {
        let place = Self::new();
        place.record("7");
        place
    }

    /// Records with this root seed, whatever was there before.
    pub(crate) fn record(&self, seed: &str) {
        let _ = fs::remove_dir_all(&self.run);
        let seed = format!("root_seed = {seed}");
        record(&toy_spec(self.folder.path(), &[("root_seed = 7", &seed)]), &self.run, &[]);
    }

    pub(crate) fn audit(&self, more: &[&str]) -> Ran {
        self.audit_of(&self.run, more)
    }

    pub(crate) fn audit_of(&self, run: &Path, more: &[&str]) -> Ran {
        audit(run, &[&["--ledger", self.ledger.to_str().unwrap()], more].concat())
    }

    /// Runs `reenact ledger`.
    pub(crate) fn ledger(&self, action: &str, run: Option<&Path>, more: &[&str]) -> Ran {
        let mut command = binary();
        command.args(["ledger", action]).args(run).arg("--ledger").arg(&self.ledger);
        Ran::from(&command.args(more).output().unwrap())
    }

    pub(crate) fn entries(&self, run: &Path) -> Vec<Value> {
        let shown = self.ledger("show", Some(run), &["--json"]).expect(MATCH).json();
        shown.as_array().unwrap().clone()
    }
}

#[track_caller]
fn audits_before(report: &Value) -> u64 {
    report["past"]["audits"].as_u64().unwrap()
}

#[test]
fn an_honest_run_is_audited_as_often_as_one_likes() {
    let place = Place::recorded();
    for before in 0..3 {
        let report = place.audit(&[]).expect(MATCH).json();
        assert_eq!(audits_before(&report), before);
        assert_eq!(report["past"]["first_at_seconds"].is_null(), before == 0);
    }
    let entries = place.entries(&place.run);
    assert_eq!(entries.len(), 3);
    assert_eq!((&entries[0]["verdict"], &entries[0]["drawn"]), (&"match".into(), &6.into()));
    let text = place.ledger("list", None, &[]).expect(MATCH).stdout;
    assert!(text.contains("toy-plane") && text.contains("match") && text.contains('3'), "{text}");
    let text = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(text.contains("6 of 6") && text.contains("drawn, agreed"), "{text}");
}

#[test]
fn a_run_that_is_recorded_again_is_accused() {
    let place = Place::recorded();
    let key = place.folder.path().join("key");
    reenact(&["keygen", "--out", key.to_str().unwrap()]).expect(MATCH);
    let sign = || {
        let run = place.run.to_str().unwrap();
        let key = key.to_str().unwrap();
        reenact(&["record", "--resume", "--out", run, "--key", key]).expect(MATCH);
    };
    sign();
    place.audit(&[]).expect(MATCH);
    place.record("8");
    // Whoever records again also signs again.
    sign();
    audit(&place.run, &[]).expect(MATCH);
    for _ in 0..2 {
        let report = place.audit(&[]).expect(DIVERGENT).json();
        let found = findings(&report);
        assert_eq!((found.len(), found[0].0.as_str()), (1, "journal"), "{found:?}");
        for part in ["not a continuation", "saw 70 frames here", "does not say who"] {
            assert!(found[0].2.contains(part), "{part}: {}", found[0].2);
        }
        assert_eq!(report["advice"], serde_json::json!([{ "kind": "forget" }]));
    }
    let text = place.ledger("forget", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(text.contains("Deleted 3 audits") && text.contains("divergent *"), "{text}");
    let report = place.audit(&[]).expect(MATCH).json();
    assert_eq!(audits_before(&report), 0);
}

#[test]
fn what_was_replaced_may_be_restored() {
    let place = Place::recorded();
    let backup = place.folder.path().join("backup");
    copy(&place.run, &backup);
    place.audit(&[]).expect(MATCH);
    place.record("8");
    place.audit(&[]).expect(DIVERGENT);
    fs::remove_dir_all(&place.run).unwrap();
    fs::rename(&backup, &place.run).unwrap();
    assert_eq!(audits_before(&place.audit(&[]).expect(MATCH).json()), 1);
}

#[test]
fn a_run_that_is_resumed_is_a_continuation() {
    let place = Place::new();
    let replace = [("steps = 60", "steps = 6000"), ("every = 10", "every = 250")];
    let spec = toy_spec(place.folder.path(), &replace);
    let mut command = binary();
    command.arg("record").arg(&spec).arg("--out").arg(&place.run);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    let journal = place.run.join("journal");
    while fs::metadata(&journal).map_or(0, |found| found.len()) < 200_000 {
        assert!(started.elapsed() < Duration::from_secs(60));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = |report: &Value| (audits_before(report), report["verdict"]["kind"].clone());
    let report = place.audit(&[]).expect(INCONCLUSIVE).json();
    assert_eq!(seen(&report), (0, "inconclusive".into()));
    record(&spec, &place.run, &["--resume"]);
    let report = place.audit(&["--sample", "2"]).expect(MATCH).json();
    assert_eq!(seen(&report), (1, "match".into()));
    let frames: Vec<Option<u64>> =
        place.entries(&place.run).iter().map(|entry| entry["seen"]["frames"].as_u64()).collect();
    assert!(frames[0].is_some() && frames[0] < frames[1], "{frames:?}");
    // And what was seen before the kill obliges.
    fs::remove_dir_all(&place.run).unwrap();
    record(&spec, &place.run, &["--attack", "lr-tamper@3"]);
    let report = place.audit(&["--sample", "5"]).expect(DIVERGENT).json();
    assert!(findings(&report)[0].2.contains("1 earlier audit"), "{report}");
}

#[test]
fn a_run_may_be_moved_and_copied() {
    let place = Place::recorded();
    place.audit(&["--sample", "3"]).expect(MATCH);
    let moved = place.folder.path().join("moved");
    fs::rename(&place.run, &moved).unwrap();
    let report = place.audit_of(&moved, &["--sample", "2"]).expect(MATCH).json();
    assert_eq!(audits_before(&report), 1, "it is recognised");
    // Of the five segments besides the last, one is left.
    let so_far = report["escape"][0]["probability_so_far"].as_f64().unwrap();
    assert!((so_far - 0.2).abs() < 1e-12, "{so_far}");
    // Another run of the same spec is none of its business.
    let spec = toy_spec(place.folder.path(), &[]);
    let other = place.folder.path().join("other");
    record(&spec, &other, &["--attack", "lr-tamper@25"]);
    let report = place.audit_of(&other, &[]).expect(DIVERGENT).json();
    assert_eq!((audits_before(&report), findings(&report)), (0, vec![]));
    let place_of = |entry: &Value| entry["place"].as_str().unwrap().to_owned();
    assert!(place_of(&place.entries(&moved)[0]).ends_with("moved"));
}

#[test]
fn a_recording_that_cannot_be_read_is_remembered_without_a_head() {
    let place = Place::recorded();
    let journal = place.run.join("journal");
    let honest = fs::read(&journal).unwrap();
    let mut broken = honest.clone();
    broken[honest.len() / 2] ^= 1;
    fs::write(&journal, broken).unwrap();
    place.audit(&[]).expect(DIVERGENT);
    fs::write(&journal, b"").unwrap();
    place.audit(&[]);
    let entries = place.entries(&place.run);
    assert!(entries.len() == 2 && entries.iter().all(|entry| entry["seen"].is_null()));
    fs::write(&journal, honest).unwrap();
    assert_eq!(audits_before(&place.audit(&[]).expect(MATCH).json()), 2);
}

/// Audits with the ledger that a variable names.
fn in_variable(place: &Place, ledger: &Path) -> Ran {
    let mut command = binary();
    command.env("REENACT_LEDGER", ledger).args(["audit", "--json", "--segments", "all"]);
    Ran::from(&command.arg(&place.run).output().unwrap())
}

/// Audits with the ledger where it usually is.
fn usual(place: &Place, ledger: &Path) -> Ran {
    let state = place.folder.path().join("usual");
    let _ = fs::remove_dir_all(&state);
    fs::create_dir_all(state.join("reenact")).unwrap();
    symlink(ledger, state.join("reenact/ledger.sqlite")).unwrap();
    with_state(place, &state)
}

fn with_state(place: &Place, state: &Path) -> Ran {
    let mut command = binary();
    command.env_remove("REENACT_LEDGER").env("XDG_STATE_HOME", state);
    command.args(["audit", "--json", "--segments", "all"]);
    Ran::from(&command.arg(&place.run).output().unwrap())
}

fn named(place: &Place, ledger: &Path) -> Ran {
    audit(&place.run, &["--ledger", ledger.to_str().unwrap()])
}

#[test]
fn trouble_with_a_ledger_that_is_there_is_no_match() {
    let place = Place::recorded();
    place.audit(&[]).expect(MATCH);
    let newer = place.folder.path().join("newer");
    let mut bytes = fs::read(&place.ledger).unwrap();
    // SQLite keeps the user version there, big-endian.
    bytes[60..64].copy_from_slice(&9u32.to_be_bytes());
    fs::write(&newer, bytes).unwrap();
    let corrupt = place.folder.path().join("corrupt");
    fs::write(&corrupt, "no database, but long enough to be taken for the head of one").unwrap();
    let unwritable = corrupt.join("ledger");
    let folder = place.folder.path().to_owned();
    for (ledger, says) in [
        (&newer, "newer than"),
        (&corrupt, "not a database"),
        (&unwritable, "cannot be made"),
        (&folder, "cannot be read or written"),
    ] {
        // The usual one is a link here, which leads nowhere where none can be made.
        let trouble = [
            (in_variable(&place, ledger), says),
            (named(&place, ledger), says),
            (usual(&place, ledger), ""),
        ];
        for (ran, says) in trouble {
            let ran = ran.expect(INCONCLUSIVE).says(&["error:", says, "--no-ledger"]);
            assert_eq!(ran.stdout, "", "nothing was replayed");
        }
    }
    // Where there was none, and none can be begun, nothing is forgotten by that.
    let mut homeless = binary();
    for name in ["REENACT_LEDGER", "XDG_STATE_HOME", "HOME"] {
        homeless.env_remove(name);
    }
    homeless.args(["audit", "--json", "--segments", "all"]).arg(&place.run);
    let ran = Ran::from(&homeless.output().unwrap()).expect(MATCH).says(&["note:", "HOME"]);
    assert!(ran.json()["past"]["problem"].as_str().unwrap().contains("HOME"));
}

#[test]
fn audits_at_once_are_all_remembered() {
    let place = Place::recorded();
    let start = |_| {
        let mut command = binary();
        command.args(["audit", "--sample", "2", "--jobs", "1", "--ledger"]);
        command.arg(&place.ledger).arg(&place.run);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let audits: Vec<_> = (0..4).map(start).collect();
    for mut audit in audits {
        assert_eq!(audit.wait().unwrap().code(), Some(MATCH));
    }
    assert_eq!(place.entries(&place.run).len(), 4);
}

#[test]
fn the_usual_ledger_is_used_unless_none_is_wanted() {
    let place = Place::recorded();
    let state = place.folder.path().join("usual");
    let ledger = state.join("reenact/ledger.sqlite");
    let run = |arguments: &[&str]| {
        let mut command = binary();
        command.env_remove("REENACT_LEDGER").env("XDG_STATE_HOME", &state).args(arguments);
        Ran::from(&command.output().unwrap()).expect(MATCH)
    };
    let folder = place.run.to_str().unwrap();
    let report = run(&["audit", folder, "--json", "--no-ledger"]).json();
    assert!(report["past"].is_null() && report["escape"][0]["probability_so_far"].is_null());
    let spec = toy_spec(place.folder.path(), &[]);
    run(&["demo", "--spec", spec.to_str().unwrap()]);
    assert!(run(&["ledger", "list"]).stdout.contains("No audit"));
    assert!(!state.exists(), "neither begins a ledger");
    run(&["audit", folder]);
    assert!(ledger.is_file());
    let listed = run(&["ledger", "list", "--json"]).json();
    assert_eq!((&listed[0]["audits"], listed.as_array().unwrap().len()), (&1.into(), 1));
}

#[test]
fn the_ledger_says_what_it_does_not_know() {
    let place = Place::recorded();
    place.ledger("list", None, &[]).expect(USAGE).says(&["there is no ledger"]);
    place.audit(&[]).expect(MATCH);
    let other = place.folder.path().join("none");
    for action in ["show", "forget"] {
        let ran = place.ledger(action, Some(&other), &[]);
        ran.expect(USAGE).says(&["no audit of", "none", "ledger list"]);
    }
    // A run that is gone can still be forgotten.
    fs::remove_dir_all(&place.run).unwrap();
    let forgotten = place.ledger("forget", Some(&place.run), &["--json"]).expect(MATCH).json();
    assert_eq!(forgotten["forgotten"].as_array().unwrap().len(), 1);
    assert!(place.ledger("list", None, &[]).expect(MATCH).stdout.contains("No audit"));
    for (action, does) in [
        ("list", "List"),
        ("show", "Show every"),
        ("forget", "Delete"),
        ("close", "Close a"),
        ("disown", "Take back"),
    ] {
        let help = reenact(&["ledger", action, "--help"]).expect(MATCH).stdout;
        assert!(
            help.starts_with("Example") && help.contains(does) && help.contains("--json"),
            "{help}"
        );
    }
}
