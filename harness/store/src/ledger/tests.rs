//! The ledger, and files that are none.

use super::*;
use crate::covered::Covered;
use crate::entry::{BEGUN, Divergent, Owed, Paid};
use reenact_core::state::StateRoot;
use reenact_core::verify::{CoveredSegment, DrawRule, Grade, Proven, Seen, Segment, Stage};
use tempfile::tempdir;

pub(super) fn named(place: &str) -> Vec<String> {
    vec![place.into()]
}

pub(super) fn entry(place: &str, at: u64) -> Entry {
    Entry {
        key: format!("{} {at}", place.trim_start_matches('/')),
        place: place.into(),
        names: named(place),
        name: Some("toy".into()),
        spec: Some(Digest([1; 32])),
        seen: Some(Seen { frames: 40 + at, head: Digest([2; 32]) }),
        commitment: Some(Digest([3; 32])),
        audited_at_seconds: at,
        verdict: "match".into(),
        reason: None,
        drawn: 2,
        total: 6,
        nonce: Some("2026-11-23".parse().unwrap()),
        nonce_source: Some("fresh".into()),
        drawn_at_seconds: Some(at),
        rule: DrawRule::Uncovered,
        pool: Some(5),
        sampled: 2,
        agreed: true,
        contradicted: false,
        accused: false,
        expected: false,
        covered: vec![covered(1, true, at), covered(5, false, at)],
        debts: Vec::new(),
        divergences: Vec::new(),
        alarms: Vec::new(),
        pays: Vec::new(),
    }
}

/// A segment of ten steps, replayed on the only device of a machine.
pub(super) fn covered(index: u64, sampled: bool, at_seconds: u64) -> Covered {
    let (step_start, step_end) = (10 * index, 10 * index + 10);
    let root = |step: u64| StateRoot(Digest([step as u8; 32]));
    let found = CoveredSegment {
        segment: Segment { index, step_start, step_end },
        opening: root(step_start),
        closing: root(step_end),
        sampled,
        at_seconds,
        disowned_at_seconds: None,
    };
    let by = reenact_core::verify::Witness {
        host: "node7".into(),
        device: "cuda:0".into(),
        device_serial: None,
        driver: Some("580.12".into()),
        binary: Digest([9; 32]),
    };
    Covered { found, by, seconds: 2.5, disowned_because: None }
}

fn owed(segment: u64) -> Owed {
    Owed { segment, why: "two workers failed".into(), paid_at_seconds: None }
}

/// An audit that drew two segments and has not ended.
pub(super) fn begun(place: &str, at: u64) -> Entry {
    let debts = vec![owed(1), owed(4)];
    let (verdict, agreed, drawn) = (BEGUN.into(), false, 0);
    Entry { verdict, agreed, drawn, debts, covered: Vec::new(), ..entry(place, at) }
}

fn proving(place: &str, at: u64) -> Entry {
    let (segment, step, stage) = (Some(3), Some(31), Some(Stage::LearningRate));
    let (grade, words) = (Grade::BitExact, "segment 3 (steps 30 to 39): it differs".into());
    let proven = Proven { segment, step, stage, grade, words, cause: Some("sign-flip".into()) };
    let sum = Proven { segment: None, step: None, stage: None, ..proven.clone() };
    let named = |id: &str, proven| Divergent { id: id.into(), proven, closing: None };
    let divergences = vec![named("def", sum), named("abc", proven)];
    let (verdict, agreed, accused) = ("divergent".into(), false, true);
    Entry { verdict, agreed, accused, divergences, ..entry(place, at) }
}

fn unread(place: &str, at: u64) -> Entry {
    let (name, spec, seen, commitment, nonce, nonce_source) = (None, None, None, None, None, None);
    let (drawn, total, verdict) = (0, 0, "inconclusive".into());
    let unread =
        Entry { name, spec, seen, commitment, nonce, drawn, total, verdict, ..entry(place, at) };
    let (agreed, contradicted, accused) = (false, true, true);
    let (pool, drawn_at_seconds, covered, sampled) = (None, None, Vec::new(), 0);
    let unread = Entry { pool, drawn_at_seconds, covered, sampled, ..unread };
    Entry { agreed, contradicted, accused, nonce_source, ..unread }
}

#[test]
fn what_is_added_is_there_when_it_is_opened_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("new/folder/ledger.sqlite");
    let entries = [entry("/a", 1), unread("/a", 2)];
    for entry in &entries {
        Ledger::open(&path).unwrap().put(entry).unwrap();
    }
    let ledger = Ledger::open_existing(&path).unwrap().unwrap();
    assert_eq!(ledger.of_place(&named("/a")).unwrap(), entries);
    assert_eq!(ledger.of_place(&named("/b")).unwrap(), []);
}

#[test]
fn a_run_is_found_by_place_and_by_spec() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    let other = Entry { spec: Some(Digest([7; 32])), ..entry("/other", 3) };
    let entries = [entry("/a", 1), entry("/b", 2), other, unread("/a", 4)];
    entries.iter().for_each(|entry| drop(ledger.put(entry).unwrap()));
    let found = ledger.of_run(&named("/a"), Some(Digest([1; 32]))).unwrap();
    assert_eq!(found, [entries[0].clone(), entries[1].clone(), entries[3].clone()]);
    let here: Vec<bool> = found.iter().map(|entry| entry.remembered(&named("/a")).here).collect();
    assert_eq!(here, [true, false, true]);
    let summaries = ledger.summaries().unwrap();
    let counts: Vec<u64> = summaries.iter().map(|summary| summary.audits).collect();
    assert_eq!((counts, &summaries[0].last), (vec![2, 1, 1], &entries[3]));
}

#[test]
fn only_a_draw_that_nobody_could_foresee_and_that_is_settled_is_remembered_as_one() {
    let draw = |entry: Entry| entry.remembered(&named("/a")).draw;
    let of_today = draw(Entry { agreed: false, ..entry("/a", 7) }).unwrap();
    assert_eq!((of_today.total, of_today.pool, of_today.drawn_at_seconds), (6, 5, 7));
    assert_eq!(of_today.agreed, None, "how much of it agreed, the rows say");
    let before = |rule| Entry { rule, pool: None, drawn_at_seconds: None, ..entry("/a", 7) };
    // The last of two was drawn always, by the second rule.
    for (rule, pool, agreed) in [(DrawRule::Uniform, 6, 2), (DrawRule::LastAlways, 5, 1)] {
        let found = draw(before(rule)).unwrap();
        assert_eq!((found.pool, found.agreed), (pool, Some(agreed)));
    }
    for not in [
        Entry { agreed: false, ..before(DrawRule::LastAlways) },
        Entry { commitment: None, ..before(DrawRule::LastAlways) },
        Entry { nonce: None, ..entry("/a", 1) },
        Entry { pool: None, ..entry("/a", 1) },
        Entry { nonce_source: Some("given".into()), ..entry("/a", 1) },
        Entry { nonce_source: None, ..entry("/a", 1) },
        Entry { debts: vec![owed(3)], ..entry("/a", 1) },
    ] {
        assert_eq!(draw(not), None);
    }
    let paid = Owed { paid_at_seconds: Some(9), ..owed(3) };
    assert!(draw(Entry { debts: vec![paid], ..entry("/a", 1) }).is_some());
}

#[test]
fn a_place_is_forgotten_and_no_other() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    for (at, place) in ["/a", "/b", "/a"].into_iter().enumerate() {
        ledger.put(&entry(place, at as u64)).unwrap();
    }
    assert_eq!(ledger.forget(&named("/a")).unwrap(), 2);
    assert_eq!(ledger.forget(&named("/a")).unwrap(), 0);
    assert_eq!(
        (
            ledger.of_place(&named("/a")).unwrap().len(),
            ledger.of_place(&named("/b")).unwrap().len()
        ),
        (0, 1)
    );
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    let failed = ledger.write(|transaction| {
        transaction.execute("INSERT INTO debt (audit, segment, why) VALUES ('a', 1, '')", ())?;
        transaction.execute("INSERT INTO audit (place) VALUES ('/b')", ())
    });
    assert!(matches!(failed, Err(LedgerError::Sqlite { .. })));
    assert_eq!(rows(&ledger, "debt"), 0);
}

fn rows(ledger: &Ledger, table: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {table}");
    ledger.connection.query_row(&count, (), |row| row.get(0)).unwrap()
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
                    Ledger::open(path).unwrap().put(&entry(&place, at)).unwrap();
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
    let values = [
        ("audit", "head", "'xyz'"),
        ("audit", "frames", "-1"),
        ("audit", "nonce", "''"),
        ("audit", "drawn", "-9"),
        ("audit", "rule", "9"),
        ("audit", "pool", "-2"),
        ("covered", "opening", "'x'"),
        ("covered", "step_start", "-1"),
        ("covered", "at_seconds", "-7"),
    ];
    for (table, column, value) in values {
        let folder = tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.put(&entry("/a", 1)).unwrap();
        ledger.connection.execute(&format!("UPDATE {table} SET {column} = {value}"), ()).unwrap();
        let error = ledger.of_place(&named("/a")).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{column}: {error}");
    }
}

#[test]
fn a_ledger_of_format_1_is_brought_to_todays() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    let golden = include_str!("format_1.sql");
    Connection::open(&path).unwrap().execute_batch(golden).unwrap();
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(number(&ledger.connection, "user_version").unwrap(), LEDGER_FORMAT);
    let found = ledger.of_place(&named("/runs/toy")).unwrap();
    let of = |take: fn(&Entry) -> String| found.iter().map(take).collect::<Vec<_>>().join(" ");
    assert_eq!(of(|entry| entry.verdict.clone()), "match match match divergent divergent");
    assert_eq!(of(|entry| entry.accused.to_string()), "false false false true true");
    assert_eq!(of(|entry| entry.sampled.to_string()), "2 3 0 3 0");
    assert_eq!(found[0].seen.unwrap().frames, 70);
    assert_eq!(found[1].nonce.as_ref().unwrap().to_string(), "2026-11-23");
    // Nobody knows any more whether the nonces were given.
    assert!(found.iter().all(|entry| entry.remembered(&entry.names).draw.is_none()));
    assert!(found.iter().all(|entry| entry.rule == DrawRule::Uniform));
    drop(ledger);
    assert_eq!(Ledger::open(&path).unwrap().of_place(&named("/runs/toy")).unwrap(), found);
}

#[test]
fn a_ledger_of_format_2_keeps_the_rules_of_its_draws() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    let second = "ALTER TABLE audit ADD COLUMN rule INTEGER NOT NULL DEFAULT 1;
                  UPDATE audit SET rule = 2 WHERE id = 2; PRAGMA user_version = 2;";
    let golden = include_str!("format_1.sql");
    Connection::open(&path).unwrap().execute_batch(&[golden, second].concat()).unwrap();
    let found = Ledger::open(&path).unwrap().of_place(&named("/runs/toy")).unwrap();
    let rules: Vec<u64> = found.iter().map(|entry| entry.rule.into()).collect();
    assert_eq!(rules, [1, 2, 1, 1, 1]);
}

#[test]
fn a_ledger_of_format_3_keeps_its_samples_debts_and_proofs() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    Connection::open(&path).unwrap().execute_batch(include_str!("format_3.sql")).unwrap();
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(number(&ledger.connection, "user_version").unwrap(), LEDGER_FORMAT);
    let found = ledger.of_place(&named("/runs/toy")).unwrap();
    let draws = found.iter().map(|entry| entry.remembered(&entry.names).draw);
    let draws: Vec<Option<(u64, Option<u64>)>> =
        draws.map(|draw| draw.map(|draw| (draw.pool, draw.agreed))).collect();
    assert_eq!(draws, [Some((5, Some(1))), None, None, None]);
    assert!(found.iter().all(|entry| entry.covered.is_empty() && entry.pool.is_none()));
    let counts = |entry: &Entry| (entry.open().count(), entry.due().count());
    assert_eq!(found.iter().map(counts).collect::<Vec<_>>(), [(0, 0), (0, 0), (0, 2), (1, 0)]);
    drop(ledger);
    let mut ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.of_place(&named("/runs/toy")).unwrap(), found);
    ledger.put(&entry("/runs/toy", 9)).unwrap();
    assert_eq!(ledger.of_place(&named("/runs/toy")).unwrap()[4], entry("/runs/toy", 9));
}

#[test]
fn what_an_audit_wrote_when_it_began_is_replaced_when_it_ends() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    ledger.put(&begun("/a", 1)).unwrap();
    let found = ledger.of_place(&named("/a")).unwrap();
    assert_eq!(found, [begun("/a", 1)]);
    let remembered = found[0].remembered(&named("/a"));
    let due: Vec<u64> = remembered.debts.iter().map(|debt| debt.segment).collect();
    assert_eq!((remembered.ended, due), (false, vec![1, 4]));
    let ended = Entry { debts: vec![owed(4)], ..entry("/a", 1) };
    // Whatever comes twice, or too late, changes nothing.
    for again in [&ended, &begun("/a", 1), &entry("/a", 1), &ended] {
        ledger.put(again).unwrap();
        assert_eq!(ledger.of_place(&named("/a")).unwrap(), std::slice::from_ref(&ended));
    }
    assert_eq!((rows(&ledger, "debt"), ledger.summaries().unwrap()[0].due), (1, 1));
}

#[test]
fn a_debt_is_paid_by_the_audit_that_judges_the_segment() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    ledger.put(&begun("/a", 1)).unwrap();
    let pays = vec![Paid { audit: "a 1".into(), segment: 4 }];
    ledger.put(&Entry { pays, ..entry("/a", 9) }).unwrap();
    let found = ledger.of_place(&named("/a")).unwrap();
    let due: Vec<u64> = found[0].due().map(|owed| owed.segment).collect();
    assert_eq!((due, found[0].debts[1].paid_at_seconds), (vec![1], Some(9)));
    assert_eq!(found[0].remembered(&named("/a")).debts.len(), 1);
}

#[test]
fn what_is_proven_stays_until_it_is_closed_and_is_opened_by_a_new_proof() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    ledger.put(&proving("/a", 1)).unwrap();
    ledger.put(&proving("/b", 2)).unwrap();
    assert_eq!(ledger.of_place(&named("/a")).unwrap(), [proving("/a", 1)]);
    assert_eq!(ledger.summaries().unwrap()[0].open, 2);
    let closing = Closing { at_seconds: 5, by: "me".into(), reason: "the card was bad".into() };
    assert_eq!(ledger.close("abc", &closing).unwrap(), 2);
    assert_eq!(ledger.close("abc", &closing).unwrap(), 0);
    assert_eq!(ledger.close("none", &closing).unwrap(), 0);
    let found = ledger.of_divergence("abc").unwrap();
    assert_eq!(found.len(), 2);
    let of = |entry: &Entry| entry.divergences.iter().find(|d| d.id == "abc").cloned().unwrap();
    assert_eq!(of(&found[0]).closing, Some(closing));
    assert_eq!(found[0].open().count(), 1);
    ledger.put(&proving("/a", 7)).unwrap();
    let found = ledger.of_place(&named("/a")).unwrap();
    assert_eq!((found[0].open().count(), found[1].open().count()), (1, 2));
}

#[test]
fn what_is_open_or_due_outlives_its_place() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    for entry in [&entry("/a", 1), &proving("/a", 2), &begun("/a", 3)] {
        ledger.put(entry).unwrap();
    }
    assert_eq!(ledger.forget(&named("/a")).unwrap(), 3);
    assert_eq!(ledger.of_place(&named("/a")).unwrap(), []);
    let kept = ledger.of_run(&named("/b"), Some(Digest([1; 32]))).unwrap();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let remembered = kept[0].remembered(&named(""));
    assert!(!remembered.here && remembered.open.len() == 2 && remembered.lay_at.is_none());
    // Closed, it is gone with the next that is forgotten.
    let closing = Closing { at_seconds: 5, by: "me".into(), reason: "it was".into() };
    for id in ["abc", "def"] {
        ledger.close(id, &closing).unwrap();
    }
    ledger.forget(&named("/none")).unwrap();
    assert_eq!((rows(&ledger, "audit"), rows(&ledger, "divergence")), (1, 0));
    assert_eq!(rows(&ledger, "covered"), 0, "the one that is left has never ended");
}

#[test]
fn a_place_has_several_names() {
    let folder = tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let through = Entry { names: names(&["/latest", "/a"]), ..entry("/a", 1) };
    ledger.put(&through).unwrap();
    let now = names(&["/latest", "/b"]);
    let found = ledger.of_place(&now).unwrap()[0].remembered(&now);
    assert_eq!((found.here, found.lay_at.as_deref()), (true, Some("/a")));
    assert_eq!(through.remembered(&named("/a")).lay_at, None);
    // To forget a link that leads elsewhere now leaves alone what lies there.
    assert_eq!(ledger.forget(&now).unwrap(), 1);
    assert_eq!(ledger.of_place(&now).unwrap(), []);
    assert_eq!(ledger.of_place(&named("/a")).unwrap()[0].names, names(&["/a"]));
    ledger.put(&Entry { names: names(&["/latest", "/a"]), ..entry("/a", 2) }).unwrap();
    assert_eq!(ledger.forget(&named("/a")).unwrap(), 2);
    assert_eq!(rows(&ledger, "audit"), 0);
}
