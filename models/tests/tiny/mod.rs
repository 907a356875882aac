//! Tiny runs of every program, for the tests of the engine.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use reenact_core::attack::InRunAttack;
use reenact_core::spec::{Hyperparameter, OptimizerSpec, Spec};
use reenact_core::state::State;
use reenact_core::trainer::{Program, Request, Setting, StepTrace, Trainer, TrainerError};

pub const STEPS: u64 = 8;

pub const ADAMW: OptimizerSpec =
    OptimizerSpec::AdamW { beta_1: 0.9, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.02 };
pub const SGD: OptimizerSpec =
    OptimizerSpec::Sgd { momentum: 0.9, nesterov: true, weight_decay: 1e-3 };

/// The three programs, small, with both optimizers.
pub fn specs() -> Vec<Spec> {
    let programs = reenact_models::SPECS.iter().map(|(_, text)| tiny(text));
    let with = |optimizer: OptimizerSpec| move |spec: &Spec| Spec { optimizer, ..spec.clone() };
    programs.flat_map(|spec| [with(ADAMW)(&spec), with(SGD)(&spec)]).collect()
}

pub fn spec(name: &str, optimizer: OptimizerSpec) -> Spec {
    let matching = |spec: &Spec| spec.name == name && spec.optimizer == optimizer;
    specs().into_iter().find(matching).unwrap()
}

fn tiny(text: &str) -> Spec {
    let mut spec = Spec::parse(text).unwrap();
    let sizes: &[(&str, i64)] = match spec.name.as_str() {
        "digits-mlp" => &[("hidden", 12)],
        "digits-cnn" => &[("channels", 2), ("hidden", 8)],
        _ => &[("layers", 1), ("heads", 2), ("width", 8), ("context", 8)],
    };
    for (name, size) in sizes {
        spec.program.hyperparameters.insert((*name).into(), Hyperparameter::Integer(*size));
    }
    spec.batch.size = 6;
    spec.steps = STEPS;
    spec.checkpoint_every = 3;
    spec.learning_rate = reenact_core::spec::LearningRate::WarmupCosine {
        peak: 0.02,
        floor: 0.001,
        warmup_steps: 2,
    };
    spec
}

pub fn setting() -> Setting {
    Setting::new("cpu", 1)
}

pub fn program(spec: &Spec) -> Box<dyn Program> {
    let mut programs = reenact_models::programs().into_iter();
    programs.find(|program| program.name() == spec.program.name).unwrap()
}

pub fn start(spec: &Spec) -> Box<dyn Trainer> {
    try_start(spec, &setting()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn start_attacked(spec: &Spec, attack: &str) -> Result<Box<dyn Trainer>, TrainerError> {
    let attack: InRunAttack = attack.parse().unwrap();
    started(spec, &setting(), Some(&attack))
}

pub fn try_start(spec: &Spec, setting: &Setting) -> Result<Box<dyn Trainer>, TrainerError> {
    started(spec, setting, None)
}

fn started(
    spec: &Spec,
    setting: &Setting,
    attack: Option<&InRunAttack>,
) -> Result<Box<dyn Trainer>, TrainerError> {
    let program = program(spec);
    let data = program.data(spec, setting)?;
    reenact_core::attack::start(program.as_ref(), spec, data, setting, attack)
}

/// Takes steps and returns what they recorded.
pub fn run(trainer: &mut dyn Trainer, steps: std::ops::Range<u64>) -> Vec<StepTrace> {
    steps.map(|step| trainer.step(step, &Request::default()).unwrap()).collect()
}

/// Trains from the start to the end; returns the traces and the last state.
pub fn whole(trainer: &mut dyn Trainer) -> (Vec<StepTrace>, State) {
    let traces = run(trainer, 0..STEPS);
    (traces, trainer.capture(STEPS).unwrap())
}
