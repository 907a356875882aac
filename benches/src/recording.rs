//! What recording costs: a run with the recorder against the same without.

use reenact_burn::Training;
use reenact_core::trainer::{Request, Trainer};
use reenact_models::{CiceroGpt, DigitsCnn, DigitsMlp};
use reenact_store::Directory;

use crate::examples;
use crate::pairs::{Pair, Seconds, spent};
use crate::rows::{Limit, Row};
use crate::runs::{Run, Wanted, spec};

/// Records each wanted model, and each example, at its own spec, `repeat` times as often as
/// usual.
pub fn measure(repeat: usize, threads: usize, wanted: &Wanted) -> Vec<Row> {
    let mlp = || of(&Run::new(DigitsMlp, spec("digits-mlp"), threads), 24 * repeat);
    let cnn = || of(&Run::new(DigitsCnn, spec("digits-cnn"), threads), 2 * repeat);
    let gpt = || of(&Run::new(CiceroGpt, spec("cicero-gpt"), threads), repeat);
    let mut rows = wanted.of_each([&mlp, &cnn, &gpt]).concat();
    let mut example = |name: &str, measure: &dyn Fn() -> Vec<Row>| {
        if wanted.takes(name) {
            rows.extend(measure());
        }
    };
    example("digits", &|| of(&examples::supervised(threads), 8 * repeat));
    example("ring", &|| of(&examples::own_loop(threads), 8 * repeat));
    example("cubic", &|| of(&examples::own_model(threads), 8 * repeat));
    rows
}

/// Gives a row for the segments, and one for whole runs with what starting and
/// ending a recording take once: mostly the disk's time for a last sync.
fn of<T: Training>(run: &Run<T>, runs: usize) -> Vec<Row> {
    let (mut segments, mut wholes) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let (pairs, once) = record(run);
        wholes.push(whole(&pairs, once));
        segments.extend(pairs);
    }
    let name = format!("recording {}", run.spec.name);
    let whole_name = format!("{name}, whole");
    vec![
        Row::of_times(&name, ("segment", "untraced"), &segments).limited(Limit::AtMost(1.03)),
        Row::of_times(&whole_name, ("run", "untraced"), &wholes),
    ]
}

/// Trains under record and without, step by step in turns. Returns a pair for
/// each segment with its checkpoint, and what starting and ending took.
fn record<T: Training>(run: &Run<T>) -> (Vec<Pair>, Seconds) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut store = Directory::create(folder.path()).expect("the folder is new");
    let (mut untraced, recorded) = (run.start(), run.start());
    let (mut recorder, mut once) = spent(|| run.recorder(&mut store, recorded));
    let (mut pairs, mut pair) = (Vec::new(), Pair::default());
    for step in 0..run.spec.steps {
        pair.add(
            step,
            || recorder.advance().expect("the step is recorded"),
            || untraced.step(step, &Request::loss()).expect("the step is taken"),
        );
        if run.spec.is_boundary(step + 1) {
            pairs.push(std::mem::take(&mut pair));
        }
    }
    once += spent(|| recorder.finish().expect("the recording ends")).1;
    (pairs, once)
}

fn whole(segments: &[Pair], once: Seconds) -> Pair {
    let mut whole = Pair { a: once, ..Pair::default() };
    for segment in segments {
        whole.a += segment.a;
        whole.b += segment.b;
    }
    whole
}
