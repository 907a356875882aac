//! Every attack that has a hypothesis is explained by it, and nothing else is.

mod common;

use common::{
    data, planted, planted_with, record, record_attacked, replayed, spec, spec_with, trainer,
};
use reenact_core::format::{Event, Object, ReadRun, write_checkpoint};
use reenact_core::in_memory::MemoryRun;
use reenact_core::state::{State, TensorSpec};
use reenact_core::verify::{Cause, Explanation, Recording, Search, examine, explain};

const SEGMENT: u64 = 1;

fn recording(run: &MemoryRun) -> Recording<'_> {
    examine(run as &dyn ReadRun, &mut |_, _| ()).recording.unwrap()
}

/// Explains the first divergence of a segment.
fn explained(run: &MemoryRun, segment: u64) -> Explanation {
    let recording = recording(run);
    let replay = replayed(&recording, segment);
    let step = replay.divergence.unwrap().step.unwrap().step;
    let mut trainer = trainer(&recording.spec, None);
    let data = data(&recording.spec);
    let segment = recording.segment(segment);
    explain(&recording, trainer.as_mut(), data, segment, step, &Search::full(), &mut |_| ())
        .unwrap()
}

fn of_attack(attack: &str) -> Explanation {
    explained(&record_attacked(&spec(), Some(attack.parse().unwrap())), SEGMENT)
}

#[track_caller]
fn assert_cause(found: &Explanation, cause: &Cause, steps: (u64, u64)) {
    let [only] = &found.causes[..] else { panic!("{}", found.words) };
    assert_eq!((&only.cause, only.step_first, only.step_last), (cause, steps.0, steps.1));
    assert!(found.whole, "{}", found.words);
}

#[test]
fn learning_rates_are_solved_for() {
    // In the middle of a segment, at its last step, and to its end; factors
    // that are tried at once and ones that have to be solved for.
    for factor in [1.05, 1.001, 1.37, 0.33, 5.0, -0.5, 2.0] {
        for (place, steps) in [("4", (4, 4)), ("5", (5, 5)), ("4..6", (4, 5)), ("3", (3, 3))] {
            let found = of_attack(&format!("lr-tamper@{place}*{factor}"));
            let [only] = &found.causes[..] else { panic!("{factor} {place}: {}", found.words) };
            let Cause::LearningRate { factor: solved } = only.cause else {
                panic!("{}", found.words)
            };
            assert!((solved - factor).abs() < 1e-6, "{factor} {place}: {}", found.words);
            assert_eq!((only.step_first, only.step_last), steps);
            assert!(found.whole);
        }
    }
}

#[test]
fn what_is_done_to_the_gradient() {
    assert_cause(&of_attack("sign-flip@4"), &Cause::SignFlipped, (4, 4));
    assert_cause(&of_attack("sign-flip@4..6"), &Cause::SignFlipped, (4, 5));
    let rounded = Cause::LowerPrecision { mantissa_bits: 10 };
    assert_cause(&of_attack("kernel-swap@4"), &rounded, (4, 4));
    let rounded = Cause::LowerPrecision { mantissa_bits: 7 };
    assert_cause(&of_attack("kernel-swap@3*7"), &rounded, (3, 3));
}

#[test]
fn what_is_done_to_the_moments() {
    assert_cause(&of_attack("moment-reset@4"), &Cause::MomentsForgotten, (4, 4));
    for factor in [1.01f32, 0.0, 0.5, 3.25, -1.0] {
        let cause = Cause::MomentsScaled { factor, tensors: 2 };
        assert_cause(&of_attack(&format!("moment-edit@4*{factor}")), &cause, (4, 4));
        assert_cause(&of_attack(&format!("moment-edit@5*{factor}")), &cause, (5, 5));
    }
}

#[test]
fn what_the_model_was_given() {
    let sorted = Cause::OtherOrder { order: "sorted".into() };
    assert_cause(&of_attack("order-swap@4"), &sorted, (4, 4));
    assert_cause(&of_attack("seed-swap@4"), &Cause::RootSeed { seed: 8 }, (4, 4));
    for count in [1, 3] {
        let found = of_attack(&format!("label-flip@4*{count}"));
        assert_eq!(found.attack.as_deref(), Some("label-flip"), "{}", found.words);
        assert!(found.whole);
    }
    // The step's own samples, but the inputs of one are another: no hypothesis.
    let patched = of_attack("pixel-edit@4");
    assert_eq!((patched.causes.len(), patched.whole), (0, false));
    assert!(patched.words.starts_with("unexplained"), "{}", patched.words);
}

#[test]
fn which_random_stream() {
    let found = of_attack("dropout-off@4");
    assert_eq!(found.attack.as_deref(), Some("dropout-off"), "{}", found.words);
    assert!(found.whole && found.words.contains("root seed 8"), "{}", found.words);
}

#[test]
fn a_recorded_rate() {
    let found = of_attack("lr-recorded@4");
    assert_eq!(found.attack.as_deref(), Some("lr-recorded"), "{}", found.words);
    assert!(found.whole);
}

#[test]
fn a_weight_written_during_training() {
    for (attack, says) in [("in-run-edit@4", "by 1 ulp"), ("in-run-edit@4*-999", "by -999 ulp")] {
        let found = of_attack(attack);
        assert!(found.words.contains("element [0] of `model.bias`"), "{}", found.words);
        assert!(found.whole && found.words.contains(says), "{}", found.words);
    }
    // Too far to be found by trying; the last step's state is stored.
    assert!(of_attack("in-run-edit@4*1000000").causes.is_empty());
    let stored = of_attack("in-run-edit@5*1000");
    assert!(stored.whole && stored.words.contains("1 of 1 elements"), "{}", stored.words);
}

#[test]
fn an_edited_checkpoint_is_explained_from_both_sides() {
    let honest = record(&spec());
    let (_, run) = planted("weight-edit@6*1", &honest);
    let ends = explained(&run, 1);
    assert_eq!(ends.attack.as_deref(), Some("weight-edit"), "{}", ends.words);
    assert_cause(&explained(&run, 2), &Cause::OpeningReplaced, (6, 6));
    let (_, run) = planted("moment-edit@6*1.5", &honest);
    let scaled = Cause::MomentsScaled { factor: 1.5, tensors: 2 };
    assert_cause(&explained(&run, 1), &scaled, (5, 5));
    assert_cause(&explained(&run, 2), &Cause::OpeningReplaced, (6, 6));
}

#[test]
fn a_spliced_checkpoint_is_explained_where_training_went_on() {
    let (honest, other) = (record(&spec()), record(&spec_with(|spec| spec.root_seed = 99)));
    let (_, run) = planted_with("splice@6", &honest, Some(&other));
    assert!(explained(&run, 1).causes.is_empty(), "no step gives the other run's state");
    assert_cause(&explained(&run, 2), &Cause::OpeningReplaced, (6, 6));
}

/// Writes the state that a run ends in anew, and recomputes every digest.
fn ending_in(
    run: &MemoryRun,
    edit: impl FnOnce(&State, &mut Vec<(TensorSpec, Vec<u8>)>),
) -> MemoryRun {
    let recording = recording(run);
    let load = |step| recording.checkpoint(step).unwrap().load(1 << 20).unwrap();
    let (opening, closing) = (load(9), load(12));
    let mut tensors: Vec<(TensorSpec, Vec<u8>)> =
        closing.tensors().map(|(spec, bytes)| (spec.clone(), bytes.to_vec())).collect();
    edit(&opening, &mut tensors);
    let forged = State::from_named(tensors).unwrap();
    let mut events: Vec<Event> = common::events(run).into_iter().map(|(_, event)| event).collect();
    for event in &mut events {
        match event {
            Event::Step(trace) if trace.step == 11 => trace.state = forged.fingerprints(),
            Event::Checkpoint { step: 12, root } => *root = forged.root(),
            _ => {}
        }
    }
    let mut run = common::retold(run, &events);
    let mut bytes = Vec::new();
    write_checkpoint(&forged, &mut bytes).unwrap();
    run.objects.insert(Object::Checkpoint(forged.root()), bytes);
    run
}

fn place(tensors: &[(TensorSpec, Vec<u8>)], name: &str) -> usize {
    tensors.iter().position(|(spec, _)| spec.name == name).unwrap()
}

#[test]
fn what_the_last_state_is_like_is_said() {
    let run = record(&spec());
    let weight = "model.weight";
    let velocity = "optimizer.weight.velocity";
    let exchanged = ending_in(&run, |_, tensors| {
        let (a, b) = (place(tensors, weight), place(tensors, velocity));
        let kept = tensors[a].1.clone();
        tensors[a].1 = std::mem::replace(&mut tensors[b].1, kept);
    });
    let found = explained(&exchanged, 3);
    let words = format!("`{weight}` and `{velocity}` are exchanged");
    assert!(found.words.contains(&words) && found.whole, "{}", found.words);
    let left = ending_in(&run, |opening, tensors| {
        let at = place(tensors, velocity);
        tensors[at].1 = opening.tensor(velocity).unwrap().1.to_vec();
    });
    let found = explained(&left, 3);
    let words =
        format!("`{velocity}` is the one that opens the segment; no tensor of the model differs");
    assert!(found.words.contains(&words), "{}", found.words);
    assert_eq!(found.attack.as_deref(), Some("state edited"));
}
