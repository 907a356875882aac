//! Sums of millions of numbers, which burn's CPU backend adds up in an order that
//! follows the number of threads, have the same bits in a recording and a replay.

mod small;

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use reenact_burn::{BatchTensors, Burn};
use reenact_core::verify::{Grade, Verdict};
use small::{Small, audit, record, spec};

/// As wide as that a batch of 8 has more than 4,194,304 outputs.
const WIDTH: usize = 600_001;

fn model(device: &Device) -> Linear {
    LinearConfig::new(4, WIDTH).with_bias(false).init(device)
}

fn loss(model: &Linear, batch: &BatchTensors) -> Tensor<1> {
    let y = batch.float::<2>("y");
    (model.forward(batch.float::<2>("x")) - y).square().mean()
}

#[test]
fn a_mean_of_millions_matches_however_many_threads_were_asked_for() {
    let program = Burn::new(Small { model, loss });
    let mut spec = spec();
    (spec.steps, spec.checkpoint_every, spec.batch.accumulation) = (4, 2, 1);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for threads in [2, 3, 4] {
        // What the process has otherwise must not matter.
        let run = pool(threads).install(|| record(&program, &spec, threads, None));
        let report = pool(1).install(|| audit(&program, &run));
        let expected = Verdict::Match { grade: Grade::BitExact };
        assert_eq!(report.verdict, expected, "{threads}: {:?}", report.reasons);
    }
}
