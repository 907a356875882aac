//! What is done to a recording while it is audited never makes an honest run divergent,
//! is one kind of outcome whatever it was, and hides no divergence that a root shows.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{examined, matches, objects, planted, record, segment_reports, spec};
use reenact_core::format::{Instead, Object, ReadAt, ReadRun, StoreError};
use reenact_core::in_memory::MemoryRun;
use reenact_core::verify::{
    Evidence, Recording, Report, SegmentOutcome, SegmentReport, Verdict, open_recording,
};

/// What may be done to one object.
const DEEDS: [&str; 7] = ["delete", "cut", "empty", "overwrite", "lengthen", "close", "link"];

/// Shows a recording as it was for so many reads, and then with one object changed.
struct Meddled {
    run: MemoryRun,
    object: Object,
    deed: &'static str,
    /// Reads that are left before it happens.
    left: AtomicU64,
}

impl Meddled {
    fn new(run: &MemoryRun, object: Object, deed: &'static str, left: u64) -> &'static Self {
        // Sources outlive the borrow of the run.
        Box::leak(Box::new(Self { run: run.clone(), object, deed, left: left.into() }))
    }

    fn happened(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err()
    }

    /// Returns what the object holds now.
    fn content(&self) -> Result<Vec<u8>, StoreError> {
        let object = self.object;
        let denied =
            || StoreError::Io { object, problem: std::io::ErrorKind::PermissionDenied.into() };
        let mut bytes = self.run.objects[&object].clone();
        let middle = bytes.len() / 2;
        match self.deed {
            "delete" => return Err(StoreError::Missing { object }),
            "close" => return Err(denied()),
            "link" => return Err(StoreError::NotAFile { object, instead: Instead::Link }),
            "cut" => bytes.truncate(middle),
            "empty" => bytes.clear(),
            "overwrite" => bytes.iter_mut().skip(middle).for_each(|byte| *byte ^= 1),
            "lengthen" => bytes.push(0),
            other => panic!("{other}"),
        }
        Ok(bytes)
    }
}

struct MeddledFile {
    run: &'static Meddled,
    object: Object,
    byte_len: u64,
}

impl ReadRun for &'static Meddled {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        let content = match self.happened() && object == self.object {
            true => self.content()?,
            false => {
                let content = self.run.objects.get(&object);
                content.cloned().ok_or(StoreError::Missing { object })?
            }
        };
        Ok(Box::new(MeddledFile { run: self, object, byte_len: content.len() as u64 }))
    }

    fn place(&self) -> String {
        "(meddled with)".into()
    }
}

impl ReadAt for MeddledFile {
    fn byte_len(&self) -> u64 {
        self.byte_len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let Self { run, object, .. } = self;
        let changed = run.happened() && *object == run.object;
        // What is open stays readable, whatever is done to its name.
        let rewritten = ["cut", "empty", "overwrite", "lengthen"].contains(&run.deed);
        let now =
            if changed && rewritten { run.content()? } else { run.run.objects[object].clone() };
        let end = offset as usize + buffer.len();
        let cut = || std::io::ErrorKind::UnexpectedEof.into();
        let found = now.get(offset as usize..end);
        buffer.copy_from_slice(
            found.ok_or_else(|| StoreError::Io { object: *object, problem: cut() })?,
        );
        Ok(())
    }
}

/// Replays every segment as workers do, each of which opens the recording anew; the
/// meddling begins after so many reads of the worker.
fn worker(
    run: &MemoryRun,
    object: Object,
    deed: &'static str,
    left: u64,
    index: u64,
) -> SegmentOutcome {
    let meddled: &'static &'static Meddled =
        Box::leak(Box::new(Meddled::new(run, object, deed, left)));
    match open_recording(meddled) {
        Ok(recording) => segment_reports(&recording, &[index]).remove(0).outcome,
        Err(finding) => SegmentOutcome::Changed { problem: finding.to_string() },
    }
}

fn report(outcome: &SegmentOutcome) -> &'static str {
    match outcome {
        SegmentOutcome::Replayed { replay } if replay.agrees() => "agrees",
        SegmentOutcome::Replayed { .. } => "diverges",
        SegmentOutcome::Changed { .. } => "changed",
        SegmentOutcome::Refused { .. } => "refused",
        SegmentOutcome::Failed { .. } => "failed",
        SegmentOutcome::Unstable { .. } => "unstable",
    }
}

fn concluded(run: &MemoryRun, recording: &Recording<'_>, outcome: SegmentOutcome) -> Report {
    let segment = recording.segment(1);
    let segments = vec![SegmentReport::new(segment, outcome)];
    Report::conclude(Evidence {
        recording: Some(recording),
        segments,
        ..Evidence::new(run.place(), Default::default(), common::environment())
    })
}

#[test]
fn an_honest_run_is_not_accused_for_what_is_done_while_it_is_replayed() {
    let run = record(&spec());
    assert!(!objects(&examined(&run)));
    let (mut agreed, mut changed) = (0, 0);
    for &object in run.objects.keys() {
        for deed in DEEDS {
            for left in (0..160).step_by(3) {
                for index in [0, 1] {
                    let outcome = worker(&run, object, deed, left, index);
                    match report(&outcome) {
                        "agrees" => agreed += 1,
                        "changed" => changed += 1,
                        other => panic!("{object} {deed} after {left}: {other}: {outcome:?}"),
                    }
                }
            }
        }
    }
    assert!(agreed > 100 && changed > 100, "{agreed} {changed}");
}

#[test]
fn what_changed_is_inconclusive_and_says_so() {
    let run = record(&spec());
    let recording = open_recording(&run).unwrap();
    let opening =
        Object::Checkpoint(recording.history.checkpoints[&recording.segment(1).step_start]);
    for deed in DEEDS {
        let outcome = worker(&run, opening, deed, 0, 1);
        assert_eq!(report(&outcome), "changed", "{deed}: {outcome:?}");
        let report = concluded(&run, &recording, outcome);
        assert_eq!(report.verdict, Verdict::Inconclusive, "{deed}");
        assert!(!matches(&report));
        assert!(report.reasons[0].contains("changed while it was audited"), "{:?}", report.reasons);
    }
}

/// Whoever watches which segment is replayed, and deletes the state that accuses them,
/// takes back only where it differs.
#[test]
fn a_divergence_is_known_by_the_root_of_a_state_that_is_gone() {
    let (_, run) = planted("weight-edit@6*1", &record(&spec()));
    let recording = open_recording(&run).unwrap();
    let closing = Object::Checkpoint(recording.history.checkpoints[&6]);
    let SegmentOutcome::Replayed { replay: seen } = worker(&run, closing, "delete", 1000, 1) else {
        panic!()
    };
    for deed in DEEDS {
        let outcome = worker(&run, closing, deed, 0, 1);
        let SegmentOutcome::Replayed { replay } = &outcome else { panic!("{deed}: {outcome:?}") };
        assert!(!replay.agrees(), "{deed}");
        let words = replay.explain().unwrap();
        assert!(words.contains("known by its root alone"), "{words}");
        // One replay may come before the deed and the other after it.
        assert!(replay.repeats(&seen) && seen.repeats(replay), "{deed}");
        assert_eq!(concluded(&run, &recording, outcome).verdict, Verdict::Divergent, "{deed}");
    }
}

/// The derived state is the committed one, so its file is not needed.
#[test]
fn the_initial_state_is_there_twice() {
    let run = record(&spec());
    let first = open_recording(&run).unwrap().history.checkpoints[&0];
    for deed in DEEDS {
        let outcome = worker(&run, Object::Checkpoint(first), deed, 0, 0);
        assert_eq!(report(&outcome), "agrees", "{deed}: {outcome:?}");
    }
}

#[test]
fn what_was_wrong_before_did_not_change() {
    let mut run = record(&spec());
    let opening = Object::Checkpoint(open_recording(&run).unwrap().history.checkpoints[&3]);
    run.objects.get_mut(&opening).unwrap().pop();
    let report = common::audit(&run, Some(&[1]));
    assert_eq!(report.verdict, Verdict::Divergent);
    let SegmentOutcome::Refused { problem } = &report.segments[0].outcome else {
        panic!("{:?}", report.segments[0].outcome)
    };
    assert!(problem.contains("step 3"), "{problem}");
}
