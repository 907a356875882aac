//! A model of one's own, with the whole `reenact` command: a curve is fitted.
//!
//!     cargo run --release -p own-model -- record cubic --out runs/cubic
//!     cargo run --release -p own-model -- audit runs/cubic

use std::{process::ExitCode, sync::Arc};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, activation::tanh};
use reenact_burn::{BatchTensors, Burn, Column, InMemory, Loss, Training};
use reenact_core::data::DataSet;
use reenact_core::{spec::Spec, state::DType, trainer::Setting, trainer::TrainerError};

#[derive(Module, Debug)]
struct Curve {
    hidden: Linear,
    output: Linear,
}

#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Hyper {
    width: usize,
}

struct Cubic;

impl Training for Cubic {
    type Model = Curve;
    type Batch = BatchTensors;
    type Hyper = Hyper;

    fn name(&self) -> &str {
        "cubic"
    }

    fn describe(&self) -> String {
        "a small network that learns x^3 - x".into()
    }

    fn data(&self, _: &Hyper, _: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let x: Vec<f32> = (-64..64).map(|i| i as f32 / 32.0).collect();
        let column = |name, f: fn(f32) -> f32| {
            let bytes = x.iter().flat_map(|&x| f(x).to_le_bytes()).collect();
            Column { name, dtype: DType::F32, shape: vec![1], bytes }
        };
        let columns = vec![column("x", |x| x), column("y", |x| x * x * x - x)];
        let refuse = |problem| TrainerError::Data { name: "cubic".into(), problem };
        Ok(Arc::new(InMemory::new(columns).map_err(refuse)?))
    }

    fn model(&self, hyper: &Hyper, device: &Device) -> Curve {
        let hidden = LinearConfig::new(1, hyper.width).init(device);
        Curve { hidden, output: LinearConfig::new(hyper.width, 1).init(device) }
    }

    /// The model reads no file but those that a spec declares; it reads none.
    fn declares_inputs(&self) -> bool {
        true
    }

    fn loss(&self, model: &Curve, batch: BatchTensors) -> Loss {
        let y = model.output.forward(tanh(model.hidden.forward(batch.float::<2>("x"))));
        (y - batch.float::<2>("y")).square().mean_dim(0).flatten::<1>(0, 1).into()
    }
}

pub(crate) fn program() -> impl Training {
    Cubic
}

fn main() -> ExitCode {
    let spec = ("cubic", include_str!("../cubic.toml"));
    reenact::App::new().program(Burn::new(program())).specs(&[spec]).run()
}
