//! Evidence of a training, and what does not belong to a lock.

use reenact_core::in_memory::MemoryFile;

use super::*;
use crate::lock::tests::accepted;
use crate::training::{Altered, STEPS, environment, evidence, recorded, spec};
use crate::{Enforce, JOURNAL_BYTES_MAX};

fn locked(evidence: &Evidence) -> (Lock, Entry) {
    let entry = evidence.accept(&environment(), accepted("2026-11-25", "first")).unwrap();
    let mut lock = Lock {
        spec: spec().digest(),
        steps: STEPS,
        enforce: Enforce::Block,
        old: Vec::new(),
        entries: Vec::new(),
    };
    lock.accept(entry.clone());
    (Lock::parse(lock.canonical().unwrap().as_bytes()).unwrap(), entry)
}

fn file(bytes: &[u8]) -> Box<dyn ReadAt> {
    Box::new(MemoryFile::new(bytes.to_vec()))
}

fn said(lock: &Lock, entry: &Entry, trace: &str, journal: Option<&[u8]>) -> String {
    Evidence::read(lock, entry, trace.as_bytes(), journal).unwrap_err().to_string()
}

#[test]
fn what_is_stored_is_read_back() {
    let found = evidence(&Altered::default());
    let (lock, entry) = locked(&found);
    let (trace, journal) = (found.trace.to_string(), found.journal.as_ref().unwrap());
    assert!(journal.bytes().len() < JOURNAL_BYTES_MAX / 16);
    let read = Evidence::read(&lock, &entry, trace.as_bytes(), Some(journal.bytes())).unwrap();
    assert_eq!(read.trace, found.trace);
    assert_eq!(read.journal.unwrap().binding(), journal.binding());
    let without = Evidence::read(&lock, &entry, trace.as_bytes(), None).unwrap();
    assert!(without.journal.is_none());
    assert_eq!(entry.first, found.trace.first);
    assert_eq!(entry.class.to_string(), "cpu-e703bc");
    assert_eq!(entry.cargo_lock, environment().lock);
}

#[test]
fn golden_lines_of_the_toy() {
    let text = evidence(&Altered::default()).trace.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), STEPS as usize + 5);
    let step = "0 batch d49d826a rate 3f847ae147ae147c loss 40836b70 gradient c1a20ff0ad47cbc3 update fa50131c8c0c7771";
    assert_eq!(lines[3], step);
    assert!(include_str!("../../../../replay-specs/README.md").contains(step));
    let last = "last b5f4f2a03edae41a058135a89eb439cab15bc6f8ac3ca4003b5976bfab29d1de";
    assert_eq!(lines[33], last);
}

#[test]
fn another_trace_is_refused() {
    let found = evidence(&Altered::default());
    let (lock, entry) = locked(&found);
    let other = evidence(&Altered { start: true, ..Altered::default() }).trace.to_string();
    assert!(said(&lock, &entry, &other, None).contains("trace: its digest is "));
    // What befell it says more than that the digest is another.
    let text = found.trace.to_string();
    assert!(said(&lock, &entry, &text[..100], None).contains("the text was cut"));
    assert!(said(&lock, &entry, &text.replace('\n', "\r\n"), None).contains("CR LF"));
    for (what, entry, lock) in [
        ("first", Entry { first: entry.last, ..entry.clone() }, lock.clone()),
        ("last", Entry { last: entry.first, ..entry.clone() }, lock.clone()),
        ("steps", entry.clone(), Lock { steps: 7, ..lock.clone() }),
        ("spec", entry.clone(), Lock { spec: Digest([9; 32]), ..lock.clone() }),
    ] {
        assert!(
            said(&lock, &entry, &text, None).contains(&format!("its `{what}` is not")),
            "{what}"
        );
    }
}

#[test]
fn another_journal_is_refused() {
    let found = evidence(&Altered::default());
    let (lock, entry) = locked(&found);
    let text = found.trace.to_string();
    let ours = found.journal.as_ref().unwrap().bytes();
    let other = evidence(&Altered { start: true, ..Altered::default() });
    let other = other.journal.unwrap();
    let refused = said(&lock, &entry, &text, Some(other.bytes()));
    assert_eq!(refused, "journal: its digest is not the trace's");
    let shorter = Journal::cut(file(ours).as_ref(), 5).unwrap().unwrap();
    assert!(said(&lock, &entry, &text, Some(shorter.bytes())).contains("its digest is not"));
    assert!(said(&lock, &entry, &text, Some(&ours[..99])).starts_with("journal: "));
    // A trace that names it all the same.
    let lying = Trace { journal: Some(other.binding()), ..found.trace };
    let entry = Entry { trace: lying.digest(), ..entry };
    let refused = said(&lock, &entry, &lying.to_string(), Some(other.bytes()));
    assert_eq!(refused, "journal: its initial state is not the trace's");
}

#[test]
fn a_recording_that_is_too_short_is_refused() {
    let (journal, last) = recorded(&Altered::default());
    let said = |bytes: &[u8], steps| {
        Evidence::of_recording(file(bytes), steps, last).unwrap_err().to_string()
    };
    assert_eq!(said(&journal, STEPS + 1), format!("recording: it has no step {STEPS}"));
    assert_eq!(said(&journal, 0), "recording: 1 to 4096 steps are expected");
    assert!(said(b"", 1).contains("the journal is empty"));
    assert!(Evidence::of_recording(file(&journal), 3, last).is_ok());
}
