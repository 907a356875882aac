//! Every spec has one text, from which it is read back.

mod common;

use std::collections::BTreeMap;

use common::spec;
use proptest::prelude::*;
use reenact_core::digest::Digest;
use reenact_core::spec::{
    AverageSpec, BatchPhase, BatchSpec, Cadence, Clipping, Combination, DataSpec, GroupSpec,
    Hyperparameter, LastBatch, NamedCadence, OptimizerSpec, Precision, STEPS_MAX, Spec, StartSpec,
    ValidationSpec,
};
use reenact_core::spec::{LearningRate, Phase};

fn hyperparameter() -> impl Strategy<Value = Hyperparameter> {
    let real = any::<f64>().prop_filter("finite", |value| value.is_finite());
    prop_oneof![
        any::<bool>().prop_map(Hyperparameter::Flag),
        any::<i64>().prop_map(Hyperparameter::Integer),
        real.prop_map(Hyperparameter::Real),
        "[a-zA-Z0-9_.-]{1,64}".prop_map(Hyperparameter::Text),
    ]
}

fn nested() -> impl Strategy<Value = Hyperparameter> {
    hyperparameter().prop_recursive(6, 24, 4, |inner| {
        let table = prop::collection::btree_map("[a-z0-9_.-]{1,6}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Hyperparameter::List),
            table.prop_map(Hyperparameter::Table),
        ]
    })
}

fn named() -> impl Strategy<Value = BTreeMap<String, Hyperparameter>> {
    prop::collection::btree_map("[a-z][a-z0-9_.-]{0,9}", nested(), 0..4)
}

fn phase() -> impl Strategy<Value = Phase> {
    let (steps, rate) = (|| 1..=STEPS_MAX, || 0f64..1e300);
    prop_oneof![
        (steps(), rate()).prop_map(|(steps, value)| Phase::Constant { steps, value }),
        (steps(), rate(), rate()).prop_map(|(steps, from, to)| Phase::Linear { steps, from, to }),
        (steps(), rate(), rate()).prop_map(|(steps, from, to)| Phase::Cosine { steps, from, to }),
        (steps(), rate(), 1e-300f64..=1.0, steps()).prop_map(|(steps, from, factor, every)| {
            Phase::Exponential { steps, from, factor, every }
        }),
        (steps(), 1e-300f64..1e300, steps(), steps()).prop_map(
            |(steps, factor, model_size, warmup_steps)| {
                Phase::Noam { steps, factor, model_size, warmup_steps }
            }
        ),
    ]
}

fn batch() -> impl Strategy<Value = BatchSpec> {
    use Combination::{Mean, Sum, Weighted};
    let combination = prop::sample::select(vec![Mean, Sum, Weighted]);
    let last = vec![LastBatch::Dropped, LastBatch::Kept, LastBatch::Wrapped];
    let last = prop::sample::select(last);
    let phases = prop::collection::btree_map(1..=STEPS_MAX, 1u64..=16, 0..4);
    (1u64..=16, 1u64..=4, combination, last, phases).prop_map(
        |(size, accumulation, combination, last, phases)| {
            let phase = |(step_start, size)| BatchPhase { step_start, size };
            let phases = phases.into_iter().map(phase).collect();
            BatchSpec { size, accumulation, combination, last, phases }
        },
    )
}

fn optimizer() -> impl Strategy<Value = OptimizerSpec> {
    let sgd =
        (0f64..1.0, any::<bool>(), 0f64..1e300).prop_map(|(momentum, nesterov, weight_decay)| {
            OptimizerSpec::Sgd { momentum, nesterov, weight_decay }
        });
    let engine = ("[b-z][a-zA-Z0-9_.-]{0,9}x", named());
    let engine = engine.prop_map(|(kind, mut constants)| {
        constants.remove("kind");
        OptimizerSpec::Engine { kind, constants }
    });
    prop_oneof![sgd, engine]
}

fn clipping() -> impl Strategy<Value = Clipping> {
    prop_oneof![
        (1e-300f64..1e300).prop_map(|limit| Clipping::GlobalNorm { limit }),
        (1e-300f64..1e300).prop_map(|limit| Clipping::TensorNorm { limit }),
        (1e-300f64..1e300).prop_map(|limit| Clipping::Value { limit }),
    ]
}

fn group() -> impl Strategy<Value = GroupSpec> {
    let name = "[*]{1,2}|[a-zA-Z0-9_-]{1,6}[*]?[a-z]{0,3}";
    let pattern = prop::collection::vec(name, 1..5).prop_map(|names| names.join("."));
    let (decay, clipping) = (prop::option::of(0f64..1e300), prop::option::of(clipping()));
    let optimizer = prop::option::of(optimizer());
    (pattern, 0f64..1e300, decay, 0..=STEPS_MAX, clipping, optimizer).prop_map(
        |(pattern, learning_rate_factor, weight_decay, frozen_until, clipping, optimizer)| {
            GroupSpec {
                pattern,
                learning_rate_factor,
                weight_decay,
                frozen_until,
                clipping,
                optimizer,
            }
        },
    )
}

fn validation() -> impl Strategy<Value = ValidationSpec> {
    let every = prop_oneof![
        (1..=STEPS_MAX).prop_map(Cadence::Steps),
        Just(Cadence::Named(NamedCadence::Epoch)),
    ];
    let data = |samples| DataSpec {
        name: "held-out".into(),
        samples,
        digest: None,
        files: vec!["a.bin".into()],
    };
    (every, 1u64..=1 << 20, 1u64..=u64::from(u32::MAX)).prop_map(
        move |(every, batch_size, samples)| ValidationSpec {
            every,
            batch_size,
            data: data(samples),
        },
    )
}

proptest! {
    #[test]
    fn a_spec_of_format_2_survives_its_canonical_text(
        (hyperparameters, optimizer) in (named(), optimizer()),
        phases in prop::collection::vec(phase(), 1..4),
        (batch, groups) in (batch(), prop::collection::vec(group(), 0..4)),
        clipping in prop::option::of(clipping()),
        average in prop::option::of((0f64..1.0, 0..=STEPS_MAX)),
        validation in prop::option::of(validation()),
        precision in prop::sample::select(vec![Precision::F32, Precision::Bf16, Precision::F16]),
    ) {
        let mut spec = spec();
        spec.format = 2;
        (spec.program.hyperparameters, spec.program.precision) = (hyperparameters, precision);
        (spec.optimizer, spec.batch, spec.groups, spec.clipping) =
            (optimizer, batch, groups, clipping);
        spec.learning_rate = LearningRate::Phases { phases };
        spec.average = average.map(|(decay, step_start)| AverageSpec { decay, step_start });
        spec.validation = validation;
        spec.files.insert("a.bin".into(), Digest([1; 32]));
        let start = StartSpec { recording: "base".into(), commitment: Digest([2; 32]) };
        spec.start = spec.average.map(|_| start);
        let text = spec.canonical();
        let read = Spec::parse(&text).unwrap();
        prop_assert_eq!(&read, &spec);
        prop_assert_eq!(read.canonical(), text);
        prop_assert!(spec.differences(&read).is_empty());
        let mut order = read.data_order().unwrap();
        for step in [0, 1, STEPS_MAX - 1] {
            let rate = read.learning_rate_at(step).unwrap();
            prop_assert!(rate >= 0.0 && rate.is_finite(), "{}", rate);
            let samples = order.samples(step);
            prop_assert!(!samples.is_empty() && samples.iter().all(|&sample| sample < 64));
        }
        for phase in &read.batch.phases {
            prop_assert!(!order.samples(phase.step_start).is_empty());
        }
    }

    #[test]
    fn a_spec_survives_its_canonical_text(
        seed in 0..=i64::MAX as u64,
        hyperparameters in
            prop::collection::btree_map("[a-z][a-z0-9_.-]{0,9}", hyperparameter(), 0..4),
        (peak, floor) in (1e-300f64..1e300, 0f64..1e-300),
    ) {
        let mut spec = spec();
        (spec.root_seed, spec.program.hyperparameters) = (seed, hyperparameters);
        spec.learning_rate =
            LearningRate::WarmupCosine { peak, floor, warmup_steps: 3 };
        let text = spec.canonical();
        let read = Spec::parse(&text).unwrap();
        prop_assert_eq!(&read, &spec);
        prop_assert_eq!(read.canonical(), text);
    }
}
