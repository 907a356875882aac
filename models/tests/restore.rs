//! A state may come from a hostile file: whatever is not this model's is
//! refused, and the trainer is as good as before.

mod tiny;

use reenact_core::state::{DType, State, TensorSpec};
use reenact_core::trainer::{Request, Trainer, TrainerError};
use tiny::{ADAMW, SGD, run, spec, specs, start};

type Named = Vec<(TensorSpec, Vec<u8>)>;

fn named(state: &State) -> Named {
    state.tensors().map(|(spec, bytes)| (spec.clone(), bytes.to_vec())).collect()
}

fn find<'a>(tensors: &'a mut Named, name: &str) -> &'a mut (TensorSpec, Vec<u8>) {
    tensors.iter_mut().find(|(spec, _)| spec.name == name).unwrap()
}

/// Restores what `spoil` made of a good state; returns the complaint.
fn refusal(trainer: &mut dyn Trainer, good: &State, spoil: impl FnOnce(&mut Named)) -> String {
    let mut tensors = named(good);
    spoil(&mut tensors);
    let state = State::from_named(tensors).unwrap();
    match trainer.restore(&state) {
        Err(TrainerError::Restore(problem)) => problem,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn every_missing_renamed_or_reshaped_tensor_is_refused() {
    for spec in specs() {
        let mut trainer = start(&spec);
        run(trainer.as_mut(), 0..2);
        let good = trainer.capture(2).unwrap();
        for index in 0..good.layout().tensors().len() {
            let name = good.layout().tensors()[index].name.clone();
            let trainer = trainer.as_mut();
            // The only tensor that the optimizer keeps for a parameter may be
            // missing: that is a parameter which never had a gradient.
            if !name.ends_with(".velocity") {
                refusal(trainer, &good, |tensors| drop(tensors.remove(index)));
            }
            refusal(trainer, &good, |tensors| tensors[index].0.name.push('x'));
            let problem = refusal(trainer, &good, |tensors| tensors[index].0.shape.push(1));
            assert!(problem.contains(&name), "{problem}");
            refusal(trainer, &good, |tensors| {
                let (spec, bytes) = &mut tensors[index];
                (spec.dtype, spec.shape) = (DType::I8, vec![bytes.len() as u64]);
            });
        }
        trainer.restore(&good).unwrap();
        assert_eq!(trainer.capture(2).unwrap(), good, "{}", spec.name);
    }
}

#[test]
fn additional_tensors_are_refused() {
    let mut trainer = start(&spec("digits-mlp", ADAMW));
    run(trainer.as_mut(), 0..1);
    let good = trainer.capture(1).unwrap();
    for name in ["model.fc9.weight", "optimizer.fc1.weight.moment_3", "steering.seed"] {
        let extra = TensorSpec { name: name.into(), dtype: DType::U8, shape: vec![1] };
        refusal(trainer.as_mut(), &good, |tensors| tensors.push((extra, vec![0])));
    }
}

#[test]
fn absurd_counts_are_refused() {
    let mut trainer = start(&spec("cicero-gpt", ADAMW));
    run(trainer.as_mut(), 0..1);
    let good = trainer.capture(1).unwrap();
    for time in [0, u64::from(u32::MAX), 1 << 31, u64::MAX] {
        let problem = refusal(trainer.as_mut(), &good, |tensors| {
            find(tensors, "optimizer.token.weight.time").1 = time.to_le_bytes().to_vec();
        });
        assert!(problem.contains("token.weight"), "{problem}");
    }
}

#[test]
fn a_checkpoint_cannot_turn_dropout_off() {
    let mut trainer = start(&spec("digits-cnn", SGD));
    let good = trainer.capture(0).unwrap();
    for flag in [0, 2] {
        let problem = refusal(trainer.as_mut(), &good, |tensors| {
            find(tensors, "model.dropout.training").1 = vec![flag];
        });
        assert!(problem.contains("model.dropout.training"), "{problem}");
    }
}

#[test]
fn the_state_of_another_model_or_optimizer_is_refused() {
    let states: Vec<State> = specs()
        .iter()
        .map(|spec| {
            let mut trainer = start(spec);
            run(trainer.as_mut(), 0..1);
            trainer.capture(1).unwrap()
        })
        .collect();
    for (own, spec) in specs().iter().enumerate() {
        let mut trainer = start(spec);
        for (other, state) in states.iter().enumerate() {
            assert_eq!(trainer.restore(state).is_ok(), own == other, "{own} {other}");
        }
    }
}

#[test]
fn strange_numbers_are_no_reason_to_panic() {
    for spec in specs() {
        let mut trainer = start(&spec);
        run(trainer.as_mut(), 0..1);
        let mut tensors = named(&trainer.capture(1).unwrap());
        for (spec, bytes) in &mut tensors {
            if spec.dtype == DType::F32 {
                bytes.fill(0xff);
            }
        }
        let state = State::from_named(tensors).unwrap();
        trainer.restore(&state).unwrap();
        assert_eq!(trainer.capture(1).unwrap(), state, "NaN bits are kept");
        trainer.step(1, &Request::default()).unwrap();
        trainer.evaluate().unwrap();
    }
}
