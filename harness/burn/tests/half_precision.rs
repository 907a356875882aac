//! Trainings whose own type is half precision. burn has one such type a process, so this is a
//! test binary, and a test, of its own.

mod small;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::tanh;
use burn::tensor::{Device, FloatDType, Tensor};
use reenact_burn::{BatchTensors, Burn};
use reenact_core::spec::{AverageSpec, Clipping, OptimizerSpec, Precision, Spec};
use reenact_core::state::DType;
use reenact_core::verify::{Grade, SegmentOutcome, Verdict};
use small::{Small, audit, record, record_attacked, spec, start};

#[derive(Module, Debug)]
struct Two {
    first: Linear,
    second: Linear,
}

/// Says nothing of a type.
fn model(device: &Device) -> Two {
    let linear = |input, output| LinearConfig::new(input, output).init(device);
    Two { first: linear(4, 6), second: linear(6, 1) }
}

/// The mean is taken in single precision, as its author casts it.
fn loss(model: &Two, batch: &BatchTensors) -> Tensor<1> {
    let hidden = tanh(model.first.forward(batch.float::<2>("x")));
    let error = model.second.forward(hidden) - batch.float::<2>("y");
    error.cast(FloatDType::F32).square().mean()
}

fn half(optimizer: OptimizerSpec) -> Spec {
    let mut spec = spec();
    (spec.format, spec.program.precision, spec.optimizer) = (2, Precision::Bf16, optimizer);
    spec.clipping = Some(Clipping::GlobalNorm { limit: 0.5 });
    spec.average = Some(AverageSpec { decay: 0.9, step_start: 0 });
    Spec::parse(&spec.canonical()).unwrap()
}

#[test]
fn a_training_in_half_precision_is_recorded_resumed_replayed_and_edited() {
    let program = Burn::new(Small { model, loss });
    let momentum = OptimizerSpec::Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.01 };
    let engine = |kind: &str| OptimizerSpec::Engine { kind: kind.into(), constants: [].into() };
    let engines = ["adam", "rmsprop", "adan", "lion"].map(engine);
    for optimizer in [small::ADAMW, momentum].into_iter().chain(engines) {
        let spec = half(optimizer);
        let report = audit(&program, &record(&program, &spec, 1, Some(5)));
        assert_eq!(report.verdict, Verdict::Match { grade: Grade::BitExact }, "{report:?}");

        let layout = start(&program, &spec, 1).unwrap().layout();
        let types = |prefix: &str| -> Vec<DType> {
            let named = layout.tensors().iter().filter(|found| found.name.starts_with(prefix));
            named.map(|found| found.dtype).collect()
        };
        assert_eq!(types("model."), [DType::Bf16; 4], "{layout:?}");
        assert_eq!(types("average."), [DType::F32; 4], "{layout:?}");

        let flipped = record_attacked(&program, &spec, &"sign-flip@5".parse().unwrap());
        let report = audit(&program, &flipped);
        assert_eq!(report.verdict, Verdict::Divergent);
        let found = report.segments.iter().find_map(|segment| match &segment.outcome {
            SegmentOutcome::Replayed { replay } => replay.divergence.as_ref()?.step.as_ref(),
            _ => None,
        });
        assert_eq!(found.map(|step| step.step), Some(5));
    }

    let problem = start(&program, &spec(), 1).err().expect("it is another type").to_string();
    assert!(problem.contains("program.precision` is f32"), "{problem}");
    assert!(problem.contains("command of its own"), "{problem}");
}
