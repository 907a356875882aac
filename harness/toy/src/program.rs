//! The smallest complete training program: a noisy line is fitted, in plain
//! Rust.
//!
//! It shows what [`reenact_core::trainer`] asks of an engine, and lets everything but
//! the engine be tested in milliseconds. It takes every spec option that needs
//! no tensor library: SGD with momentum, any schedule, accumulation.
//!
//! With the hyperparameter `tuned`, it has what an engine on a GPU has: two
//! kernels for one sum, which round otherwise, and a choice between them that
//! depends on more than the spec.

use std::sync::Arc;

use crate::check;
use crate::device::ToyDevice;
use crate::platform::ToyPlatform;
use crate::points::{FEATURES, Points, stream, to_bytes, to_values, unit};
use crate::unsteady::{self, Unsteadiness};
use reenact_core::data::{Batch, DataSet, samples_digest};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::figure::Figures;
use reenact_core::format::KernelSelection;
use reenact_core::spec::{Hyperparameter, OptimizerSpec, Spec};
use reenact_core::state::{DType, Fingerprint, Layout, State, TensorSpec, fingerprint};
use reenact_core::steering::{DataOrder, initial_seed, step_seed};
use reenact_core::trainer::{
    Metric, Platform, Program, Request, Setting, StepTrace, Trainer, TrainerError,
};
use reenact_core::validation::Validation;
use reenact_core::variation::{Variation, round_mantissa};

use rand_chacha::rand_core::Rng;

/// The two ways in which a sum can be taken.
const KERNELS: [&str; 2] = ["forward", "backward"];

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

    fn platform(&self) -> &dyn Platform {
        &ToyPlatform
    }

    fn data(&self, spec: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        if spec.data.name == "toy-points" {
            return Ok(Arc::new(Points::TRAINED));
        }
        let problem = "this program knows only `toy-points`".into();
        Err(TrainerError::Data { name: spec.data.name.clone(), problem })
    }

    fn validation_data(&self, spec: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let name = spec.validation.as_ref().map_or("", |validation| &validation.data.name);
        if name == "toy-held-out" {
            return Ok(Arc::new(Points::HELD_OUT));
        }
        let problem = "this program holds out only `toy-held-out`".into();
        Err(TrainerError::Data { name: name.into(), problem })
    }

    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError> {
        let device = ToyDevice::open(&setting.device)?;
        let kernel = Kernel::of(spec, setting, device)?;
        let unsteadiness = Unsteadiness::of(&spec.program.hyperparameters)?;
        check::declared(spec)?;
        let validation = Validation::open(self, spec, setting)?;
        let trainer = ToyTrainer::new(spec.clone(), data, validation, device, kernel)?;
        let trainer = Box::new(trainer);
        Ok(match unsteadiness {
            Some(unsteadiness) => unsteadiness.wrap(trainer, setting),
            None => trainer,
        })
    }
}

/// Says how the output is summed.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    /// Position in [`KERNELS`].
    choice: u32,
    device: ToyDevice,
    tuned: bool,
    /// Whether it was pinned, or chosen by now.
    settled: bool,
}

impl Kernel {
    /// A tuned toy plays an engine that times its kernels: with one thread the
    /// first wins, with more the second, or it is left to chance as by a clock. What
    /// was pinned comes before that.
    fn of(spec: &Spec, setting: &Setting, device: ToyDevice) -> Result<Self, TrainerError> {
        let (mut tuned, mut second) = (false, setting.threads > 1);
        for (name, value) in &spec.program.hyperparameters {
            match (name.as_str(), value) {
                ("tuned", Hyperparameter::Flag(value)) => tuned = *value,
                ("tuned", Hyperparameter::Text(by)) if by == "by-chance" => {
                    (tuned, second) = (true, unsteady::coin());
                }
                (name, _) if Unsteadiness::knows(name) => {}
                _ => {
                    let problem = format!(
                        "`{name}` is unknown; there is `tuned`: true, false or \"by-chance\""
                    );
                    return Err(TrainerError::Hyperparameter(problem));
                }
            }
        }
        if !tuned {
            return Ok(Self { choice: 0, device, tuned, settled: false });
        }
        let timed = Self { choice: u32::from(second), device, tuned, settled: false };
        let own = timed.selection();
        let fits = |pinned: &&KernelSelection| {
            (&pinned.table, &pinned.key, pinned.candidates)
                == (&own.table, &own.key, own.candidates)
        };
        let pinned = setting.selections.iter().find(fits);
        Ok(pinned.map_or(timed, |pinned| Self { choice: pinned.choice, settled: true, ..timed }))
    }

    /// Multiplies and adds up, first to last or last to first.
    fn dot(self, point: &[f32], weight: &[f32]) -> f32 {
        let products = point.iter().zip(weight).map(|(x, w)| x * w);
        if self.choice == 0 { self.device.sum(products) } else { self.device.sum(products.rev()) }
    }

    fn selection(self) -> KernelSelection {
        KernelSelection {
            table: self.device.table().into(),
            key: (FEATURES as u64).to_le_bytes().into(),
            choice: self.choice,
            candidates: KERNELS.len() as u32,
            kernel: KERNELS.get(self.choice as usize).copied().unwrap_or_default().into(),
        }
    }
}

struct ToyTrainer {
    spec: Spec,
    data: Arc<dyn DataSet>,
    validation: Option<Validation>,
    device: ToyDevice,
    order: DataOrder,
    weight: Vec<f32>,
    bias: Vec<f32>,
    velocity: Option<[Vec<f32>; 2]>,
    layouts: [Arc<Layout>; 3],
    kernel: Kernel,
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
    fn new(
        spec: Spec,
        data: Arc<dyn DataSet>,
        validation: Option<Validation>,
        device: ToyDevice,
        kernel: Kernel,
    ) -> Result<Self, TrainerError> {
        let seed = spec.root_seed;
        let order = DataOrder::new(seed, data.len(), &spec.batch).map_err(|error| {
            TrainerError::Data { name: spec.data.name.clone(), problem: error.to_string() }
        })?;
        let mut stream =
            stream(Hasher::new("reenact toy weights").u64(initial_seed(seed)).finish());
        let weight = (0..FEATURES).map(|_| unit(&mut stream)).collect();
        let bias = vec![unit(&mut stream)];
        let (velocity, layouts) = (None, layouts());
        Ok(Self { spec, data, validation, device, order, weight, bias, velocity, layouts, kernel })
    }

    fn batches(
        &mut self,
        step: u64,
        variation: &Variation,
    ) -> Result<(Digest, Vec<Batch>), TrainerError> {
        let derived = || self.order.samples(step).to_vec();
        let samples = variation.samples.clone().unwrap_or_else(derived);
        let derived = || self.data.batches(self.spec.micro_batches(step, &samples));
        let batches = variation.batches.clone().map_or_else(derived, Ok);
        let batches = batches.map_err(|problem| TrainerError::Samples { step, problem })?;
        Ok((samples_digest(&samples), batches))
    }

    /// Returns the summed loss and the gradient of weight and bias.
    fn gradient(&self, seed: u64, batches: &[Batch]) -> (f32, [Vec<f32>; 2]) {
        let mut stream = stream(Hasher::new("reenact toy dropout").u64(seed).finish());
        let (mut loss, mut gradient) = (0.0, [vec![0.0; FEATURES], vec![0.0]]);
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
                let output = self.kernel.dot(&point, &self.weight) + self.bias[0];
                errors.push((output - target, point));
            }
        }
        self.device.order(&mut errors);
        let count = errors.len() as f32;
        for (error, point) in errors {
            loss += error * error / count;
            for (sum, x) in gradient[0].iter_mut().zip(&point) {
                *sum += 2.0 * error * x / count;
            }
            gradient[1][0] += 2.0 * error / count;
        }
        (loss, gradient)
    }

    /// Takes a step without measuring the model after it.
    fn take(&mut self, step: u64, variation: &Variation) -> Result<StepTrace, TrainerError> {
        let (samples, batches) = self.batches(step, variation)?;
        let declared = self.learning_rate(step);
        let derived = step_seed(self.spec.root_seed, step);
        let seed = variation.stream_seed.unwrap_or(derived);
        self.kernel.settled = true;
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
            launches: None,
            validation: None,
        })
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

    /// Measures the model after the update of `step` on the points that are held out, if the
    /// spec says so.
    fn validate(&self, step: u64) -> Result<Option<Figures>, TrainerError> {
        let Some(validation) = self.validation.as_ref().filter(|found| found.is_due(step)) else {
            return Ok(None);
        };
        let mut errors = Vec::new();
        for batch in validation.batches() {
            let batch = batch.map_err(|problem| TrainerError::Samples { step, problem })?;
            let targets = to_values(&batch.tensors[1].bytes);
            let points = to_values(&batch.tensors[0].bytes);
            let pairs = points.chunks(FEATURES).zip(targets);
            errors.extend(pairs.map(|(point, target)| {
                self.kernel.dot(point, &self.weight) + self.bias[0] - target
            }));
        }
        let mean = |of: fn(f32) -> f32| {
            let sum = self.device.sum(errors.iter().map(|error| of(*error)));
            f64::from(sum / errors.len() as f32)
        };
        let metric = |name: &str, value| Metric { name: name.into(), value };
        let measured = vec![
            metric("mean_error", mean(f32::abs)),
            metric("mean_squared_error", mean(|error| error * error)),
        ];
        Validation::figures(step, measured).map(Some)
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

    /// The function of its own is `1 / (step + 20)`.
    fn learning_rate(&self, step: u64) -> f64 {
        self.spec.learning_rate_at(step).unwrap_or_else(|| 1.0 / (step + 20) as f64)
    }

    fn declares_inputs(&self) -> bool {
        true
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        let trace = self.take(step, &request.variation)?;
        if !request.is_whole() {
            return Ok(trace.loss_alone());
        }
        Ok(StepTrace { validation: self.validate(step)?, ..trace })
    }

    fn capture(&mut self, step: u64) -> Result<State, TrainerError> {
        State::new(self.layout(), self.tensors(step))
            .map_err(|error| TrainerError::engine(format!("at step {step}"), error))
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

    fn selections(&mut self) -> Result<Vec<KernelSelection>, TrainerError> {
        let Kernel { tuned, settled, .. } = self.kernel;
        Ok((tuned && settled).then(|| self.kernel.selection()).into_iter().collect())
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        let errors = Points::TRAINED.numbers().map(|number| {
            let (point, target) = Points::point(number);
            let output = self.kernel.dot(&point, &self.weight) + self.bias[0];
            f64::from(output - target).powi(2)
        });
        let value = errors.sum::<f64>() / Points::TRAINED.len() as f64;
        Ok(vec![Metric { name: "mean_squared_error".into(), value }])
    }
}
