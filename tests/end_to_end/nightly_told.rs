//! Whom a night cannot tell, and what it refuses to begin with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{DIVERGENT, MATCH, Ran, USAGE, binary};
use crate::nightly::{Lab, changes};

/// Returns every file below a folder, and what it holds.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn a_divergence_that_nobody_could_be_told_of_is_one_all_the_same() {
    let lab = Lab::new("[tell]\nopened = ['sh', '-c', 'echo no pager today >&2; exit 3']\n");
    lab.record("bad", &["--attack", "lr-tamper@7*1.05"]);
    let ran = lab.nightly(&[], &["--json"]).expect(DIVERGENT);
    let ran = ran.says(&["`sh` was not told (opened)", "status: 3", "no pager today"]);
    let night = ran.json();
    assert_eq!(changes(&night), [("opened".into(), "divergence".into())]);
    assert_eq!(night["exit"], DIVERGENT);
    let page = fs::read_to_string(lab.path("nights/latest/index.html")).unwrap();
    assert!(page.contains("opened tonight"), "{page}");
    // Nobody knows of it yet, so the next nights tell of it until somebody does.
    let tell_again = |config: &str| {
        let night = lab.nightly(&[], &["--json"]).expect(DIVERGENT).json();
        fs::write(lab.path("night.toml"), config).unwrap();
        changes(&night)
    };
    let failing = fs::read_to_string(lab.path("night.toml")).unwrap();
    let hearing = failing.replace("exit 3", "exit 0");
    let opened = [("opened".into(), "divergence".into())];
    assert_eq!(tell_again(&hearing), opened);
    assert_eq!(tell_again(&hearing), opened);
    assert_eq!(tell_again(&hearing), []);
}

#[test]
fn a_night_that_is_killed_while_it_tells_has_its_page_and_the_next_tells_again() {
    let lab = Lab::new("[tell]\nopened = ['sh', '-c', 'kill -9 $PPID']\n");
    lab.record("bad", &["--attack", "lr-tamper@7*1.05"]);
    assert_eq!(lab.nightly(&[], &[]).code, None, "it was to be killed");
    let page = fs::read_to_string(lab.path("nights/night-00001/index.html")).unwrap();
    assert!(page.contains("opened tonight"), "{page}");
    lab.nightly(&[], &["--resume"]).expect(USAGE).says(&["nothing to resume"]);
    let config = fs::read_to_string(lab.path("night.toml")).unwrap();
    fs::write(lab.path("night.toml"), config.replace("kill -9 $PPID", "cat > /dev/null")).unwrap();
    let night = lab.nightly(&[], &["--json"]).expect(DIVERGENT).json();
    assert_eq!(changes(&night), [("opened".into(), "divergence".into())]);
    let night = lab.nightly(&[], &["--json"]).expect(DIVERGENT).json();
    assert_eq!(changes(&night), []);
}

#[test]
fn a_dry_run_over_a_ledger_changes_nothing() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    lab.nightly(&[], &[]).expect(MATCH);
    lab.record("b", &[]);
    let before = contents(lab.folder.path());
    assert!(before.contains_key(&lab.path("ledger.sqlite")), "else nothing could change");
    let plan = lab.nightly(&[], &["--dry-run", "--json"]).expect(MATCH).json();
    assert!(plan["units"][0]["run"].as_str().unwrap().ends_with("runs/b"), "{plan}");
    let after = contents(lab.folder.path());
    let names = |of: &BTreeMap<PathBuf, Vec<u8>>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    let changed: Vec<_> = before.iter().filter(|(path, bytes)| after[*path] != **bytes).collect();
    assert!(changed.is_empty(), "{:?}", changed.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

#[test]
fn a_value_that_cannot_be_meant_is_refused_with_its_key_and_its_file() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    let honest = fs::read_to_string(lab.path("night.toml")).unwrap();
    for (from, to, key) in [
        ("device_hours = 10", "device_hours = -1", "budget.device_hours"),
        ("device_hours = 10", "device_hours = 'ten'", "device_hours"),
        ("read = '1 GiB'", "read = '1 GB'", "read"),
        ("confidence = 0.9", "confidence = 90", "goal.confidence"),
        ("confidence = 0.9", "within = 'soon'", "within"),
        ("format = 1", "format = 7", "format"),
    ] {
        assert!(honest.contains(from), "{from}");
        fs::write(lab.path("night.toml"), honest.replace(from, to)).unwrap();
        for words in [&["--dry-run"][..], &["--resume"], &[]] {
            lab.nightly(&[], words).expect(USAGE).says(&[key, "night.toml"]);
        }
        lab.nightly(&["status"], &[]).expect(USAGE).says(&[key, "night.toml"]);
        let listed =
            binary().args(["incident", "list", "--config"]).arg(lab.path("night.toml")).output();
        Ran::from(&listed.unwrap()).expect(USAGE).says(&[key, "night.toml"]);
    }
    assert!(!lab.path("ledger.sqlite").exists() && !lab.path("nights").exists());
}
