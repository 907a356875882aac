//! Programs drawn from all that a spec can declare: each is recorded, killed, resumed and
//! replayed bit for bit, and one change that is planted is found in its step.

mod small;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::tanh;
use burn::tensor::{Device, FloatDType, Tensor};
use reenact_burn::{BatchTensors, Burn};
use reenact_core::attack::InRunAttack;
use reenact_core::spec::{
    AverageSpec, BatchPhase, BatchSpec, Clipping, Combination, GroupSpec, Hyperparameter,
    LastBatch, OptimizerSpec, Spec,
};
use reenact_core::spec::{LearningRate, Phase};
use reenact_core::state::DType;
use reenact_core::steering::ChaCha20Rng;
use reenact_core::steering::rand_core::{Rng, SeedableRng};
use reenact_core::trainer::Program;
use reenact_core::verify::{Grade, SegmentOutcome, Verdict};
use small::{Small, audit, record, record_attacked, spec};

#[derive(Module, Debug)]
struct Two {
    first: Linear,
    second: Linear,
}

fn model(device: &Device) -> Two {
    let linear = |input, output| LinearConfig::new(input, output).init(device);
    Two { first: linear(4, 6), second: linear(6, 1) }
}

fn loss(model: &Two, batch: &BatchTensors) -> Tensor<1> {
    let hidden = tanh(model.first.forward(batch.float::<2>("x")));
    (model.second.forward(hidden) - batch.float::<2>("y")).square().mean()
}

struct Dice(ChaCha20Rng);

impl Dice {
    fn number(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.next_u64() % (most - least + 1)
    }

    fn coin(&mut self) -> bool {
        self.number(0, 1) == 1
    }
}

/// Says whether the second layer of a drawn program is of half precision.
fn is_half(case: u64) -> bool {
    case % 3 == 2
}

/// Every optimizer, with constants of its own now and then. Muon takes matrices alone, and of
/// half precision only the first two train.
fn optimizer(dice: &mut Dice, most: u64) -> OptimizerSpec {
    let engine = |kind: &str, constants: &[(&str, Hyperparameter)]| {
        let constants = constants.iter().map(|(key, value)| ((*key).into(), value.clone()));
        OptimizerSpec::Engine { kind: kind.into(), constants: constants.collect() }
    };
    let penalty = || {
        let table = BTreeMap::from([("penalty".to_owned(), Hyperparameter::Real(1e-3))]);
        Hyperparameter::Table(table)
    };
    let (weight_decay, momentum) = (0.01, if dice.coin() { 0.9 } else { 0.0 });
    match dice.number(0, most) {
        0 => OptimizerSpec::AdamW { beta_1: 0.9, beta_2: 0.99, epsilon: 1e-8, weight_decay },
        1 => OptimizerSpec::Sgd { momentum, nesterov: momentum > 0.0, weight_decay },
        2 => engine("adam", &[]),
        3 => {
            engine("adam", &[("weight_decay", penalty()), ("amsgrad", Hyperparameter::Flag(true))])
        }
        4 => engine("cautious-adamw", &[("beta_2", Hyperparameter::Real(0.95))]),
        5 => engine("rmsprop", &[("centered", Hyperparameter::Flag(dice.coin()))]),
        6 => engine("adagrad", &[("lr_decay", Hyperparameter::Real(0.01))]),
        7 => engine("adan", &[]),
        8 => engine("lamb", &[]),
        9 => engine("lion", &[]),
        10 => engine("adafactor", &[("relative_step", Hyperparameter::Flag(false))]),
        _ => engine("muon", &[("ns_steps", Hyperparameter::Integer(3))]),
    }
}

fn rate(dice: &mut Dice) -> LearningRate {
    let phases = vec![
        Phase::Linear { steps: 2, from: 0.001, to: 0.02 },
        Phase::Cosine { steps: 3, from: 0.02, to: 0.005 },
        Phase::Exponential { steps: 2, from: 0.005, factor: 0.9, every: 1 },
        Phase::Noam { steps: 2, factor: 0.1, model_size: 8, warmup_steps: 2 },
    ];
    match dice.number(0, 2) {
        0 => LearningRate::Constant { value: 0.01 },
        1 => LearningRate::WarmupCosine { peak: 0.02, floor: 0.001, warmup_steps: 3 },
        _ => LearningRate::Phases { phases },
    }
}

fn clipping(dice: &mut Dice) -> Option<Clipping> {
    let limit = dice.number(1, 20) as f64 / 20.0;
    match dice.number(0, 3) {
        0 => None,
        1 => Some(Clipping::GlobalNorm { limit }),
        2 => Some(Clipping::TensorNorm { limit }),
        _ => Some(Clipping::Value { limit }),
    }
}

fn drawn(case: u64) -> Spec {
    let (any, of_matrices) = if is_half(case) { (1, 1) } else { (10, 11) };
    let mut dice = Dice(ChaCha20Rng::seed_from_u64(case));
    let mut spec = spec();
    (spec.format, spec.root_seed) = (2, case);
    spec.checkpoint_every = dice.number(1, 5);
    spec.batch = BatchSpec::new(dice.number(3, 9), dice.number(1, 3));
    spec.batch.combination = match dice.number(0, 2) {
        0 => Combination::Mean,
        1 => Combination::Sum,
        _ => Combination::Weighted,
    };
    spec.batch.last = match dice.number(0, 2) {
        0 => LastBatch::Dropped,
        1 => LastBatch::Kept,
        _ => LastBatch::Wrapped,
    };
    if dice.coin() {
        spec.batch.phases = vec![BatchPhase { step_start: 4, size: dice.number(1, 12) }];
    }
    spec.optimizer = optimizer(&mut dice, any);
    spec.learning_rate = rate(&mut dice);
    spec.clipping = clipping(&mut dice);
    if dice.coin() {
        spec.groups.push(GroupSpec {
            pattern: "**.weight".into(),
            learning_rate_factor: dice.number(0, 3) as f64 / 2.0,
            weight_decay: None,
            frozen_until: dice.number(0, 4),
            clipping: clipping(&mut dice),
            optimizer: dice.coin().then(|| optimizer(&mut dice, of_matrices)),
        });
    }
    if dice.coin() {
        let step_start = dice.number(0, 4);
        spec.average = Some(AverageSpec { decay: 0.9, step_start });
    }
    Spec::parse(&spec.canonical()).expect("a drawn spec is one")
}

/// Draws the precision, too: of every third program the second layer is of half precision.
fn with_program<R>(case: u64, act: impl Fn(&dyn Program) -> R) -> R {
    match is_half(case) {
        true => act(&Burn::new(Small { model: half, loss: half_loss })),
        false => act(&Burn::new(Small { model, loss })),
    }
}

#[test]
fn any_program_repeats_and_resumes() {
    for case in 0..96 {
        with_program(case, |program| {
            let spec = drawn(case);
            let run = record(program, &spec, 1, (case % 2 == 0).then_some(1 + case % 8));
            let report = audit(program, &run);
            let verdict = Verdict::Match { grade: Grade::BitExact };
            assert_eq!(report.verdict, verdict, "case {case}\n{}\n{report:?}", spec.canonical());
        });
    }
}

#[test]
fn one_planted_change_is_found_in_its_step() {
    let attacks = ["sign-flip@5", "lr-tamper@5*1.5", "in-run-edit@5"];
    for case in 100..140 {
        let mut spec = drawn(case);
        // A frozen group, or one of rate 0, does not feel a sign or a rate.
        spec.groups.iter_mut().for_each(|group| {
            (group.frozen_until, group.learning_rate_factor) = (0, 1.0);
        });
        let attack: InRunAttack = attacks[case as usize / 3 % attacks.len()].parse().unwrap();
        let report =
            with_program(case, |program| audit(program, &record_attacked(program, &spec, &attack)));
        let context = format!("case {case}, {attack}\n{}", spec.canonical());
        assert_eq!(report.verdict, Verdict::Divergent, "{context}");
        let found = report.segments.iter().find_map(|segment| match &segment.outcome {
            SegmentOutcome::Replayed { replay } => replay.divergence.as_ref(),
            _ => None,
        });
        let step = found.and_then(|found| found.step.as_ref()).map(|step| step.step);
        assert_eq!(step, Some(5), "{context}\n{:?}", report.segments);
    }
}

#[derive(Module, Debug)]
struct Half {
    first: Linear,
    second: Linear,
}

/// The second layer is of half precision, as its author casts it.
fn half(device: &Device) -> Half {
    let Two { first, second } = model(device);
    let mut cast = ToHalf;
    Half { first, second: second.map(&mut cast) }
}

struct ToHalf;

impl ModuleMapper for ToHalf {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let trained = tensor.is_require_grad();
            let tensor = tensor.inner().cast(FloatDType::BF16);
            Tensor::from_inner(tensor).set_require_grad(trained)
        })
    }
}

fn half_loss(model: &Half, batch: &BatchTensors) -> Tensor<1> {
    let hidden = tanh(model.first.forward(batch.float::<2>("x"))).cast(FloatDType::BF16);
    let output = model.second.forward(hidden).cast(FloatDType::F32);
    (output - batch.float::<2>("y")).square().mean()
}

#[test]
fn half_precision_keeps_its_own_type() {
    let program = Burn::new(Small { model: half, loss: half_loss });
    for clipping in [None, Some(Clipping::GlobalNorm { limit: 0.1 })] {
        let mut spec = Spec { clipping, ..spec() };
        spec.format = 2;
        spec.average = Some(AverageSpec { decay: 0.9, step_start: 0 });
        let run = record(&program, &spec, 1, Some(5));
        let report = audit(&program, &run);
        assert_eq!(report.verdict, Verdict::Match { grade: Grade::BitExact }, "{report:?}");
        let layout = small::start(&program, &spec, 1).unwrap().layout();
        let dtype = |name: &str| layout.tensors()[layout.position(name).unwrap()].dtype;
        assert_eq!(dtype("model.second.weight"), DType::Bf16);
        assert_eq!(dtype("average.second.weight"), DType::F32);
    }
}
