//! The state is whole whatever a model is made of: a run of it is never accused, and
//! its buffers do not lag.

mod small;

use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::{Bool, Device, Int, Tensor};
use reenact_burn::{BatchTensors, Burn};
use reenact_core::trainer::Request;
use reenact_core::verify::{Grade, Verdict};
use small::{Small, audit, record, spec, start};

#[derive(Module, Debug)]
struct Lagging {
    layer: Linear,
    /// Made from a weight: burn keeps `require_grad` on what is detached.
    average: RunningState<Tensor<2>>,
}

fn lagging(device: &Device) -> Lagging {
    let layer = LinearConfig::new(4, 1).init(device);
    let average = RunningState::new(layer.weight.val().detach());
    assert!(average.value().is_require_grad(), "this is what the test is about");
    Lagging { layer, average }
}

fn error(output: Tensor<2>, batch: &BatchTensors) -> Tensor<1> {
    (output - batch.float::<2>("y")).square().mean()
}

fn lagging_loss(model: &Lagging, batch: &BatchTensors) -> Tensor<1> {
    let kept = model.average.value_sync();
    let weight = model.layer.weight.val();
    let next = kept.clone().mul_scalar(0.9) + weight.detach().mul_scalar(0.1);
    model.average.update(next);
    let x = batch.float::<2>("x");
    error(model.layer.forward(x.clone()) + x.matmul(kept), batch)
}

#[derive(Module, Debug)]
struct Mixed {
    input: Linear,
    /// The same parameter in two places.
    twin: Linear,
    frozen: Linear,
    missing: Option<Linear>,
    norm: BatchNorm,
    nested: Vec<BatchNorm>,
    dropout: Dropout,
    places: Param<Tensor<1, Int>>,
    mask: Param<Tensor<1, Bool>>,
    output: Linear,
}

fn mixed(device: &Device) -> Mixed {
    let linear = |input, output| LinearConfig::new(input, output).init(device);
    let input = linear(4, 6);
    let norm = || BatchNormConfig::new(6).init(device);
    Mixed {
        twin: input.clone(),
        input,
        frozen: linear(6, 6).no_grad(),
        missing: None,
        norm: norm(),
        nested: vec![norm(), norm()],
        dropout: DropoutConfig::new(0.2).init(),
        places: Param::initialized(Default::default(), Tensor::from_ints([3, 1, 0, 2], device)),
        mask: Param::initialized(
            Default::default(),
            Tensor::from_bool([true, false, true, true, true, false], device),
        ),
        output: linear(6, 1),
    }
}

fn mixed_loss(model: &Mixed, batch: &BatchTensors) -> Tensor<1> {
    let x = batch.float::<2>("x").select(1, model.places.val());
    let mut hidden = model.input.forward(x.clone()) + model.twin.forward(x).tanh();
    hidden = model.norm.forward(model.frozen.forward(hidden));
    for norm in &model.nested {
        hidden = norm.forward(model.dropout.forward(hidden).tanh());
    }
    let mask = model.mask.val().float().unsqueeze::<2>();
    error(model.output.forward(hidden.mul(mask)), batch)
}

fn never_accused<M: Module + 'static>(program: &Burn<Small<M>>) {
    for killed_step in [None, Some(1), Some(3), Some(8)] {
        let run = record(program, &spec(), 3, killed_step);
        let report = audit(program, &run);
        let expected = Verdict::Match { grade: Grade::BitExact };
        assert_eq!(report.verdict, expected, "{killed_step:?}: {:?}", report.reasons);
    }
}

#[test]
fn a_buffer_made_from_a_weight() {
    never_accused(&Burn::new(Small { model: lagging, loss: lagging_loss }));
}

#[test]
fn shared_frozen_missing_and_integer_tensors() {
    never_accused(&Burn::new(Small { model: mixed, loss: mixed_loss }));
}

#[test]
fn buffers_do_not_lag_and_are_not_trained() {
    let program = Burn::new(Small { model: lagging, loss: lagging_loss });
    let mut trainer = start(&program, &spec(), 1).unwrap();
    let layout = trainer.gradient_layout();
    assert!(layout.tensors().iter().all(|tensor| tensor.name != "model.average"));
    // The first average is the weight itself.
    trainer.step(0, &Request::default()).unwrap();
    let before = trainer.capture(1).unwrap();
    let trace = trainer.step(1, &Request::default()).unwrap();
    let after = trainer.capture(2).unwrap();
    let average = |state: &reenact_core::state::State| {
        state.tensor("model.average").map(|(_, bytes)| bytes.to_vec()).unwrap()
    };
    assert_ne!(average(&before), average(&after));
    assert_eq!(trace.state, after.fingerprints());
    assert!(after.tensor("optimizer.average.moment_1").is_none());
}
