//! How fast the engine's own loop trains: against a plain burn loop.

use reenact_burn::Training;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Request, Trainer};
use reenact_models::{CiceroGpt, DigitsCnn, DigitsMlp};

use crate::pairs::Pair;
use crate::plain::Plain;
use crate::rows::{Limit, Row};
use crate::runs::{Run, Wanted, spec};

/// Steps of one pair.
const BLOCK: u64 = 10;

/// Trains each model at its own spec, but without clipping: burn's own is
/// another.
pub fn measure(repeat: usize, threads: usize, wanted: &Wanted) -> Vec<Row> {
    let run = |name| Spec { clipping: None, ..spec(name) };
    let mlp = || of(&Run::new(DigitsMlp, run("digits-mlp"), threads), DigitsMlp, 32 * repeat);
    let cnn = || of(&Run::new(DigitsCnn, run("digits-cnn"), threads), DigitsCnn, 24 * repeat);
    let gpt = || of(&Run::new(CiceroGpt, run("cicero-gpt"), threads), CiceroGpt, 12 * repeat);
    wanted.of_each([&mlp, &cnn, &gpt])
}

fn of<T: Training + Copy>(run: &Run<T>, training: T, blocks: usize) -> Row {
    let mut ours = run.start();
    let mut plain = Plain::new(training, &run.spec, run.data());
    let mut pairs = Vec::new();
    for block in 0..=blocks as u64 {
        let mut pair = Pair::default();
        for step in block * BLOCK..(block + 1) * BLOCK {
            let (mut a, mut b) = (0.0, 0.0);
            let ours = || a = ours.step(step, &Request::loss()).expect("the step is taken").loss();
            pair.add(step, ours, || b = plain.step(step));
            assert!(step > 0 || a == b, "not the same model: {a}, {b}");
        }
        pairs.push(pair);
    }
    let name = format!("training {}", run.spec.name);
    // The first block warms up.
    Row::of_times(&name, ("10 steps", "burn's loop"), &pairs[1..]).limited(Limit::AtMost(1.02))
}
