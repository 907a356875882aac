//! What recording costs: a run with the recorder against the same without.

use reenact_burn::Training;
use reenact_models::{CiceroGpt, DigitsCnn, DigitsMlp};
use reenact_store::Directory;

use crate::pairs::{Pair, seconds};
use crate::rows::{Limit, Row};
use crate::runs::{Run, spec};

/// Records each model at its own spec, `repeat` times as often as usual.
pub fn measure(repeat: usize, threads: usize) -> Vec<Row> {
    let mlp = Run::new(DigitsMlp, spec("digits-mlp"), threads);
    let cnn = Run::new(DigitsCnn, spec("digits-cnn"), threads);
    let gpt = Run::new(CiceroGpt, spec("cicero-gpt"), threads);
    vec![of(&mlp, 4 * repeat), of(&cnn, 2 * repeat), of(&gpt, repeat)]
}

fn of<T: Training + Copy>(run: &Run<T>, runs: usize) -> Row {
    let pairs: Vec<Pair> = (0..runs).flat_map(|_| record(run)).collect();
    let name = format!("recording {}", run.spec.name);
    Row::of_times(&name, ("recorded segment", "untraced"), &pairs).limited(Limit::AtMost(1.03))
}

/// Trains under record and without, step by step in turns. Returns a pair for
/// each segment with its checkpoint; what starting and ending the recording
/// take is shared out among them.
fn record<T: Training + Copy>(run: &Run<T>) -> Vec<Pair> {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut store = Directory::create(folder.path()).expect("the folder is new");
    let (mut untraced, recorded) = (run.start(), run.start());
    let (mut recorder, starting) = seconds(|| run.recorder(&mut store, recorded));
    let (mut pairs, mut pair) = (Vec::new(), Pair::default());
    for step in 0..run.spec.steps {
        pair.add(
            step,
            || recorder.advance().expect("the step is recorded"),
            || untraced.step_untraced(step).expect("the step is taken"),
        );
        if run.spec.is_boundary(step + 1) {
            pairs.push(std::mem::take(&mut pair));
        }
    }
    let (_, ending) = seconds(|| recorder.finish().expect("the recording ends"));
    let share = (starting + ending) / pairs.len() as f64;
    pairs.iter_mut().for_each(|pair| pair.a += share);
    pairs
}
