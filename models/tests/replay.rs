//! What a replay rests on: any step can be reached from a captured state, in a
//! new trainer, with the same bits.

mod tiny;

use reenact_core::data::Batch;
use reenact_core::state::fingerprint;
use reenact_core::trainer::Request;
use tiny::{STEPS, run, setting, spec, specs, start, whole};

#[test]
fn stop_capture_restore_and_go_on_is_bit_identical() {
    for spec in specs() {
        let (traces, end) = whole(start(&spec).as_mut());
        for cut in [0, 1, 3, STEPS - 1] {
            let mut first = start(&spec);
            run(first.as_mut(), 0..cut);
            let state = first.capture(cut).unwrap();
            let mut second = start(&spec);
            second.restore(&state).unwrap();
            assert_eq!(second.capture(cut).unwrap(), state, "{} at {cut}", spec.name);
            let rest = run(second.as_mut(), cut..STEPS);
            assert_eq!(rest, traces[cut as usize..], "{} from {cut}", spec.name);
            assert_eq!(second.capture(STEPS).unwrap(), end, "{} from {cut}", spec.name);
        }
    }
}

#[test]
fn a_used_trainer_can_be_set_back() {
    for spec in specs() {
        let mut trainer = start(&spec);
        let start = trainer.capture(0).unwrap();
        let before = whole(trainer.as_mut());
        trainer.restore(&start).unwrap();
        assert_eq!(trainer.capture(0).unwrap(), start, "{}", spec.name);
        assert_eq!(whole(trainer.as_mut()), before, "{}", spec.name);
    }
}

#[test]
fn two_trainers_agree_in_every_bit_and_seeds_differ() {
    for spec in specs() {
        let first = whole(start(&spec).as_mut());
        assert_eq!(whole(start(&spec).as_mut()), first, "{}", spec.name);
        let mut other = spec.clone();
        other.root_seed += 1;
        assert_ne!(whole(start(&other).as_mut()).1.root(), first.1.root());
    }
}

#[test]
fn the_trace_of_a_step_is_the_capture_after_it() {
    for spec in specs() {
        let mut trainer = start(&spec);
        for step in 0..STEPS {
            let trace = trainer.step(step, &Request::default()).unwrap();
            let state = trainer.capture(step + 1).unwrap();
            assert_eq!(trace.state, state.fingerprints(), "{} step {step}", spec.name);
            assert_eq!(state.layout(), &trainer.layout());
            assert_eq!(trace.gradient.len(), trainer.gradient_layout().tensors().len());
        }
    }
}

#[test]
fn the_trace_names_what_was_consumed() {
    let spec = spec("digits-cnn", tiny::SGD);
    let trace = start(&spec).step(5, &Request::default()).unwrap();
    let data = tiny::program(&spec).data(&spec, &setting()).unwrap();
    let mut order = spec.data_order().unwrap();
    let samples = order.samples(5);
    assert_eq!(trace.samples, reenact_core::data::samples_digest(samples));
    let batches: Vec<_> = data.batches(spec.micro_batches(5, samples)).unwrap();
    assert_eq!(batches.len() as u64, spec.batch.accumulation);
    assert_eq!(trace.batch, Batch::digest_step(&batches));
    let rate = spec.learning_rate_at(5).unwrap();
    assert_eq!(trace.learning_rate_bits, rate.to_bits());
}

#[test]
fn the_state_is_whole_and_its_names_are_module_paths() {
    let mut trainer = start(&spec("digits-cnn", tiny::ADAMW));
    let before = trainer.capture(0).unwrap();
    assert!(before.layout().tensors().iter().all(|spec| !spec.name.starts_with("optimizer.")));
    trainer.step(0, &Request::default()).unwrap();
    let state = trainer.capture(1).unwrap();
    for name in [
        "model.conv1.weight",
        "model.norm1.gamma",
        "model.norm1.running_mean",
        "model.norm2.running_var",
        "model.dropout.training",
        "optimizer.conv1.weight.moment_1",
        "optimizer.norm1.beta.moment_2",
        "optimizer.output.bias.time",
    ] {
        assert!(state.tensor(name).is_some(), "{name}");
    }
    assert!(state.tensor("optimizer.norm1.running_mean.moment_1").is_none());
    let mean = |state: &reenact_core::state::State| {
        fingerprint(state.tensor("model.norm1.running_mean").unwrap().1)
    };
    assert_ne!(mean(&state), mean(&before), "the running mean does not lag by a step");
    assert_eq!(state.tensor("run.step").unwrap().1, 1u64.to_le_bytes());
    assert_eq!(state.tensor("optimizer.output.bias.time").unwrap().1, 1u64.to_le_bytes());
}

#[test]
fn evaluation_changes_nothing() {
    for spec in specs() {
        let mut trainer = start(&spec);
        run(trainer.as_mut(), 0..4);
        let metrics = trainer.evaluate().unwrap();
        assert_eq!(trainer.evaluate().unwrap(), metrics);
        assert!(metrics.iter().all(|metric| metric.value.is_finite()), "{metrics:?}");
        run(trainer.as_mut(), 4..STEPS);
        let end = trainer.capture(STEPS).unwrap();
        assert_eq!(end, whole(start(&spec).as_mut()).1, "{}", spec.name);
    }
}
