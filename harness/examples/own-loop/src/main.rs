//! A loop of one's own: two networks, two optimizers, an update of each in every step, and
//! noise of the step. Everything of the model stands in `model.rs`.
//!
//!     cargo run --release -p own-loop -- record ring --out runs/ring
//!     cargo run --release -p own-loop -- audit runs/ring

mod model;

use std::{process::ExitCode, sync::Arc};

use burn::tensor::{Device, Tensor, TensorData};
use model::{Gan, NOISE, judged};
use reenact_burn::{Burn, Column, InMemory, Step, Training, batch};
use reenact_core::data::DataSet;
use reenact_core::steering::rand_core::Rng;
use reenact_core::{spec::Spec, state::DType, trainer::Setting, trainer::TrainerError};

struct Points {
    points: Tensor<2>,
}

batch!(Points { points });

#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Hyper {
    width: usize,
}

struct Ring;

impl Training for Ring {
    type Model = Gan;
    type Batch = Points;
    type Hyper = Hyper;

    fn name(&self) -> &str {
        "ring"
    }

    fn data(&self, _: &Hyper, _: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        // The 256 points (n, m) of a grid, drawn to a ring without a sine.
        let point = |i: i32| ((i % 16 - 8) as f32 + 0.5, (i / 16 - 8) as f32 + 0.5);
        let drawn = |(x, y): (f32, f32)| [x / (x * x + y * y).sqrt(), y / (x * x + y * y).sqrt()];
        let bytes = (0..256).flat_map(|i| drawn(point(i))).flat_map(f32::to_le_bytes).collect();
        let column = Column { name: "points", dtype: DType::F32, shape: vec![2], bytes };
        let refuse = |problem| TrainerError::Data { name: "ring".into(), problem };
        Ok(Arc::new(InMemory::new(vec![column]).map_err(refuse)?))
    }

    fn model(&self, hyper: &Hyper, device: &Device) -> Gan {
        Gan::new(hyper.width, device)
    }

    fn step(&self, Gan { generator, critic }: Gan, step: &mut Step<'_, Points>) -> Gan {
        let real = step.batch().points;
        let [samples, _] = real.dims();
        let noise = (0..samples * NOISE).map(|_| step.rng().next_u32() as f32 / 2e9 - 1.0);
        let noise = TensorData::new(noise.collect::<Vec<f32>>(), [samples, NOISE]);
        let noise = Tensor::<2>::from_data(noise, step.device());
        let made = generator.forward(noise.clone());
        let loss = judged(&critic, real, 1.0) + judged(&critic, made.detach(), -1.0);
        let critic = step.update("critic", critic, loss);
        let loss = judged(&critic, generator.forward(noise), 1.0);
        Gan { generator: step.update("generator", generator, loss), critic }
    }
}

pub(crate) fn program() -> impl Training {
    Ring
}

fn main() -> ExitCode {
    let spec = ("ring", include_str!("../ring.toml"));
    reenact::App::new().program(Burn::new(program())).specs(&[spec]).run()
}
