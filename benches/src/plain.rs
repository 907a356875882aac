//! A training loop as burn's own documentation writes it, without reenact.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor};
use reenact_burn::{TensorBatch, Training};
use reenact_core::data::DataSet;
use reenact_core::spec::{OptimizerSpec, Spec};
use reenact_core::steering::{DataOrder, initial_seed, step_seed};

/// Trains a model by burn alone.
pub struct Plain<'a, T: Training> {
    training: T,
    spec: &'a Spec,
    data: &'a dyn DataSet,
    device: Device,
    model: Option<T::Model>,
    optimizer: ModuleOptimizer,
    order: DataOrder,
}

impl<'a, T: Training> Plain<'a, T> {
    /// Builds the model. The spec must not clip: burn's own clipping is
    /// another.
    pub fn new(training: T, spec: &'a Spec, data: &'a dyn DataSet) -> Self {
        assert!(spec.clipping.is_none(), "burn clips otherwise");
        let device = Device::flex().autodiff();
        device.seed(initial_seed(spec.root_seed));
        let model = training.model(&hyperparameters::<T>(spec), &device);
        // Draws what burn initializes lazily.
        model.visit(&mut Draw);
        let order = DataOrder::new(spec.root_seed, data.len(), &spec.batch)
            .expect("the data set is large enough");
        Self { training, spec, data, device, model: Some(model), optimizer: optimizer(spec), order }
    }

    /// Takes one step and returns its loss.
    pub fn step(&mut self, step: u64) -> f32 {
        self.device.seed(step_seed(self.spec.root_seed, step));
        let model = self.model.take().expect("no step before this one failed");
        let mut gradients = GradientsAccumulator::new();
        let mut sum = 0.0;
        let samples = self.order.samples(step);
        for samples in self.spec.micro_batches(step, samples) {
            let batch = self.data.batch(samples).expect("data in memory");
            let batch = T::Batch::from_batch(batch, &self.device);
            let loss = self.training.loss(&model, batch).into_value();
            sum += read(&loss);
            // burn averages nothing itself: the mean is taken of the losses.
            let loss = loss.div_scalar(self.spec.batch.accumulation as f64);
            gradients.accumulate(&model, GradientsParams::from_grads(loss.backward(), &model));
        }
        let rate = self.spec.learning_rate_at(step).expect("a declared rate");
        self.model = Some(self.optimizer.step(rate, model, gradients.grads()));
        sum / self.spec.batch.accumulation as f32
    }
}

struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}

fn hyperparameters<T: Training>(spec: &Spec) -> T::Hyper {
    let hyper = serde_json::to_value(&spec.program.hyperparameters);
    hyper.and_then(serde_json::from_value).expect("our own specs are right")
}

fn read(loss: &Tensor<1>) -> f32 {
    loss.clone().into_scalar::<f32>()
}

fn optimizer(spec: &Spec) -> ModuleOptimizer {
    match spec.optimizer {
        OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => AdamWConfig::new()
            .with_beta_1(beta_1 as f32)
            .with_beta_2(beta_2 as f32)
            .with_epsilon(epsilon as f32)
            .with_weight_decay(weight_decay as f32)
            .init(),
        OptimizerSpec::Sgd { momentum, nesterov, weight_decay } => {
            let momentum = MomentumConfig { momentum, dampening: 0.0, nesterov };
            SgdConfig::new()
                .with_momentum(Some(momentum))
                .with_weight_decay(Some(WeightDecayConfig::new(weight_decay as f32)))
                .init()
        }
        OptimizerSpec::Engine { .. } => panic!("these specs have AdamW and SGD"),
    }
}
