//! How fast the engine's own loop trains: against a plain burn loop.

use reenact_burn::Training;
use reenact_core::spec::Spec;
use reenact_models::{CiceroGpt, CnnHyper, DigitsCnn, DigitsMlp, GptHyper, MlpHyper};

use crate::pairs::Pair;
use crate::plain::Plain;
use crate::rows::{Limit, Row};
use crate::runs::{Run, spec};

/// Steps of one pair.
const BLOCK: u64 = 10;

/// Trains each model at its own spec, but without clipping: burn's own is
/// another.
pub fn measure(repeat: usize, threads: usize) -> Vec<Row> {
    let run = |name| Spec { clipping: None, ..spec(name) };
    let mlp = Run::new(DigitsMlp, run("digits-mlp"), threads);
    let cnn = Run::new(DigitsCnn, run("digits-cnn"), threads);
    let gpt = Run::new(CiceroGpt, run("cicero-gpt"), threads);
    vec![
        of(&mlp, DigitsMlp, &MlpHyper::default(), 32 * repeat),
        of(&cnn, DigitsCnn, &CnnHyper::default(), 24 * repeat),
        of(&gpt, CiceroGpt, &GptHyper::default(), 12 * repeat),
    ]
}

fn of<T: Training + Copy>(run: &Run<T>, training: T, hyper: &T::Hyper, blocks: usize) -> Row {
    let mut ours = run.start();
    let mut plain = Plain::new(training, hyper, &run.spec, run.data());
    let mut pairs = Vec::new();
    for block in 0..=blocks as u64 {
        let mut pair = Pair::default();
        for step in block * BLOCK..(block + 1) * BLOCK {
            let ours = || ours.step_untraced(step).expect("the step is taken");
            pair.add(step, ours, || plain.step(step));
        }
        pairs.push(pair);
    }
    let name = format!("training {}", run.spec.name);
    // The first block warms up.
    Row::of_times(&name, ("10 steps", "burn's loop"), &pairs[1..]).limited(Limit::AtMost(1.02))
}
