//! Attacks that a training plants in itself: each changes the state, and
//! records what it says it records.

mod tiny;

use reenact_core::spec::Spec;
use reenact_core::trainer::{StepTrace, TrainerError};
use tiny::{ADAMW, SGD, run, spec, specs, start, start_attacked, whole};

const STEP: usize = 3;

/// Trains with an attack at [`STEP`].
fn attacked(spec: &Spec, kind: &str) -> Vec<StepTrace> {
    let attack = format!("{kind}@{STEP}");
    whole(start_attacked(spec, &attack).unwrap_or_else(|error| panic!("{error}")).as_mut()).0
}

#[test]
fn every_attack_changes_the_state_from_its_step_on() {
    let kinds = [
        "lr-tamper",
        "lr-recorded",
        "sign-flip",
        "seed-swap",
        "order-swap",
        "label-flip",
        "pixel-edit",
        "dropout-off",
        "in-run-edit",
        "moment-edit",
        "moment-reset",
        "kernel-swap",
    ];
    for spec in specs() {
        let honest = whole(start(&spec).as_mut()).0;
        for kind in kinds {
            if kind == "dropout-off" && spec.name == "digits-mlp" {
                continue;
            }
            let traces = attacked(&spec, kind);
            assert_eq!(traces[..STEP], honest[..STEP], "{} {kind}", spec.name);
            for step in STEP..honest.len() {
                let (found, honest) = (&traces[step].state, &honest[step].state);
                assert_ne!(found, honest, "{} {kind} {step}", spec.name);
            }
        }
    }
}

#[test]
fn what_is_recorded_of_the_step_is_what_the_attack_says() {
    let spec = spec("digits-cnn", SGD);
    let honest = &whole(start(&spec).as_mut()).0[STEP];
    let same = |kind: &str| {
        let found = &attacked(&spec, kind)[STEP];
        [
            found.learning_rate_bits == honest.learning_rate_bits,
            found.samples == honest.samples,
            found.batch == honest.batch,
            found.loss_bits == honest.loss_bits,
            found.gradient == honest.gradient,
        ]
    };
    assert_eq!(same("lr-tamper"), [true; 5]);
    assert_eq!(same("lr-recorded"), [false, true, true, true, true]);
    assert_eq!(same("sign-flip"), [true; 5]);
    assert_eq!(same("in-run-edit"), [true; 5]);
    assert_eq!(same("moment-edit"), [true; 5]);
    assert_eq!(same("moment-reset"), [true; 5]);
    assert_eq!(same("kernel-swap"), [true, true, true, true, false]);
    assert_eq!(same("dropout-off"), [true, true, true, false, false]);
    assert_eq!(same("label-flip"), [true, true, false, false, false]);
    assert_eq!(same("pixel-edit"), [true, true, false, false, false]);
    assert_eq!(same("order-swap"), [true, false, false, false, false]);
    assert_eq!(same("seed-swap"), [true, false, false, false, false]);
}

#[test]
fn a_swapped_seed_swaps_the_initial_weights() {
    let spec = spec("digits-mlp", ADAMW);
    let honest = start(&spec).capture(0).unwrap();
    let swapped = start_attacked(&spec, "seed-swap").unwrap().capture(0).unwrap();
    assert_ne!(swapped, honest);
    let late = start_attacked(&spec, "seed-swap@5").unwrap().capture(0).unwrap();
    assert_eq!(late, honest);
}

#[test]
fn an_edited_weight_is_off_by_the_asked_units() {
    let spec = spec("digits-mlp", ADAMW);
    let mut honest = start(&spec);
    run(honest.as_mut(), 0..1);
    let mut edited = start_attacked(&spec, "in-run-edit@0*5").unwrap();
    run(edited.as_mut(), 0..1);
    let (honest, edited) = (honest.capture(1).unwrap(), edited.capture(1).unwrap());
    let differ: Vec<_> = honest
        .tensors()
        .zip(edited.tensors())
        .filter(|((_, a), (_, b))| a != b)
        .map(|((spec, a), (_, b))| (spec.name.as_str(), a, b))
        .collect();
    let [(name, a, b)] = differ[..] else { panic!("{} tensors differ", differ.len()) };
    assert_eq!(name, "model.fc1.bias");
    let bits = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
    assert_eq!(bits(b), bits(a) + 5);
    assert_eq!(a[4..], b[4..]);
}

#[test]
fn an_attack_without_a_place_is_refused() {
    let mut plain = spec("digits-mlp", SGD);
    let refused = |spec: &Spec, attack| match start_attacked(spec, attack) {
        Err(TrainerError::Attack(kind)) => assert_eq!(kind, attack),
        _ => panic!("{attack} is not refused"),
    };
    refused(&plain, "dropout-off");
    plain.optimizer = reenact_core::spec::OptimizerSpec::Sgd {
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    refused(&plain, "moment-edit");
    refused(&plain, "moment-reset");
    refused(&plain, "clip-off");
    plain.batch.size = 1;
    refused(&plain, "order-swap");
}
