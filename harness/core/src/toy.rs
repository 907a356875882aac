//! The smallest complete training program: a noisy line is fitted, in plain
//! Rust.
//!
//! It shows what [`crate::trainer`] asks of an engine, and lets everything but
//! the engine be tested in milliseconds. It takes every spec option that needs
//! no tensor library: SGD with momentum, any schedule, accumulation.

use std::sync::Arc;

use crate::data::{Batch, BatchTensor, DataSet, samples_digest};
use crate::digest::{Digest, Hasher};
use crate::spec::{OptimizerSpec, Spec};
use crate::state::{DType, Fingerprint, Layout, State, TensorSpec, fingerprint};
use crate::steering::{DataOrder, initial_seed, keyed_stream, step_seed};
use crate::toy_device::ToyDevice;
use crate::trainer::{Engine, Metric, Program, Setting, StepTrace, Trainer, TrainerError};
use crate::variation::{Variation, round_mantissa};

use rand_chacha::rand_core::Rng;

const FEATURES: usize = 4;
const SAMPLES: u32 = 64;

/// Fits a plane through points near one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Toy;

impl Program for Toy {
    fn name(&self) -> &str {
        "toy-plane"
    }

    fn describe(&self) -> String {
        "least squares with input dropout on 64 made points; trains in milliseconds".into()
    }

    fn data(&self, spec: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        if spec.data.name == "toy-points" {
            return Ok(Arc::new(Points));
        }
        let problem = "this program knows only `toy-points`".into();
        Err(TrainerError::Data { name: spec.data.name.clone(), problem })
    }

    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError> {
        let device = ToyDevice::open(&setting.device)?;
        if let Some(name) = spec.program.hyperparameters.keys().next() {
            return Err(TrainerError::Hyperparameter(format!(
                "`{name}` is unknown; there are none"
            )));
        }
        let known = match spec.optimizer {
            OptimizerSpec::Sgd { nesterov, weight_decay, .. } => !nesterov && weight_decay == 0.0,
            OptimizerSpec::AdamW { .. } => false,
        };
        if !known || spec.clipping.is_some() {
            let problem =
                "this program knows only `sgd` without nesterov, weight decay and clipping"
                    .to_owned();
            return Err(TrainerError::Hyperparameter(problem));
        }
        Ok(Box::new(ToyTrainer::new(spec.clone(), data, device)?))
    }

    fn engine(&self, setting: &Setting) -> Result<Engine, TrainerError> {
        let class = ToyDevice::open(&setting.device)?.class();
        Ok(Engine { class, notes: Default::default() })
    }
}

#[derive(Debug)]
struct Points;

impl Points {
    fn point(sample: u32) -> ([f32; FEATURES], f32) {
        let mut stream = keyed_stream(Hasher::new("reenact toy point").u64(sample.into()).finish());
        let features = std::array::from_fn(|_| unit(&mut stream));
        let noise = 0.01 * unit(&mut stream);
        (features, features[0] - 2.0 * features[1] + 0.5 * features[3] + 0.25 + noise)
    }
}

/// Draws from [-1, 1), in steps that `f32` holds exactly.
fn unit(stream: &mut impl Rng) -> f32 {
    (stream.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}

impl DataSet for Points {
    fn len(&self) -> u64 {
        SAMPLES.into()
    }

    fn batch(&self, samples: &[u32]) -> Batch {
        let points = samples.iter().map(|&sample| Self::point(sample));
        let (features, targets): (Vec<_>, Vec<_>) = points.unzip();
        let tensor = |name, shape, bytes| BatchTensor { name, dtype: DType::F32, shape, bytes };
        let features = to_bytes(&features.concat());
        Batch {
            tensors: vec![
                tensor("features", vec![samples.len(), FEATURES], features),
                tensor("labels", vec![samples.len()], to_bytes(&targets)),
            ],
        }
    }

    fn digest(&self) -> Digest {
        let all: Vec<u32> = (0..SAMPLES).collect();
        let mut hasher = Hasher::new("reenact v1 data toy");
        for tensor in self.batch(&all).tensors {
            hasher.bytes(&tensor.bytes);
        }
        hasher.finish()
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn to_values(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}

struct ToyTrainer {
    spec: Spec,
    data: Arc<dyn DataSet>,
    device: ToyDevice,
    order: DataOrder,
    weight: Vec<f32>,
    bias: Vec<f32>,
    velocity: Option<[Vec<f32>; 2]>,
    layouts: [Arc<Layout>; 3],
}

/// Names of everything the toy holds, without and with velocities, and of its
/// gradients.
fn layouts() -> [Arc<Layout>; 3] {
    let tensor = |name: &str, dtype, shape: &[u64]| TensorSpec {
        name: name.into(),
        dtype,
        shape: shape.into(),
    };
    let model = [
        tensor("model.bias", DType::F32, &[1]),
        tensor("model.weight", DType::F32, &[FEATURES as u64]),
    ];
    let velocity = [
        tensor("optimizer.bias.velocity", DType::F32, &[1]),
        tensor("optimizer.weight.velocity", DType::F32, &[FEATURES as u64]),
    ];
    let step = [tensor("run.step", DType::U64, &[])];
    let layout = |parts: &[&[TensorSpec]]| {
        Arc::new(Layout::new(parts.concat()).expect("these names are in order"))
    };
    [layout(&[&model, &step]), layout(&[&model, &velocity, &step]), layout(&[&model])]
}

impl ToyTrainer {
    fn new(spec: Spec, data: Arc<dyn DataSet>, device: ToyDevice) -> Result<Self, TrainerError> {
        let seed = spec.root_seed;
        let order = DataOrder::new(seed, data.len(), spec.samples_per_step()).map_err(|error| {
            TrainerError::Data { name: spec.data.name.clone(), problem: error.to_string() }
        })?;
        let mut stream =
            keyed_stream(Hasher::new("reenact toy weights").u64(initial_seed(seed)).finish());
        let weight = (0..FEATURES).map(|_| unit(&mut stream)).collect();
        let bias = vec![unit(&mut stream)];
        Ok(Self { spec, data, device, order, weight, bias, velocity: None, layouts: layouts() })
    }

    fn batches(&mut self, step: u64, variation: &Variation) -> (Digest, Vec<Batch>) {
        let derived = || self.order.samples(step).to_vec();
        let samples = variation.samples.clone().unwrap_or_else(derived);
        let micro_batches = samples.chunks(self.spec.batch.size as usize);
        let batches = || micro_batches.map(|part| self.data.batch(part)).collect();
        (samples_digest(&samples), variation.batches.clone().unwrap_or_else(batches))
    }

    /// Returns the summed loss and the gradient of weight and bias.
    fn gradient(&self, seed: u64, batches: &[Batch]) -> (f32, [Vec<f32>; 2]) {
        let mut stream = keyed_stream(Hasher::new("reenact toy dropout").u64(seed).finish());
        let (mut loss, mut gradient) = (0.0, [vec![0.0; FEATURES], vec![0.0]]);
        let count = self.spec.samples_per_step() as f32;
        let mut errors = Vec::new();
        for batch in batches {
            let targets = to_values(&batch.tensors[1].bytes);
            for (point, target) in to_values(&batch.tensors[0].bytes).chunks(FEATURES).zip(targets)
            {
                // Drops one input in eight.
                let point: Vec<f32> = point
                    .iter()
                    .map(|&x| if stream.next_u32() >> 29 == 0 { 0.0 } else { x })
                    .collect();
                let products = point.iter().zip(&self.weight).map(|(x, w)| x * w);
                let output = self.device.sum(products) + self.bias[0];
                errors.push((output - target, point));
            }
        }
        self.device.order(&mut errors);
        for (error, point) in errors {
            loss += error * error / count;
            for (sum, x) in gradient[0].iter_mut().zip(&point) {
                *sum += 2.0 * error * x / count;
            }
            gradient[1][0] += 2.0 * error / count;
        }
        (loss, gradient)
    }

    fn update(&mut self, rate: f32, negated: bool, gradient: &[Vec<f32>; 2]) {
        let sign = if negated { -1.0 } else { 1.0 };
        let OptimizerSpec::Sgd { momentum, .. } = self.spec.optimizer else { return };
        let momentum = momentum as f32;
        let mut velocity = self.velocity.take().unwrap_or_else(|| [vec![0.0; FEATURES], vec![0.0]]);
        let values = [&mut self.weight, &mut self.bias];
        for ((values, velocity), gradient) in values.into_iter().zip(&mut velocity).zip(gradient) {
            for ((value, v), g) in values.iter_mut().zip(velocity).zip(gradient) {
                *v = momentum * *v + sign * g;
                *value -= rate * *v;
            }
        }
        self.velocity = Some(velocity);
    }

    fn tensors(&self, step: u64) -> Vec<Vec<u8>> {
        let [weight, bias] = [&self.weight, &self.bias].map(|values| to_bytes(values));
        let mut tensors = vec![bias, weight];
        if let Some([weight, bias]) = &self.velocity {
            tensors.extend([to_bytes(bias), to_bytes(weight)]);
        }
        tensors.push(step.to_le_bytes().into());
        tensors
    }
}

fn fingerprints(tensors: &[Vec<u8>]) -> Vec<Fingerprint> {
    tensors.iter().map(|bytes| fingerprint(bytes)).collect()
}

impl Trainer for ToyTrainer {
    fn layout(&self) -> Arc<Layout> {
        self.layouts[usize::from(self.velocity.is_some())].clone()
    }

    fn gradient_layout(&self) -> Arc<Layout> {
        self.layouts[2].clone()
    }

    fn vary(&mut self, step: u64, variation: &Variation) -> Result<StepTrace, TrainerError> {
        let (samples, batches) = self.batches(step, variation);
        let declared = self.spec.learning_rate.at(step, self.spec.steps);
        let derived = step_seed(self.spec.root_seed, step);
        let seed = variation.stream_seed.unwrap_or(derived);
        let (loss, mut gradient) = self.gradient(seed, &batches);
        if let Some(bits) = variation.mantissa_bits {
            gradient.iter_mut().flatten().for_each(|g| *g = round_mantissa(*g, bits));
        }
        self.update(variation.rate_or(declared) as f32, variation.negated, &gradient);
        let [weight, bias] = gradient.map(|values| to_bytes(&values));
        Ok(StepTrace {
            step,
            samples,
            batch: Batch::digest_step(&batches),
            learning_rate_bits: declared.to_bits(),
            loss_bits: loss.to_bits(),
            gradient: fingerprints(&[bias, weight]),
            state: fingerprints(&self.tensors(step + 1)),
        })
    }

    fn capture(&mut self, step: u64) -> Result<State, TrainerError> {
        State::new(self.layout(), self.tensors(step))
            .map_err(|error| TrainerError::Engine { step, problem: error.to_string() })
    }

    fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        let known = self.layouts[..2].iter().any(|layout| layout == state.layout());
        if !known {
            return Err(TrainerError::Restore("its tensors are not those of a plane".into()));
        }
        let values = |name: &str| state.tensor(name).map(|(_, bytes)| to_values(bytes));
        if let (Some(weight), Some(bias)) = (values("model.weight"), values("model.bias")) {
            (self.weight, self.bias) = (weight, bias);
        }
        let velocity = values("optimizer.weight.velocity").zip(values("optimizer.bias.velocity"));
        self.velocity = velocity.map(|(weight, bias)| [weight, bias]);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        let errors = (0..SAMPLES).map(|sample| {
            let (point, target) = Points::point(sample);
            let output =
                point.iter().zip(&self.weight).map(|(x, w)| x * w).sum::<f32>() + self.bias[0];
            f64::from(output - target).powi(2)
        });
        let value = errors.sum::<f64>() / f64::from(SAMPLES);
        Ok(vec![Metric { name: "mean_squared_error".into(), value }])
    }
}
