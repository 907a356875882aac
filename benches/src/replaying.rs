//! What a replay costs: a segment replayed against the same steps trained.

use std::path::Path;

use reenact_burn::Training;
use reenact_core::trainer::{Request, Trainer};
use reenact_core::verify::{Recording, Segment, open_recording, replay};
use reenact_models::{CiceroGpt, DigitsCnn, DigitsMlp};
use reenact_store::Directory;

use crate::pairs::{Pair, Seconds, spent};
use crate::rows::{Limit, Row};
use crate::runs::{Run, Wanted, first_segments, spec};

const SEGMENTS: u64 = 4;

/// Replays segments of each model, with one thread as an audit's workers do.
pub fn measure(repeat: usize, threads: usize, wanted: &Wanted) -> Vec<Row> {
    let run = |name| first_segments(spec(name), SEGMENTS);
    let mlp = || of(&Run::new(DigitsMlp, run("digits-mlp"), threads), 4 * repeat);
    let cnn = || of(&Run::new(DigitsCnn, run("digits-cnn"), threads), 2 * repeat);
    let gpt = || of(&Run::new(CiceroGpt, run("cicero-gpt"), threads), repeat);
    wanted.of_each([&mlp, &cnn, &gpt])
}

fn of<T: Training + Copy>(run: &Run<T>, rounds: usize) -> Row {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    run.record(folder.path());
    let pairs: Vec<Pair> = (0..rounds).flat_map(|_| replays(run, folder.path())).collect();
    let name = format!("replay {}", run.spec.name);
    Row::of_times(&name, ("replayed segment", "untraced"), &pairs).limited(Limit::AtMost(1.05))
}

fn replays<T: Training + Copy>(run: &Run<T>, folder: &Path) -> Vec<Pair> {
    let store = Directory::open(folder).expect("the recording is there");
    let recording = open_recording(&store).unwrap_or_else(|finding| panic!("{finding:?}"));
    let segments = (0..recording.segment_count()).map(|index| recording.segment(index));
    segments.map(|segment| one(run, &recording, segment)).collect()
}

/// Replays a segment. The same steps are trained between its own, and their
/// time taken off.
fn one<T: Training + Copy>(run: &Run<T>, recording: &Recording<'_>, segment: Segment) -> Pair {
    let (mut replaying, mut training) = (run.start(), run.start());
    let opening = recording.checkpoint(segment.step_start).expect("the checkpoint is there");
    let opening = opening.load(u64::MAX).expect("the checkpoint is whole");
    training.restore(&opening).expect("it is this model's");
    let mut trained = Seconds::default();
    let (replayed, all) = spent(|| {
        replay(recording, &mut replaying, segment, &mut |step| {
            trained +=
                spent(|| training.step(step, &Request::loss()).expect("the step is taken")).1;
        })
    });
    assert!(replayed.expect("the segment is replayed").agrees(), "an honest run agrees");
    Pair { a: all - trained, b: trained }
}
