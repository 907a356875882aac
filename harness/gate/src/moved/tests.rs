//! Each way in which bits move, and where it is said to begin.

use proptest::prelude::*;
use reenact_core::in_memory::MemoryFile;
use reenact_core::state::StateRoot;
use reenact_core::variation::Variation;

use super::*;
use crate::trace::tests::steps;
use crate::training::{Altered, STEPS, evidence};
use crate::{Journal, Trace};

fn moved(altered: &Altered) -> Option<Moved> {
    Moved::between(&evidence(&Altered::default()), &evidence(altered)).unwrap()
}

fn at(step: u64, variation: Variation) -> Altered {
    Altered { step: Some((step, variation)), ..Altered::default() }
}

#[test]
fn what_repeats_has_not_moved() {
    assert_eq!(moved(&Altered::default()), None);
}

#[test]
fn an_ulp_of_a_weight_is_found_at_its_step() {
    let found = moved(&Altered { ulp: Some((17, "model.weight")), ..Altered::default() }).unwrap();
    assert_eq!(found.place, Place::Step { step: 17, stage: Stage::Update });
    assert_eq!(found.tensors(), ["model.weight"]);
    assert_eq!(found.place.to_string(), "step 17, update");
    assert_eq!(found.steps, STEPS - 17);
    let [old, new] = found.first.unwrap();
    assert_eq!(old.gradient, new.gradient);
    assert!(old.update != new.update);
}

#[test]
fn another_order_of_the_data_is_found_in_the_batch() {
    let found =
        moved(&at(9, Variation { samples: Some((1..9).collect()), ..Variation::default() }));
    let found = found.unwrap();
    assert_eq!(found.place, Place::Step { step: 9, stage: Stage::Batch });
    assert!(found.tensors().is_empty() && found.named.is_some());
}

#[test]
fn less_precise_gradients_are_found_in_the_gradient() {
    let found =
        moved(&at(4, Variation { mantissa_bits: Some(7), ..Variation::default() })).unwrap();
    assert_eq!(found.place, Place::Step { step: 4, stage: Stage::Gradient });
    assert_eq!(found.tensors(), ["model.bias", "model.weight"]);
}

#[test]
fn another_stream_is_found_in_the_loss() {
    let found = moved(&at(6, Variation { stream_seed: Some(1), ..Variation::default() })).unwrap();
    assert_eq!(found.place, Place::Step { step: 6, stage: Stage::Loss });
    let [old, new] = found.last_loss_bits.unwrap();
    assert_ne!(old, new);
}

#[test]
fn another_rate_of_the_update_is_found_in_the_update() {
    let found = moved(&at(0, Variation::learning_rate(0.051))).unwrap();
    assert_eq!(found.place, Place::Step { step: 0, stage: Stage::Update });
    assert!(found.tensors().contains(&"model.bias".to_owned()), "{found:?}");
}

#[test]
fn another_beginning_is_found_before_all_steps() {
    let found = moved(&Altered { start: true, ..Altered::default() }).unwrap();
    assert_eq!(found.place, Place::InitialState);
    assert_eq!(found.steps, STEPS);
    assert!(found.tensors().is_empty());
}

#[test]
fn without_a_journal_the_step_and_its_part_are_found() {
    let old = evidence(&Altered::default());
    let mut new = evidence(&Altered { ulp: Some((17, "model.weight")), ..Altered::default() });
    let whole = MemoryFile::new(new.journal.as_ref().unwrap().bytes().to_vec());
    for journal in [None, Journal::cut(&whole, 17).unwrap()] {
        new.journal = journal;
        let found = Moved::between(&old, &new).unwrap().unwrap();
        assert_eq!(found.place, Place::Step { step: 17, stage: Stage::Update });
        assert!(found.named.is_none() && found.tensors().is_empty());
    }
}

#[test]
fn the_last_state_alone_may_differ() {
    let old = evidence(&Altered::default());
    let trace = Trace { last: StateRoot::default(), ..old.trace.clone() };
    let found = Moved::between(&old, &Evidence { trace, journal: None }).unwrap().unwrap();
    assert_eq!((found.place, found.steps), (Place::LastState, 0));
    assert_eq!(found.place.to_string(), "last state");
}

#[test]
fn others_are_not_compared() {
    let old = evidence(&Altered::default());
    let with = |trace| Evidence { trace, journal: None };
    let other = with(Trace { spec: Digest::default(), ..old.trace.clone() });
    let said = Moved::between(&old, &other).unwrap_err().to_string();
    assert!(said.contains("the other of 00000000"), "{said}");
    let shorter = with(Trace { steps: old.trace.steps[..5].to_vec(), ..old.trace.clone() });
    let said = Moved::between(&old, &shorter).unwrap_err().to_string();
    assert_eq!(said, "one has 30 steps, the other 5");
}

proptest! {
    #[test]
    fn the_first_part_that_differs_is_named(
        all in prop::collection::vec(steps(), 1..8), at in any::<prop::sample::Index>(), part in 0usize..6,
    ) {
        let at = at.index(all.len());
        let trace = |steps| Trace {
            spec: Digest::default(),
            first: StateRoot::default(),
            steps,
            last: StateRoot::default(),
            journal: None,
        };
        let mut altered = all.clone();
        // From this part on, all that follows is another.
        for (place, step) in altered.iter_mut().enumerate().skip(at) {
            let from = if place == at { part } else { 0 };
            if from == 0 { step.batch ^= 1 }
            if from <= 1 { step.learning_rate_bits ^= 1 }
            if from <= 2 { step.loss_bits ^= 1 }
            if from <= 3 { step.gradient ^= 1 }
            if from <= 4 { step.update ^= 1 }
            step.figures = step.figures.map_or(Some(1), |figures| Some(figures ^ 1));
        }
        let [old, new] = [all, altered].map(|steps| Evidence { trace: trace(steps), journal: None });
        let stages = [
            Stage::Batch,
            Stage::LearningRate,
            Stage::Loss,
            Stage::Gradient,
            Stage::Update,
            Stage::Validation,
        ];
        let found = Moved::between(&old, &new).unwrap().unwrap();
        prop_assert_eq!(found.place, Place::Step { step: at as u64, stage: stages[part] });
        prop_assert_eq!(found.steps as usize, old.trace.steps.len() - at);
    }
}
