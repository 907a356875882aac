//! Small programs of random shape: what a user may well train.

use std::sync::Arc;

use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::tanh;
use burn::tensor::{Device, Int, Tensor};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reenact_burn::{BatchTensors, Column, InMemory, Loss, Training};
use reenact_core::data::DataSet;
use reenact_core::spec::LearningRate;
use reenact_core::spec::{BatchSpec, Clipping, Hyperparameter, OptimizerSpec, Spec};
use reenact_core::state::DType;
use reenact_core::trainer::{Setting, TrainerError};
use serde::Deserialize;

const SAMPLES: u32 = 64;
const FEATURES: usize = 4;

/// Trains a small network that consists of what its hyperparameters name.
#[derive(Clone, Copy, Debug)]
pub struct Random;

/// Says what a network consists of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    width: usize,
    layers: usize,
    norm: bool,
    dropout: f64,
    shared: bool,
    frozen: bool,
    integers: bool,
    lagging: bool,
}

/// A network.
#[derive(Module, Debug)]
pub struct Network {
    input: Linear,
    /// The same parameter in a second place.
    twin: Option<Linear>,
    hidden: Vec<Linear>,
    norms: Vec<BatchNorm>,
    frozen: Option<Linear>,
    dropout: Dropout,
    places: Option<Param<Tensor<1, Int>>>,
    /// A buffer that is made from a weight, as burn keeps `require_grad` there.
    average: Option<RunningState<Tensor<2>>>,
    output: Linear,
}

impl Network {
    fn forward(&self, batch: &BatchTensors) -> Tensor<2> {
        let mut x = batch.float::<2>("x");
        if let Some(places) = &self.places {
            x = x.select(1, places.val());
        }
        let mut hidden = self.input.forward(x.clone());
        if let Some(twin) = &self.twin {
            hidden = hidden + tanh(twin.forward(x.clone()));
        }
        if let Some(average) = &self.average {
            let kept = average.value_sync().detach();
            let weight = self.input.weight.val().detach();
            average.update(kept.clone().mul_scalar(0.9) + weight.mul_scalar(0.1));
            hidden = hidden + x.matmul(kept);
        }
        for (place, layer) in self.hidden.iter().enumerate() {
            hidden = tanh(layer.forward(self.dropout.forward(hidden)));
            if let Some(norm) = self.norms.get(place) {
                hidden = norm.forward(hidden);
            }
        }
        if let Some(frozen) = &self.frozen {
            hidden = frozen.forward(hidden);
        }
        self.output.forward(hidden)
    }
}

impl Training for Random {
    type Model = Network;
    type Batch = BatchTensors;
    type Hyper = Parts;

    fn name(&self) -> &str {
        "random"
    }

    fn describe(&self) -> String {
        "a small network of random parts".into()
    }

    fn data(&self, _: &Parts, _: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let column = |name, size: usize| {
            let number = |i: u32| (i.wrapping_mul(7919) % 2003) as f32 / 1001.5 - 1.0;
            let bytes = (0..SAMPLES * size as u32).flat_map(|i| number(i).to_le_bytes()).collect();
            Column { name, dtype: DType::F32, shape: vec![size], bytes }
        };
        let refuse = |problem| TrainerError::Data { name: "random".into(), problem };
        let made = InMemory::new(vec![column("x", FEATURES), column("y", 1)]);
        Ok(Arc::new(made.map_err(refuse)?))
    }

    fn model(&self, parts: &Parts, device: &Device) -> Network {
        let linear = |input, output| LinearConfig::new(input, output).init(device);
        let input: Linear = linear(FEATURES, parts.width);
        let norms = if parts.norm { parts.layers } else { 0 };
        let weight = || input.weight.val().detach();
        let places = || Tensor::from_ints([3, 1, 0, 2], device);
        Network {
            twin: parts.shared.then(|| input.clone()),
            hidden: (0..parts.layers).map(|_| linear(parts.width, parts.width)).collect(),
            norms: (0..norms).map(|_| BatchNormConfig::new(parts.width).init(device)).collect(),
            frozen: parts.frozen.then(|| linear(parts.width, parts.width).no_grad()),
            dropout: DropoutConfig::new(parts.dropout).init(),
            places: parts.integers.then(|| Param::initialized(Default::default(), places())),
            average: parts.lagging.then(|| RunningState::new(weight())),
            output: linear(parts.width, 1),
            input,
        }
    }

    fn declares_inputs(&self) -> bool {
        true
    }

    fn loss(&self, model: &Network, batch: BatchTensors) -> Loss {
        (model.forward(&batch) - batch.float::<2>("y")).square().mean().into()
    }
}

/// Draws the choices of a case.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// Draws the same for the same case.
    pub fn of_case(case: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(case))
    }

    /// Draws a number from `least` to `most`.
    pub fn number(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.next_u64() % (most - least + 1)
    }

    /// Tosses a coin.
    pub fn coin(&mut self) -> bool {
        self.number(0, 1) == 1
    }
}

/// Declares a run of a network of random parts.
pub fn random_spec(case: u64, dice: &mut Dice) -> Spec {
    let text = include_str!("../../replay-specs/toy-plane.toml");
    let mut spec = Spec::parse(text).expect("our own specs parse");
    (spec.name, spec.root_seed) = (format!("random-{case}"), case);
    spec.program.name = "random".into();
    let integer = |number| Hyperparameter::Integer(number as i64);
    let dropout = dice.number(0, 3) as f64 / 10.0;
    let mut parts: Vec<(&str, Hyperparameter)> = vec![
        ("width", integer(dice.number(1, 12))),
        ("layers", integer(dice.number(0, 3))),
        ("dropout", Hyperparameter::Real(dropout)),
    ];
    for name in ["norm", "shared", "frozen", "integers", "lagging"] {
        parts.push((name, Hyperparameter::Flag(dice.coin())));
    }
    let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value));
    spec.program.hyperparameters = parts.collect();
    spec.steps = dice.number(1, 12);
    spec.checkpoint_every = dice.number(1, spec.steps);
    spec.batch = BatchSpec::new(dice.number(2, 9), dice.number(1, 3));
    spec.optimizer = optimizer(dice);
    let limit = dice.number(1, 20) as f64 / 10.0;
    spec.clipping = match dice.number(0, 2) {
        0 => None,
        1 => Some(Clipping::GlobalNorm { limit }),
        _ => Some(Clipping::Value { limit }),
    };
    let peak = dice.number(1, 50) as f64 / 1000.0;
    let warmup_steps = dice.number(0, spec.steps);
    spec.learning_rate = match dice.coin() {
        true => LearningRate::Constant { value: peak },
        false => LearningRate::WarmupCosine { peak, floor: 0.0, warmup_steps },
    };
    Spec::parse(&spec.canonical()).expect("a random spec is a spec")
}

fn optimizer(dice: &mut Dice) -> OptimizerSpec {
    let weight_decay = dice.number(0, 2) as f64 / 100.0;
    if dice.coin() {
        return OptimizerSpec::AdamW { beta_1: 0.9, beta_2: 0.99, epsilon: 1e-8, weight_decay };
    }
    let momentum = if dice.coin() { 0.9 } else { 0.0 };
    OptimizerSpec::Sgd { momentum, nesterov: dice.coin() && momentum > 0.0, weight_decay }
}
