//! Trainings with dropout repeat, and those of format 1 of the spec are what burn's own are.

mod small;

use burn::module::Module;
use burn::nn;
use burn::tensor::{Device, Tensor};
use reenact_burn::{BatchTensors, Burn, Dropout, DropoutConfig};
use reenact_core::spec::Spec;
use reenact_core::state::State;
use reenact_core::trainer::Request;
use reenact_core::verify::{Grade, Verdict};
use small::{Small, audit, record, spec, start};

#[derive(Module, Debug)]
struct Ours {
    input: nn::Linear,
    dropout: Dropout,
    output: nn::Linear,
}

#[derive(Module, Debug)]
struct Burns {
    input: nn::Linear,
    dropout: nn::Dropout,
    output: nn::Linear,
}

fn linear(input: usize, output: usize, device: &Device) -> nn::Linear {
    nn::LinearConfig::new(input, output).init(device)
}

fn ours() -> Burn<Small<Ours>> {
    let model = |device: &Device| Ours {
        input: linear(4, 16, device),
        dropout: DropoutConfig::new(0.25).init(),
        output: linear(16, 1, device),
    };
    let loss = |model: &Ours, batch: &BatchTensors| {
        let hidden = model.dropout.forward(model.input.forward(batch.float::<2>("x")));
        error(model.output.forward(model.dropout.forward(hidden)), batch)
    };
    Burn::new(Small { model, loss })
}

fn burns() -> Burn<Small<Burns>> {
    let model = |device: &Device| Burns {
        input: linear(4, 16, device),
        dropout: nn::DropoutConfig::new(0.25).init(),
        output: linear(16, 1, device),
    };
    let loss = |model: &Burns, batch: &BatchTensors| {
        let hidden = model.dropout.forward(model.input.forward(batch.float::<2>("x")));
        error(model.output.forward(model.dropout.forward(hidden)), batch)
    };
    Burn::new(Small { model, loss })
}

fn error(output: Tensor<2>, batch: &BatchTensors) -> Tensor<1> {
    (output - batch.float::<2>("y")).square().sum_dim(0).reshape([1])
}

fn of_format(format: u32) -> Spec {
    Spec { format, ..spec() }
}

fn trained<M: Module + 'static>(program: &Burn<Small<M>>, format: u32) -> State {
    let mut trainer = start(program, &of_format(format), 1).unwrap();
    (0..4).for_each(|step| drop(trainer.step(step, &Request::default()).unwrap()));
    trainer.capture(4).unwrap()
}

#[test]
fn format_1_is_trained_as_with_burns_own() {
    assert!(trained(&ours(), 1) == trained(&burns(), 1));
    assert!(trained(&ours(), 2) != trained(&burns(), 2));
    assert!(trained(&ours(), 2) == trained(&ours(), 2));
}

#[test]
fn what_was_recorded_is_replayed_from_any_step() {
    for format in [1, 2] {
        for killed_step in [None, Some(3)] {
            let run = record(&ours(), &of_format(format), 2, killed_step);
            let report = audit(&ours(), &run);
            let expected = Verdict::Match { grade: Grade::BitExact };
            assert_eq!(report.verdict, expected, "{format}, {killed_step:?}: {:?}", report.reasons);
        }
    }
}

#[test]
fn two_trainers_of_one_process_do_not_disturb_each_other() {
    let alone = trained(&ours(), 2);
    let both = [1, 2].map(|_| std::thread::spawn(|| trained(&ours(), 2)));
    for one in both {
        assert!(one.join().unwrap() == alone);
    }
}
