//! What a program does wrong is said as its mistake, never as one of reenact.

mod small;

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use reenact_burn::{BatchTensors, Burn};
use reenact_core::trainer::{Request, TrainerError};
use small::{Small, spec, start};

fn model(device: &Device) -> Linear {
    LinearConfig::new(4, 1).init(device)
}

/// Takes a step with this loss; returns the complaint.
fn mistake(loss: fn(&Linear, &BatchTensors) -> Tensor<1>) -> String {
    let program = Burn::new(Small { model, loss });
    let mut trainer = start(&program, &spec(), 1).unwrap();
    match trainer.step(0, &Request::default()) {
        Err(error @ TrainerError::Program { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn output(model: &Linear, batch: &BatchTensors) -> Tensor<2> {
    model.forward(batch.float::<2>("x"))
}

#[test]
fn a_wrong_name_rank_or_shape() {
    let said = mistake(|model, batch| (output(model, batch) - batch.float::<2>("z")).mean());
    for part in ["in the loss of step 0", "`z`", "[\"x\", \"y\"]"] {
        assert!(said.contains(part), "{said}");
    }
    let said = mistake(|model, batch| {
        let y = batch.float::<1>("y").reshape([8, 1]);
        (output(model, batch) - y).mean()
    });
    assert!(said.contains("`y` has the rank 2, not 1") && said.contains("[8, 1]"), "{said}");
    let said = mistake(|model, batch| output(model, batch).flatten::<1>(0, 1));
    assert!(said.contains("the shape [8], not [1]: take its mean"), "{said}");
    let said = mistake(|_, batch| batch.float::<2>("y").mean());
    assert!(said.contains("in the backward pass of step 0"), "{said}");
    let said = mistake(|model, batch| batch.float::<2>("y").matmul(output(model, batch)).mean());
    assert!(said.contains("in the loss of step 0"), "{said}");
}

#[test]
fn a_model_that_cannot_be_built() {
    let model = |_: &Device| -> Linear { panic!("no width {}", 7) };
    let loss = |model: &Linear, batch: &BatchTensors| output(model, batch).mean();
    let said = start(&Burn::new(Small { model, loss }), &spec(), 1).err().unwrap().to_string();
    assert!(said.contains("while it built the model") && said.contains("no width 7"), "{said}");
}
