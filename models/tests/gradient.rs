//! Accumulation and clipping.

mod tiny;

use reenact_core::spec::LearningRate;
use reenact_core::spec::{Clipping, OptimizerSpec, Spec};
use reenact_core::state::State;
use reenact_core::trainer::{Request, Trainer};
use tiny::{ADAMW, run, spec, start, whole};

const PLAIN: OptimizerSpec =
    OptimizerSpec::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };

fn floats(state: &State, prefix: &str) -> Vec<f32> {
    let tensors = state.tensors().filter(|(spec, _)| spec.name.starts_with(prefix));
    let bytes = tensors.flat_map(|(_, bytes)| bytes.as_chunks::<4>().0);
    bytes.map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Takes one step of plain gradient descent with rate 1: what the parameters
/// lose is the gradient that was applied.
fn applied_gradient(spec: &Spec) -> Vec<f32> {
    let learning_rate = LearningRate::Constant { value: 1.0 };
    let spec = Spec { optimizer: PLAIN, learning_rate, ..spec.clone() };
    let mut trainer = start(&spec);
    let before = floats(&trainer.capture(0).unwrap(), "model.");
    run(trainer.as_mut(), 0..1);
    let after = floats(&trainer.capture(1).unwrap(), "model.");
    before.iter().zip(after).map(|(before, after)| before - after).collect()
}

fn norm(gradient: &[f32]) -> f64 {
    gradient.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn two_halves_are_close_to_one_whole() {
    let mut whole = spec("digits-mlp", ADAMW);
    (whole.batch.size, whole.batch.accumulation) = (12, 1);
    let mut halves = whole.clone();
    (halves.batch.size, halves.batch.accumulation) = (6, 2);
    let (whole, halves) = (applied_gradient(&whole), applied_gradient(&halves));
    assert!(norm(&whole) > 0.1);
    for (a, b) in whole.iter().zip(&halves) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert_ne!(whole, halves, "rounded differently: it was computed in halves");
}

#[test]
fn the_global_norm_is_limited_and_directions_are_kept() {
    for name in ["digits-mlp", "cicero-gpt"] {
        let mut spec = Spec { clipping: None, ..spec(name, ADAMW) };
        let free = applied_gradient(&spec);
        let limit = norm(&free) / 4.0;
        spec.clipping = Some(Clipping::GlobalNorm { limit });
        let clipped = applied_gradient(&spec);
        assert!((norm(&clipped) / limit - 1.0).abs() < 1e-3, "{name}");
        for (a, b) in free.iter().zip(&clipped) {
            assert!((a / 4.0 - b).abs() < 1e-5, "{name}: {a} {b}");
        }
        spec.clipping = Some(Clipping::GlobalNorm { limit: norm(&free) * 2.0 });
        assert_eq!(applied_gradient(&spec), free, "{name}: a small gradient is left alone");
    }
}

#[test]
fn every_element_is_limited() {
    let limit = 1e-3;
    let clipping = Some(Clipping::Value { limit });
    let spec = Spec { clipping, ..spec("digits-mlp", ADAMW) };
    let clipped = applied_gradient(&spec);
    let free = applied_gradient(&Spec { clipping: None, ..spec });
    let largest = |gradient: &[f32]| gradient.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    assert!(f64::from(largest(&free)) > 10.0 * limit);
    assert!(f64::from(largest(&clipped)) < 1.01 * limit);
}

#[test]
fn the_recorded_gradient_is_the_one_before_clipping() {
    let spec = spec("digits-mlp", ADAMW);
    let free = whole(start(&Spec { clipping: None, ..spec.clone() }).as_mut()).0;
    let clipping = Some(Clipping::GlobalNorm { limit: 0.01 });
    let clipped = whole(start(&Spec { clipping, ..spec }).as_mut()).0;
    assert_eq!(free[0].gradient, clipped[0].gradient);
    assert_ne!(free[0].state, clipped[0].state);
}

#[test]
fn untraced_steps_compute_the_same() {
    let spec = spec("digits-cnn", tiny::SGD);
    let program = reenact_burn::Burn::new(reenact_models::DigitsCnn);
    let data = tiny::program(&spec).data(&spec, &tiny::setting()).unwrap();
    let mut trainer = program.trainer(&spec, data, &tiny::setting()).unwrap();
    let (traces, end) = whole(start(&spec).as_mut());
    for trace in traces {
        let untraced = trainer.step(trace.step, &Request::loss()).unwrap();
        assert_eq!(untraced, trace.loss_alone());
    }
    let state = reenact_core::trainer::Trainer::capture(&mut trainer, tiny::STEPS).unwrap();
    assert_eq!(state, end);
}
