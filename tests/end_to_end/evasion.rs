//! The ledger is not got around.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, binary, findings, record, toy_spec};
use crate::ledger::Place;

#[test]
fn a_link_in_the_place_of_a_run_or_its_folder_changes_nothing() {
    let place = Place::new();
    let root = place.folder.path();
    let (old, new) = (root.join("old"), root.join("new"));
    record(&toy_spec(root, &[]), &old.join("run"), &[]);
    record(&toy_spec(root, &[("root_seed = 7", "root_seed = 8")]), &new.join("run"), &[]);
    let runs = root.join("runs");
    symlink(&old, &runs).unwrap();
    place.audit_of(&runs.join("run"), &[]).expect(MATCH);
    // The folder of the runs leads elsewhere.
    fs::remove_file(&runs).unwrap();
    symlink(&new, &runs).unwrap();
    let report = place.audit_of(&runs.join("run"), &[]).expect(DIVERGENT).json();
    let problem = &findings(&report)[0].2;
    for part in ["not a continuation", "led to", "old/run", "a link knowingly moved"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    // Or the run itself; by its own name it is another's.
    fs::remove_dir_all(old.join("run")).unwrap();
    symlink(new.join("run"), old.join("run")).unwrap();
    place.audit_of(&old.join("run"), &[]).expect(DIVERGENT);
    place.audit_of(&new.join("run"), &[]).expect(MATCH);
    // What was meant is said.
    place.ledger("forget", Some(&runs.join("run")), &[]).expect(MATCH);
    place.audit_of(&runs.join("run"), &[]).expect(MATCH);
}

#[test]
fn a_working_directory_that_is_a_link_is_a_name_too() {
    let place = Place::new();
    let root = place.folder.path();
    for (seed, folder) in [("7", "old"), ("8", "new")] {
        let seed = format!("root_seed = {seed}");
        record(&toy_spec(root, &[("root_seed = 7", &seed)]), &root.join(folder).join("run"), &[]);
    }
    let runs = root.join("runs");
    let inside = || {
        let mut command = binary();
        command.args(["audit", "run", "--json", "--ledger"]).arg(&place.ledger);
        Ran::from(&command.current_dir(&runs).env("PWD", &runs).output().unwrap())
    };
    symlink("old", &runs).unwrap();
    inside().expect(MATCH);
    fs::remove_file(&runs).unwrap();
    symlink("new", &runs).unwrap();
    inside().expect(DIVERGENT);
}

/// Holds a lock that everybody can take who may read the file.
fn reader(place: &Place) -> Option<std::process::Child> {
    let script = "import fcntl, os, sys, time\n\
        f = os.open(sys.argv[1], os.O_RDONLY)\n\
        fcntl.lockf(f, fcntl.LOCK_SH, 510, 0x40000000 + 2)\n\
        print('held', flush=True)\n\
        time.sleep(300)";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(&place.ledger).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut held = [0; 4];
    let read = std::io::Read::read_exact(child.stdout.as_mut()?, &mut held);
    read.ok().map(|()| child)
}

#[test]
fn a_readers_lock_makes_no_audit_forgotten() {
    let place = Place::recorded();
    place.audit(&[]).expect(MATCH);
    // Without Python there is nobody who locks.
    let Some(mut child) = reader(&place) else { return };
    place.record("8");
    let ran = place.audit(&[]).expect(DIVERGENT).says(&["locks the ledger", "-waiting-"]);
    assert_eq!(findings(&ran.json()).len(), 1);
    // It is known while it waits, and after.
    assert_eq!(place.entries(&place.run).len(), 2);
    place.ledger("forget", Some(&place.run), &[]).expect(INCONCLUSIVE).says(&["cannot be"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let entries = place.entries(&place.run);
    let verdicts: Vec<_> = entries.iter().map(|entry| entry["verdict"].as_str()).collect();
    assert_eq!(verdicts, [Some("match"), Some("divergent")]);
    let left = fs::read_dir(place.ledger.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "nothing waits any more");
}

#[test]
fn an_unfinished_run_has_its_name() {
    let place = Place::recorded();
    fs::remove_file(place.run.join("commitment")).unwrap();
    place.audit(&[]).expect(INCONCLUSIVE);
    let text = place.ledger("list", None, &[]).expect(MATCH).stdout;
    assert!(text.contains("toy-plane") && !text.contains("unreadable"), "{text}");
}
