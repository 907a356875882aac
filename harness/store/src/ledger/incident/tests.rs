//! What is held against recordings, and what clears it.

use tempfile::tempdir;

use super::super::tests::{entry, named};
use super::*;
use crate::alarm::AlarmKind;
use crate::entry::{BEGUN, Entry};

fn alarming(at: u64, kind: AlarmKind) -> Entry {
    let alarms = vec![Alarm::of(kind, "/a", "journal", Some(3), "it was altered")];
    let (verdict, agreed, accused) = ("divergent".into(), false, true);
    Entry { alarms, verdict, agreed, accused, ..entry("/a", at) }
}

/// Puts these audits into a new ledger, and says whether what was found still stands.
fn stands(entries: &[Entry]) -> bool {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    for entry in entries {
        ledger.put(entry).unwrap();
    }
    let [alarmed] = &ledger.alarms().unwrap()[..] else { panic!("one") };
    assert_eq!((alarmed.place.as_str(), alarmed.first_at_seconds), ("/a", 1));
    alarmed.stands
}

#[test]
fn only_an_audit_that_read_all_of_it_and_judged_clears_what_was_found() {
    let found = alarming(1, AlarmKind::Files);
    let inconclusive = Entry { verdict: "inconclusive".into(), ..entry("/a", 2) };
    let unread = Entry { commitment: None, verdict: "divergent".into(), ..entry("/a", 2) };
    let begun = Entry { verdict: BEGUN.into(), ..entry("/a", 2) };
    let elsewhere = Entry { place: "/b".into(), names: named("/b"), ..entry("/b", 2) };
    for later in [inconclusive, unread, begun, elsewhere, alarming(2, AlarmKind::Files)] {
        assert!(stands(&[found.clone(), later.clone()]), "{later:?}");
    }
    assert!(!stands(&[found.clone(), entry("/a", 2)]));
    assert!(stands(&[found.clone(), entry("/a", 2), alarming(3, AlarmKind::Files)]));
}

#[test]
fn who_does_not_know_the_order_does_not_clear_what_was_ordered_otherwise() {
    let found = alarming(1, AlarmKind::Expected);
    assert!(stands(&[found.clone(), entry("/a", 2)]));
    let knowing = Entry { expected: true, ..entry("/a", 3) };
    assert!(!stands(&[found, entry("/a", 2), knowing]));
}

#[test]
fn an_alarm_is_named_by_what_it_is_and_not_by_its_words() {
    let of = |kind, place, object, step, words| Alarm::of(kind, place, object, step, words).id;
    let files = AlarmKind::Files;
    let id = of(files, "/a", "journal", Some(3), "seen on Monday");
    assert_eq!(id, of(files, "/a", "journal", Some(3), "seen on Tuesday"));
    for other in [
        of(AlarmKind::Contradiction, "/a", "journal", Some(3), ""),
        of(files, "/b", "journal", Some(3), ""),
        of(files, "/a", "commitment", Some(3), ""),
        of(files, "/a", "journal", None, ""),
    ] {
        assert_ne!(other, id);
    }
    assert_eq!(id, "c0e22c0e029c");
}

#[test]
fn what_is_forgotten_leaves_no_alarm_behind() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    ledger.put(&alarming(1, AlarmKind::Files)).unwrap();
    ledger.forget(&named("/a")).unwrap();
    assert_eq!(ledger.alarms().unwrap(), []);
    let left = ledger.read("SELECT COUNT(*) AS n FROM alarm", (), |row| natural(row, "n"));
    assert_eq!(left.unwrap(), [0]);
}
