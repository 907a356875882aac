//! The ledger, and files that are none.

use super::*;
use tempfile::tempdir;

fn entry(place: &str, at: u64) -> Entry {
    Entry {
        place: place.into(),
        name: Some("toy".into()),
        spec: Some(Digest([1; 32])),
        seen: Some(Seen { frames: 40 + at, head: Digest([2; 32]) }),
        commitment: Some(Digest([3; 32])),
        audited_at_seconds: at,
        verdict: "match".into(),
        drawn: 2,
        total: 6,
        nonce: Some("a nonce".parse().unwrap()),
        rule: DrawRule::LastAlways,
        agreed: true,
        contradicted: false,
    }
}

fn unread(place: &str, at: u64) -> Entry {
    let (name, spec, seen, commitment, nonce) = (None, None, None, None, None);
    let (drawn, total, verdict) = (0, 0, "inconclusive".into());
    let unread =
        Entry { name, spec, seen, commitment, nonce, drawn, total, verdict, ..entry(place, at) };
    Entry { agreed: false, contradicted: true, ..unread }
}

#[test]
fn what_is_added_is_there_when_it_is_opened_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("new/folder/ledger.sqlite");
    let entries = [entry("/a", 1), unread("/a", 2)];
    for entry in &entries {
        Ledger::open(&path).unwrap().add(entry).unwrap();
    }
    let ledger = Ledger::open_existing(&path).unwrap().unwrap();
    assert_eq!(ledger.of_place("/a").unwrap(), entries);
    assert_eq!(ledger.of_place("/b").unwrap(), []);
}

#[test]
fn a_run_is_found_by_place_and_by_spec() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    let other = Entry { spec: Some(Digest([7; 32])), ..entry("/other", 3) };
    let entries = [entry("/a", 1), entry("/b", 2), other, unread("/a", 4)];
    entries.iter().for_each(|entry| ledger.add(entry).unwrap());
    let found = ledger.of_run("/a", Some(Digest([1; 32]))).unwrap();
    assert_eq!(found, [entries[0].clone(), entries[1].clone(), entries[3].clone()]);
    let here: Vec<bool> = found.iter().map(|entry| entry.remembered("/a").here).collect();
    assert_eq!(here, [true, false, true]);
    let summaries = ledger.summaries().unwrap();
    let counts: Vec<u64> = summaries.iter().map(|summary| summary.audits).collect();
    assert_eq!((counts, &summaries[0].last), (vec![2, 1, 1], &entries[3]));
}

#[test]
fn only_a_drawn_sample_that_agreed_is_remembered_as_one() {
    assert_eq!(entry("/a", 1).remembered("/a").sample.unwrap().count, 2);
    for not in [
        Entry { agreed: false, ..entry("/a", 1) },
        Entry { nonce: None, ..entry("/a", 1) },
        Entry { commitment: None, ..entry("/a", 1) },
    ] {
        assert_eq!(not.remembered("/a").sample, None);
    }
}

#[test]
fn a_place_is_forgotten_and_no_other() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    for place in ["/a", "/b", "/a"] {
        ledger.add(&entry(place, 1)).unwrap();
    }
    assert_eq!(ledger.forget("/a").unwrap(), 2);
    assert_eq!(ledger.forget("/a").unwrap(), 0);
    assert_eq!(
        (ledger.of_place("/a").unwrap().len(), ledger.of_place("/b").unwrap().len()),
        (0, 1)
    );
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    let failed = ledger.write(|transaction| {
        transaction.execute(
            "INSERT INTO audit (place, audited_at_seconds, verdict, drawn, total, \
            agreed, contradicted) VALUES ('/a', 1, 'match', 1, 1, 1, 0)",
            (),
        )?;
        transaction.execute("INSERT INTO audit (place) VALUES ('/b')", ())
    });
    assert!(matches!(failed, Err(LedgerError::Sqlite { .. })));
    assert_eq!(ledger.summaries().unwrap(), []);
}

#[test]
fn many_that_write_at_once_lose_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for at in 0..5 {
                    let place = format!("/{thread}");
                    Ledger::open(path).unwrap().add(&entry(&place, at)).unwrap();
                }
            });
        }
    });
    let counts: Vec<u64> =
        Ledger::open(&path).unwrap().summaries().unwrap().iter().map(|s| s.audits).collect();
    assert_eq!(counts, [5; 4]);
}

#[test]
fn there_need_not_be_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    assert!(Ledger::open_existing(&path).unwrap().is_none());
    assert!(!path.exists(), "looking does not begin one");
    fs::write(&path, "").unwrap();
    assert!(Ledger::open_existing(&path).unwrap().is_none());
    drop(Ledger::open(&path).unwrap());
    assert!(Ledger::open_existing(&path).unwrap().is_some());
}

#[test]
fn a_ledger_of_the_first_format_is_read_and_continued() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    Ledger::open(&path).unwrap().add(&entry("/a", 1)).unwrap();
    let first = "ALTER TABLE audit DROP COLUMN rule; PRAGMA user_version = 1";
    Connection::open(&path).unwrap().execute_batch(first).unwrap();
    let before = Entry { rule: DrawRule::Uniform, ..entry("/a", 1) };
    let read = Ledger::open_existing(&path).unwrap().unwrap().of_place("/a").unwrap();
    assert_eq!(read, std::slice::from_ref(&before), "its samples were drawn by the rule of then");
    Ledger::open(&path).unwrap().add(&entry("/a", 2)).unwrap();
    assert_eq!(Ledger::open(&path).unwrap().of_place("/a").unwrap(), [before, entry("/a", 2)]);
}

#[test]
fn files_that_are_no_ledger_are_told_apart() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(Ledger::open(&path).unwrap());
    let pragma = |text: &str| Connection::open(&path).unwrap().execute_batch(text).unwrap();
    let both = || [Ledger::open(&path).err(), Ledger::open_existing(&path).err()];
    pragma("PRAGMA user_version = 99");
    for error in both() {
        let error = error.unwrap();
        assert!(matches!(error, LedgerError::TooNew { found: 99, .. }), "{error}");
    }
    pragma("PRAGMA user_version = 1; PRAGMA application_id = 5");
    for error in both() {
        assert!(matches!(error, Some(LedgerError::Foreign { .. })));
    }
    fs::write(&path, "no database at all, but long enough to be read as the head of one").unwrap();
    for error in both() {
        let error = error.unwrap();
        assert!(matches!(error, LedgerError::Sqlite { .. }), "{error}");
    }
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Foreign { .. })));
    let inside = path.join("ledger");
    assert!(matches!(Ledger::open(&inside), Err(LedgerError::Folder { .. })));
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::Sqlite { .. })));
}

#[test]
fn values_that_cannot_be_are_named() {
    let values =
        [("head", "'xyz'"), ("frames", "-1"), ("nonce", "''"), ("drawn", "-9"), ("rule", "9")];
    for (column, value) in values {
        let folder = tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.add(&entry("/a", 1)).unwrap();
        ledger.connection.execute(&format!("UPDATE audit SET {column} = {value}"), ()).unwrap();
        let error = ledger.of_place("/a").unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{column}: {error}");
    }
}
