//! Ledgers that somebody holds a lock on.

use super::super::tests::{begun, entry, named};
use super::super::{Ledger, LedgerError};
use super::*;
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

/// A ledger, and a reader who does not let go.
struct Locked {
    folder: TempDir,
    path: PathBuf,
    reader: Connection,
}

impl Locked {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let path = folder.path().join("ledger");
        Ledger::open(&path).unwrap().put(&entry("/a", 1)).unwrap();
        let reader = Connection::open(&path).unwrap();
        let locked = Self { folder, path, reader };
        locked.hold();
        locked
    }

    fn hold(&self) {
        self.reader.execute_batch("BEGIN; SELECT COUNT(*) FROM audit").unwrap();
    }

    fn release(&self) {
        self.reader.execute_batch("ROLLBACK").unwrap();
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|found| found.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.contains(MARK)).collect();
        names.sort();
        names
    }
}

fn verdicts(ledger: &Ledger) -> Vec<String> {
    let found = ledger.of_place(&named("/a")).unwrap();
    found.into_iter().map(|entry| entry.verdict).collect()
}

#[test]
fn a_reader_makes_nobody_forget() {
    let locked = Locked::new();
    let mut first = Ledger::open(&locked.path).unwrap();
    assert!(first.put(&begun("/a", 2)).unwrap().is_some());
    // Another audit counts what waits, though it can write as little.
    assert_eq!(verdicts(&Ledger::open(&locked.path).unwrap()), ["match", "begun"]);
    assert_eq!(
        verdicts(&Ledger::open_existing(&locked.path).unwrap().unwrap()),
        ["match", "begun"]
    );
    let ended = Entry { verdict: "divergent".into(), ..entry("/a", 2) };
    assert!(first.put(&ended).unwrap().is_some());
    assert_eq!(verdicts(&first), ["match", "divergent"]);
    // What waits is all of it.
    assert_eq!(Ledger::open(&locked.path).unwrap().of_place(&named("/a")).unwrap()[1], ended);
    assert_eq!(verdicts(&Ledger::open(&locked.path).unwrap()), ["match", "divergent"]);
    assert_eq!(locked.files().len(), 2);
    locked.release();
    assert_eq!(verdicts(&Ledger::open(&locked.path).unwrap()), ["match", "divergent"]);
    assert_eq!(locked.files(), [""; 0]);
    assert_eq!(verdicts(&Ledger::open(&locked.path).unwrap()), ["match", "divergent"]);
}

#[test]
fn what_is_taken_in_twice_is_there_once() {
    let locked = Locked::new();
    Ledger::open(&locked.path).unwrap().put(&begun("/a", 2)).unwrap();
    let kept = fs::read(locked.folder.path().join(&locked.files()[0])).unwrap();
    let name = locked.files().remove(0);
    locked.release();
    let mut ledger = Ledger::open(&locked.path).unwrap();
    ledger.put(&entry("/a", 2)).unwrap();
    fs::write(locked.folder.path().join(name), kept).unwrap();
    assert_eq!(verdicts(&Ledger::open(&locked.path).unwrap()), ["match", "match"]);
}

#[test]
fn nothing_is_forgotten_or_closed_under_a_lock() {
    let locked = Locked::new();
    let mut ledger = Ledger::open(&locked.path).unwrap();
    assert!(matches!(ledger.forget(&named("/a")), Err(LedgerError::Sqlite { .. })));
    ledger.put(&begun("/a", 2)).unwrap();
    assert!(matches!(ledger.forget(&named("/a")), Err(LedgerError::Sqlite { .. })));
}

#[test]
fn what_waits_and_cannot_be_read_is_named() {
    let locked = Locked::new();
    locked.release();
    let path = locked.folder.path().join("ledger-waiting-x-begun.json");
    let refused = |part: &str| {
        let error = Ledger::open(&locked.path).unwrap_err().to_string();
        assert!(error.contains("ledger-waiting-x") && error.contains(part), "{error}");
    };
    fs::write(&path, "{").unwrap();
    refused("cannot be read");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("no plain file");
    fs::remove_dir(&path).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        refused("");
        fs::remove_file(&path).unwrap();
    }
    // A draft was never whole, and what is called otherwise is none of ours.
    fs::write(locked.folder.path().join("ledger-waiting-x-begun.draft"), "{").unwrap();
    fs::write(locked.folder.path().join("other-waiting-x-begun.json"), "{").unwrap();
    assert_eq!(verdicts(&Ledger::open(&locked.path).unwrap()), ["match"]);
}

#[cfg(unix)]
#[test]
fn what_is_begun_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let locked = Locked::new();
    let path = locked.folder.path().join("new/folder/ledger");
    drop(Ledger::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    Ledger::open(&locked.path).unwrap().put(&begun("/a", 2)).unwrap();
    assert_eq!(mode(&locked.folder.path().join(&locked.files()[0])), 0o600);
}
