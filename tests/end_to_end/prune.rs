//! Pruning what audits have covered, and telling it from what somebody withholds.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, binary, record, toy_spec};

/// A signed recording of six segments, a ledger, and keys of trainer, auditor and a stranger.
struct Archive {
    folder: TempDir,
}

impl Archive {
    fn new() -> Self {
        let archive = Self { folder: tempdir().unwrap() };
        for name in ["trainer", "auditor", "stranger"] {
            archive.call(&["keygen", "--out", name]).expect(MATCH);
        }
        let key = archive.path("trainer");
        let spec = toy_spec(archive.folder.path(), &[]);
        record(&spec, &archive.path("run"), &["--key", key.to_str().unwrap()]);
        archive
    }

    /// One of which every segment is covered.
    fn covered() -> Self {
        let archive = Self::new();
        archive.audit(&["--sample", "all"]).expect(MATCH);
        archive
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, words: &[&str]) -> Ran {
        let mut command = binary();
        command.current_dir(self.folder.path()).env("REENACT_LEDGER", self.path("ledger"));
        Ran::from(&command.args(words).output().unwrap())
    }

    fn audit(&self, more: &[&str]) -> Ran {
        self.call(&[&["audit", "run", "--json"], more].concat())
    }

    fn prune(&self, more: &[&str]) -> Ran {
        let words = ["prune", "run", "--key", "auditor", "--json"];
        self.call(&[&words, more].concat())
    }

    /// Prunes at once: marks, and removes what was marked.
    fn pruned(&self, keep: &str) -> Value {
        self.prune(&["--keep", keep, "--delay", "0s"]).expect(MATCH);
        self.prune(&["--keep", keep, "--delay", "0s"]).expect(MATCH).json()
    }

    fn states(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("run/checkpoints")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn tombstones(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("run/pruned")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn text(ran: &Ran, part: &str) -> String {
    ran.json()[part].to_string()
}

#[test]
fn what_is_covered_is_marked_then_removed_and_is_no_accusation() {
    let archive = Archive::covered();
    let marked = archive.prune(&["--keep", "last:2"]).expect(MATCH).json();
    assert_eq!((&marked["removed"], &marked["marked"]), (&[0; 0].into(), &[10, 20, 30, 40].into()));
    // The delay has not passed.
    let again = archive.prune(&["--keep", "last:2"]).expect(MATCH).json();
    assert_eq!((again["removed"].clone(), archive.states().len()), (Value::Array(vec![]), 7));
    let dry = archive.prune(&["--keep", "last:2", "--delay", "0s", "--dry-run"]).json();
    assert_eq!((&dry["removed"], archive.states().len()), (&[10, 20, 30, 40].into(), 7));
    let gone = archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH).json();
    assert_eq!(gone["removed"], Value::from(vec![10, 20, 30, 40]));
    assert!(gone["bytes"].as_u64().unwrap() > 0);
    assert_eq!((archive.states().len(), archive.tombstones().len()), (3, 4));
    let report = archive.audit(&["--sample", "all"]).expect(MATCH);
    assert!(text(&report, "findings").contains("4 of 7 checkpoints were pruned"));
    let replayed: Vec<u64> = report.json()["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["segment"]["index"].as_u64().unwrap())
        .collect();
    assert_eq!(replayed, [5], "the others cannot be replayed again");
    archive.audit(&["--segment", "2"]).expect(USAGE).says(&["segment 2 cannot be replayed again"]);
    // Nothing more can go, and that is no trouble.
    let rest = archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH).json();
    assert_eq!(rest["removed"], Value::Array(vec![]));
    let host = archive.call(&["ledger", "devices", "--json"]);
    assert!(host.code.is_some());
}

#[test]
fn only_the_ledgers_keeper_and_who_is_named_are_believed() {
    let archive = Archive::covered();
    archive.pruned("last:2");
    // Another auditor knows of no pruning: for them it is withheld, and they are told who says
    // otherwise.
    let other = archive.audit(&["--sample", "all", "--no-ledger"]).expect(DIVERGENT);
    assert!(text(&other, "findings").contains("that key is not trusted for it"));
    let public = fs::read_to_string(archive.path("auditor.pub")).unwrap();
    fs::write(archive.path("pruners"), format!("audit@lab {public}")).unwrap();
    let pruners = ["--sample", "all", "--no-ledger", "--pruners", "pruners"];
    archive.audit(&pruners).expect(MATCH);
    let stranger = fs::read_to_string(archive.path("stranger.pub")).unwrap();
    fs::write(archive.path("pruners"), format!("audit@lab {stranger}")).unwrap();
    archive.audit(&pruners).expect(DIVERGENT);
}

#[test]
fn whoever_trained_prunes_nothing_and_is_not_believed() {
    let archive = Archive::covered();
    let words = ["prune", "run", "--key", "trainer", "--keep", "last:2"];
    archive.call(&words).expect(USAGE).says(&["vouches for this recording"]);
    // Nor if an auditor lists the trainer's key by mistake: the tombstone is made by hand.
    let public = fs::read_to_string(archive.path("trainer.pub")).unwrap();
    fs::write(archive.path("pruners"), format!("trainer@lab {public}")).unwrap();
    archive.pruned("last:2");
    let tombstone = archive.tombstones().remove(0);
    let file = fs::read_to_string(&tombstone).unwrap();
    let (said, _) = file.split_once("-----BEGIN").unwrap();
    fs::write(archive.path("said"), said).unwrap();
    let signed = std::process::Command::new("ssh-keygen")
        .current_dir(archive.folder.path())
        .args(["-Y", "sign", "-q", "-n", "reenact-prune@v1", "-f", "trainer", "said"])
        .status();
    let Ok(true) = signed.map(|status| status.success()) else { return };
    let signature = fs::read_to_string(archive.path("said.sig")).unwrap();
    fs::write(&tombstone, format!("{said}{signature}")).unwrap();
    fs::remove_file(archive.path("ledger")).unwrap();
    archive.audit(&["--sample", "all", "--pruners", "pruners"]).expect(DIVERGENT);
}

#[test]
fn a_withheld_state_is_divergent_whatever_lies_in_its_place() {
    let archive = Archive::covered();
    archive.pruned("last:3");
    let tombstone = fs::read(&archive.tombstones()[0]).unwrap();
    let withheld = archive.states().into_iter().find(|path| {
        let report = archive.call(&["inspect", "run", "--json"]).json();
        let last = report["checkpoints"].as_array().unwrap().last().unwrap()["root"].clone();
        path.file_stem().unwrap().to_str() == last.as_str()
    });
    let withheld = withheld.unwrap();
    fs::remove_file(&withheld).unwrap();
    archive.audit(&["--sample", "1"]).expect(DIVERGENT);
    // Another state's tombstone, nonsense, and nothing but a name.
    let name = withheld.file_stem().unwrap().to_owned();
    for content in [&tombstone[..], b"reenact tombstone 1\n", b""] {
        fs::write(archive.path("run/pruned").join(&name), content).unwrap();
        archive.audit(&["--sample", "1"]).expect(DIVERGENT);
    }
}

#[test]
fn what_is_not_covered_or_due_or_accused_stays() {
    let archive = Archive::new();
    archive.audit(&["--segment", "0,1"]).expect(MATCH);
    let marked = archive.prune(&["--keep", "last:1"]).expect(MATCH).json();
    assert_eq!(marked["marked"], Value::from(vec![10]));
    assert_eq!(marked["needed"], Value::from(vec![20, 30, 40, 50]));
    // A draw that nobody has judged needs its states.
    archive.call(&["plan", "run", "--sample", "6", "--out", "plan.json"]).expect(MATCH);
    let due = archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH).json();
    assert_eq!(due["removed"], Value::Array(vec![]), "{due}");
    let bad = Archive::new();
    fs::remove_dir_all(bad.path("run")).unwrap();
    let spec = toy_spec(bad.folder.path(), &[]);
    record(&spec, &bad.path("run"), &["--attack", "lr-tamper@22..24"]);
    bad.audit(&["--sample", "all"]).expect(DIVERGENT);
    bad.prune(&["--keep", "last:1"]).expect(INCONCLUSIVE).says(&["an incident is open"]);
}

#[test]
fn a_prune_that_is_killed_loses_nothing_and_goes_on() {
    let archive = Archive::covered();
    archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH);
    // Killed after a tombstone was written, before its state was removed.
    let state = archive.states().into_iter().next().unwrap();
    let kept: Vec<(PathBuf, Vec<u8>)> =
        archive.states().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH);
    for (path, content) in &kept {
        fs::write(path, content).unwrap();
    }
    archive.audit(&["--sample", "all"]).expect(MATCH);
    assert!(state.exists());
    archive.pruned("last:2");
    assert_eq!(archive.states().len(), 3);
    archive.audit(&["--sample", "all"]).expect(MATCH);
    // Killed at any moment, by the clock.
    for moment in 0..12 {
        let archive = Archive::covered();
        archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH);
        let mut command = binary();
        command.current_dir(archive.folder.path()).env("REENACT_LEDGER", archive.path("ledger"));
        let prune = ["prune", "run", "--key", "auditor", "--keep", "last:2", "--delay", "0s"];
        let mut child = command.args(prune).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(4 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
        archive.audit(&["--sample", "all"]).expect(MATCH);
        archive.pruned("last:2");
        archive.audit(&["--sample", "all"]).expect(MATCH);
    }
}

#[test]
fn a_prune_during_audits_accuses_nobody() {
    let archive = Archive::covered();
    archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH);
    let ran: Vec<Ran> = std::thread::scope(|scope| {
        let audits: Vec<_> =
            (0..3).map(|_| scope.spawn(|| archive.audit(&["--sample", "all"]))).collect();
        std::thread::sleep(std::time::Duration::from_millis(120));
        archive.prune(&["--keep", "last:2", "--delay", "0s"]).expect(MATCH);
        audits.into_iter().map(|audit| audit.join().unwrap()).collect()
    });
    for ran in ran {
        assert!(matches!(ran.code, Some(MATCH | INCONCLUSIVE)), "{}{}", ran.stdout, ran.stderr);
    }
    archive.audit(&["--sample", "all"]).expect(MATCH);
}

#[test]
fn a_plan_leaves_out_what_was_pruned() {
    let archive = Archive::covered();
    archive.pruned("last:3");
    archive.call(&["plan", "run", "--sample", "all", "--out", "plan.json"]).expect(MATCH);
    let work = ["work", "plan.json", "--results", "results", "--slice", "1/1"];
    archive.call(&work).expect(MATCH);
    let collect = ["collect", "plan.json", "--results", "results", "--json"];
    let report = archive.call(&collect).expect(MATCH).json()[0].take();
    let segments = report["segments"].as_array().unwrap();
    let replayed: Vec<&Value> = segments.iter().map(|found| &found["segment"]["index"]).collect();
    assert_eq!(replayed, [4, 5]);
}

/// A night looks again at what another build has vouched for, but not at what is gone.
#[test]
fn a_night_does_not_revisit_what_was_pruned() {
    let archive = Archive::new();
    // Another binary of the same code: one byte more makes it one.
    let other = archive.path("other");
    let mut build = fs::read(env!("CARGO_BIN_EXE_reenact")).unwrap();
    build.push(0);
    fs::write(&other, build).unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    crate::common::gate::free(&other);
    let mut audit = std::process::Command::new(&other);
    audit.current_dir(archive.folder.path()).env("REENACT_LEDGER", archive.path("ledger"));
    let audited = audit.args(["audit", "run", "--sample", "all"]).output().unwrap();
    Ran::from(&audited).expect(MATCH);
    let config = "format = 1\nledger = 'ledger'\nreports = 'nights'\n\
                  [budget]\ndevice_hours = 1\n[goal]\nrevisit = 1.0\n\
                  [[runs]]\nname = 'all'\nfrom = 'run'\n";
    fs::write(archive.path("night.toml"), config).unwrap();
    let listed = |night: &Ran| -> Vec<u64> {
        let night = night.json();
        let units = night["units"].as_array().unwrap().iter();
        let segments = units.flat_map(|unit| unit["listed"].as_array().unwrap().clone());
        segments.map(|segment| segment.as_u64().unwrap()).collect()
    };
    let dry = archive.call(&["nightly", "night.toml", "--dry-run", "--json"]).expect(MATCH);
    assert!(listed(&dry).len() > 2, "{}", dry.stdout);
    archive.pruned("last:2");
    let dry = archive.call(&["nightly", "night.toml", "--dry-run", "--json"]).expect(MATCH);
    let left = listed(&dry);
    assert!(!left.is_empty() && left.iter().all(|segment| *segment >= 5), "{left:?}");
    archive.call(&["nightly", "night.toml", "--json"]).expect(MATCH);
}
