//! What dropout costs: the engine's own masks against burn's.

use reenact_burn::Training;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Request, Trainer};
use reenact_models::{CiceroGpt, DigitsCnn};

use crate::pairs::Pair;
use crate::rows::{Limit, Row};
use crate::runs::{Run, Wanted, spec};

/// Steps of one pair.
const BLOCK: u64 = 10;

/// Trains the models that have dropout, with the masks of format 2 of the spec against those of
/// format 1; on the processor both compute with one thread.
pub fn measure(repeat: usize, threads: usize, wanted: &Wanted) -> Vec<Row> {
    let cnn = || of(DigitsCnn, "digits-cnn", threads, 24 * repeat);
    let gpt = || of(CiceroGpt, "cicero-gpt", threads, 12 * repeat).limited(Limit::AtMost(0.8));
    // The perceptron has none.
    let measured = wanted.of_each([&|| None, &|| Some(cnn()), &|| Some(gpt())]);
    measured.into_iter().flatten().collect()
}

fn of<T: Training + Copy>(training: T, name: &str, threads: usize, blocks: usize) -> Row {
    let start = |format| Run::new(training, Spec { format, ..spec(name) }, threads).start();
    let (mut ours, mut burns) = (start(2), start(1));
    let mut pairs = Vec::new();
    for block in 0..=blocks as u64 {
        let mut pair = Pair::default();
        for step in block * BLOCK..(block + 1) * BLOCK {
            let (mut a, mut b) = (0.0, 0.0);
            let ours = || a = ours.step(step, &Request::loss()).expect("the step is taken").loss();
            let burns =
                || b = burns.step(step, &Request::loss()).expect("the step is taken").loss();
            pair.add(step, ours, burns);
            assert!(step > 0 || a != b, "both have the same masks: {a}");
        }
        pairs.push(pair);
    }
    // The first block warms up.
    Row::of_times(&format!("dropout {name}"), ("masks of format 2", "burn's"), &pairs[1..])
}
