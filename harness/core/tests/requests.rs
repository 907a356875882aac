//! What is asked of a step: how much of a trace is wanted decides nothing of the training,
//! and whoever asks for a variation gets that one from a sabotaged trainer, too.

mod common;

use common::{spec, trainer};
use reenact_core::trainer::{Request, Trainer};
use reenact_core::variation::Variation;

const STEPS: u64 = 6;

/// Takes the first steps once for their whole traces and once for their losses.
fn trains_the_same(start: impl Fn() -> Box<dyn Trainer>) {
    let (mut recorded, mut plain) = (start(), start());
    for step in 0..STEPS {
        let whole = recorded.step(step, &Request::default()).unwrap();
        let loss = plain.step(step, &Request::loss()).unwrap();
        assert!(!whole.state.is_empty() && !whole.gradient.is_empty());
        assert_eq!(loss, whole.loss_alone(), "step {step}");
        assert!(loss.state.is_empty() && loss.gradient.is_empty());
    }
    assert_eq!(recorded.capture(STEPS).unwrap(), plain.capture(STEPS).unwrap());
}

#[test]
fn a_step_of_which_only_the_loss_is_wanted_trains_the_same() {
    trains_the_same(|| trainer(&spec(), None));
    for attack in ["in-run-edit@2", "moment-edit@2", "lr-tamper@2*1.5"] {
        trains_the_same(|| trainer(&spec(), Some(attack.parse().unwrap())));
    }
}

#[test]
fn whoever_asks_for_a_variation_gets_no_attack() {
    let (mut honest, mut sabotaged) =
        (trainer(&spec(), None), trainer(&spec(), Some("sign-flip".parse().unwrap())));
    let varied = Request::varied(Variation::learning_rate(0.5));
    assert_eq!(sabotaged.step(0, &varied).unwrap(), honest.step(0, &varied).unwrap());
    let declared = Request::default();
    assert_ne!(sabotaged.step(1, &declared).unwrap(), honest.step(1, &declared).unwrap());
}
