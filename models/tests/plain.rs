//! The engine computes what a plain burn loop computes, bit for bit.

mod tiny;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor};
use reenact_burn::{Burn, TensorBatch, Training};
use reenact_core::spec::{OptimizerSpec, Spec};
use reenact_core::steering::{DataOrder, initial_seed, step_seed};
use reenact_core::trainer::Trainer;
use reenact_models::{DigitsCnn, DigitsMlp};
use tiny::{STEPS, setting, spec};

/// Collects the bytes of every parameter and buffer.
#[derive(Default)]
struct Bytes(Vec<Vec<u8>>);

impl ModuleVisitor for Bytes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data().as_bytes().to_vec());
    }
}

fn bytes<M: Module>(model: &M) -> Vec<Vec<u8>> {
    let mut bytes = Bytes::default();
    // Settles running statistics.
    let _ = model.valid();
    model.visit(&mut bytes);
    bytes.0
}

fn optimizer(spec: &Spec) -> ModuleOptimizer {
    match spec.optimizer {
        OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => AdamWConfig::new()
            .with_beta_1(beta_1 as f32)
            .with_beta_2(beta_2 as f32)
            .with_epsilon(epsilon as f32)
            .with_weight_decay(weight_decay as f32)
            .init(),
        OptimizerSpec::Sgd { momentum, nesterov, .. } => {
            let momentum = MomentumConfig { momentum, dampening: 0.0, nesterov };
            SgdConfig::new().with_momentum(Some(momentum)).init()
        }
        OptimizerSpec::Engine { .. } => panic!("these specs have AdamW and SGD"),
    }
}

/// The loop as burn's own documentation writes it.
fn plain<T: Training>(training: &T, spec: &Spec, hyper: &T::Hyper) -> Vec<Vec<u8>> {
    let device = Device::flex().autodiff();
    let data = training.data(hyper, spec, &setting()).unwrap();
    let mut order = DataOrder::new(spec.root_seed, data.len(), &spec.batch).unwrap();
    let mut optimizer = optimizer(spec);
    device.seed(initial_seed(spec.root_seed));
    let mut model = training.model(hyper, &device);
    bytes(&model);
    for step in 0..STEPS {
        device.seed(step_seed(spec.root_seed, step));
        let batch = data.batch(order.samples(step)).unwrap();
        let loss = training.loss(&model, T::Batch::from_batch(batch, &device)).into_value();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(spec.learning_rate_at(step).unwrap(), model, gradients);
    }
    bytes(&model)
}

fn ours<T: Training>(training: T, spec: &Spec) -> Vec<Vec<u8>> {
    let (program, setting) = (Burn::new(training), setting());
    let data = reenact_core::trainer::Program::data(&program, spec, &setting).unwrap();
    let mut trainer = program.trainer(spec, data, &setting).unwrap();
    tiny::run(&mut trainer as &mut dyn Trainer, 0..STEPS);
    bytes(trainer.model().unwrap())
}

// One test: burn has one random stream a process, and the plain loop, unlike
// the engine, does not take turns.
#[test]
fn the_engine_has_the_bits_of_a_plain_loop() {
    let no_decay = OptimizerSpec::Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.0 };
    for optimizer in [tiny::ADAMW, no_decay] {
        let mut mlp = Spec {
            optimizer: optimizer.clone(),
            clipping: None,
            ..spec("digits-mlp", tiny::ADAMW)
        };
        mlp.batch.accumulation = 1;
        let hyper = reenact_models::MlpHyper { hidden: 12, ..Default::default() };
        assert_eq!(ours(DigitsMlp, &mlp), plain(&DigitsMlp, &mlp, &hyper));
        let mut cnn = Spec { optimizer, clipping: None, ..spec("digits-cnn", tiny::ADAMW) };
        cnn.batch.accumulation = 1;
        let hyper = reenact_models::CnnHyper { channels: 2, hidden: 8, ..Default::default() };
        assert_eq!(ours(DigitsCnn, &cnn), plain(&DigitsCnn, &cnn, &hyper));
    }
}
