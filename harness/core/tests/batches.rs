//! Batches that an examination does not build: an edit of one is found where its segment is
//! replayed, and where the nonce happens to draw its step.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{
    data, environment, events, examined, first_difference, matches, record, replayed, retold,
    segment_reports, spec, whole,
};
use reenact_core::data::{Batch, DataError, DataSet};
use reenact_core::digest::Digest;
use reenact_core::format::{Event, ReadRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::verify::{
    BATCH_BYTES_IN_FILES, BATCH_BYTES_IN_MEMORY, BatchDraw, Batches, Evidence, Finding, Nonce,
    Place, Report, Stage, Verdict, Weight, examine_batches,
};

/// The forged step lies in segment 1 of 4, which has steps 3 to 5.
const STEP: u64 = 4;

/// Four samples of four features and a label.
const STEP_BYTES: u64 = 4 * 20;

fn nonce(number: u64) -> Nonce {
    number.to_string().parse().unwrap()
}

/// A recording whose trainer claims another batch for one step, and recomputed every digest.
fn forged() -> MemoryRun {
    let run = record(&spec());
    let mut told: Vec<Event> = events(&run).into_iter().map(|(_, event)| event).collect();
    let step = told.iter_mut().find_map(|event| match event {
        Event::Step(trace) if trace.step == STEP => Some(trace),
        _ => None,
    });
    step.unwrap().batch = Digest([7; 32]);
    retold(&run, &told)
}

/// Examines with so many bytes of batches, replays `segments`, and concludes.
fn audit(run: &MemoryRun, segments: &[u64], number: u64, bytes_max: u64) -> (Report, Batches) {
    let examination = examined(run);
    let recording = examination.recording.unwrap();
    let ranges = segments.iter().map(|&index| recording.segment(index));
    let ranges = ranges.map(|segment| segment.step_start..segment.step_end).collect();
    let draw = BatchDraw::new(recording.commitment, &nonce(number), Some(bytes_max), ranges);
    let set = data(&recording.spec);
    let (found, batches) = examine_batches(&recording, set.as_ref(), &draw, &mut |_| ());
    let report = Report::conclude(Evidence {
        recording: Some(&recording),
        batches: Some(batches.clone()),
        findings: found,
        segments: segment_reports(&recording, segments),
        ..Evidence::new(run.place(), examination.vouched, environment())
    });
    (report, batches)
}

#[test]
fn a_forged_batch_outside_of_what_was_built_is_found_when_its_segment_is_drawn() {
    let run = forged();
    for bytes_max in [0, STEP_BYTES - 1] {
        let (report, batches) = audit(&run, &[0], 0, bytes_max);
        assert!(matches(&report), "nothing of it was looked at: {:?}", report.reasons);
        assert_eq!(batches.compared, 0);
        assert_eq!(report.batches.unwrap().compared, 3, "the replay's own");
        let (report, _) = audit(&run, &[1], 0, bytes_max);
        assert_eq!(report.verdict, Verdict::Divergent);
    }
    let examination = examined(&run);
    first_difference(&replayed(&examination.recording.unwrap(), 1), STEP, Stage::Batch);
    // With all of them built, it is found wherever it is.
    let (report, batches) = audit(&run, &[0], 0, 12 * STEP_BYTES);
    assert_eq!((report.verdict, batches.compared), (Verdict::Divergent, 12));
    assert_eq!(report.findings[0].place, Place::step(STEP));
    assert!(report.batches.unwrap().is_all());
}

#[test]
fn the_nonce_decides_which_are_built() {
    let run = forged();
    let found = |number| {
        let (report, batches) = audit(&run, &[0], number, 3 * STEP_BYTES);
        assert_eq!(batches.compared, 3);
        let compared = report.batches.as_ref().unwrap().to_string();
        assert_eq!(compared, "those of 6 of 12 steps were compared with the data set");
        report.verdict == Verdict::Divergent
    };
    // Three of the nine steps beside segment 0: a third of the nonces.
    let caught = (0..300).filter(|&number| found(number)).count();
    assert!((75..125).contains(&caught), "{caught} of 300");
    assert!((0..20).all(|number| found(number) == found(number)));
}

#[test]
fn an_honest_run_matches_whatever_is_built() {
    let run = record(&spec());
    whole(&run);
    for bytes_max in (0..14).map(|steps| steps * STEP_BYTES) {
        for segments in [&[0, 3][..], &[0, 1, 2, 3], &[]] {
            let (report, batches) = audit(&run, segments, bytes_max, bytes_max);
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            assert!(batches.compared * STEP_BYTES <= bytes_max);
            let replayed = 3 * segments.len() as u64;
            let expected = (bytes_max / STEP_BYTES + replayed).min(12);
            assert_eq!(report.batches.unwrap().compared, expected);
        }
    }
}

/// Gives the toy's samples until so many batches were read.
#[derive(Debug)]
struct Failing {
    data: std::sync::Arc<dyn DataSet>,
    left: AtomicU64,
}

impl DataSet for Failing {
    fn len(&self) -> u64 {
        self.data.len()
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(DataError("train.bin: it was changed".into())),
            _ => self.data.batch(samples),
        }
    }

    fn digest(&self) -> Result<Digest, DataError> {
        self.data.digest()
    }

    fn is_in_memory(&self) -> bool {
        false
    }
}

fn until(run: &MemoryRun, left: u64) -> (Vec<Finding>, Batches) {
    let recording = examined(run).recording.unwrap();
    let set = Failing { data: data(&recording.spec), left: left.into() };
    examine_batches(&recording, &set, &BatchDraw::all(), &mut |_| ())
}

#[test]
fn data_that_cannot_be_read_accuse_nobody_and_what_was_found_before_stands() {
    // One batch is read to know how large they are.
    let (findings, batches) = until(&record(&spec()), 1 + STEP);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.weight, &finding.place), (Weight::Inconclusive, &Place::step(STEP)));
    assert!(finding.problem.contains("train.bin"), "{finding}");
    assert_eq!((batches.compared, batches.is_all()), (STEP, false));
    let weights =
        |left| until(&forged(), left).0.iter().map(|found| found.weight).collect::<Vec<_>>();
    assert_eq!(weights(2 + STEP), [Weight::Divergent, Weight::Inconclusive]);
    assert_eq!(weights(0), [Weight::Inconclusive]);
}

#[test]
fn what_is_usual_depends_on_where_samples_lie() {
    let run = record(&spec());
    let recording = whole(&run);
    let draw = BatchDraw::new(recording.commitment, &nonce(1), None, vec![]);
    let in_memory = data(&recording.spec);
    assert_eq!(draw.bytes_max(in_memory.as_ref()), BATCH_BYTES_IN_MEMORY);
    let in_files = Failing { data: in_memory, left: 1.into() };
    assert_eq!(draw.bytes_max(&in_files), BATCH_BYTES_IN_FILES);
}
