//! Any text as a spec: what is read has one canonical text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_fuzz::{honest, seeds};

/// Every option that the toy's spec does not use.
const OTHER: &str = r#"
program.hyperparameters = { a = true, b = -1, c = 0.5, d = "x" }
batch = { size = 4, accumulation = 2 }
optimizer = { kind = "adamw", beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8, weight_decay = 0.0 }
clipping = { kind = "global-norm", limit = 1.0 }
clipping = { kind = "value", limit = 1 }
learning_rate = { kind = "warmup-cosine", peak = 3e-3, floor = 0.0, warmup_steps = 2 }
sampling = { kind = "confidence", confidence = 0.9, tampered = 2 }
sampling = { kind = "count", segments = 3 }
"#;

/// A spec of format 2 that has every key.
const EVERYTHING: &str = include_str!("../../reference/everything.toml");

/// Limits the samples of a step that are drawn: a million take longer than an input may.
const SAMPLES_MAX: u64 = 1 << 12;

/// Limits a message: no input is quoted at length.
const MESSAGE_BYTES_MAX: usize = 1 << 15;

/// The toy's spec, and the same with each option in its place.
fn texts() -> Vec<Vec<u8>> {
    let honest = honest::spec().canonical();
    let mut texts = vec![honest.clone(), honest::TOY_PLANE.into(), EVERYTHING.into()];
    for line in OTHER.lines().filter(|line| !line.is_empty()) {
        let table = line.split([' ', '.']).next().unwrap_or_default();
        let kept = honest.split("\n[").filter(|part| !part.starts_with(&format!("{table}]")));
        let kept = kept.collect::<Vec<_>>().join("\n[");
        let program = (table == "program").then_some("program.name = \"toy-plane\"\n");
        texts.push(format!("{}{line}\n{kept}", program.unwrap_or_default()));
    }
    texts.into_iter().map(String::into_bytes).collect()
}

fuzz_target!(
    init: {
        let texts = texts();
        let read = |text: &Vec<u8>| std::str::from_utf8(text).is_ok_and(|t| Spec::parse(t).is_ok());
        assert!(texts.iter().all(read), "a seed is no spec");
        seeds::write(texts);
    },
    |data: &[u8]| {
        let Ok(text) = std::str::from_utf8(data) else { return };
        let spec = match Spec::parse(text) {
            Ok(spec) => spec,
            Err(error) => return assert!(error.to_string().len() < MESSAGE_BYTES_MAX),
        };
        let canonical = spec.canonical();
        assert_eq!(spec.stored().is_ok(), canonical.len() <= SPEC_BYTES_MAX);
        let again = Spec::parse(&canonical).expect("its canonical text is a spec");
        assert_eq!(again, spec);
        assert_eq!(again.canonical(), canonical);
        assert_eq!(spec.boundaries().next(), Some(0));
        assert!(spec.differences(&again).is_empty());
        steer(&spec);
    }
);

/// Derives rates everywhere, and samples at steps that are reached in no time.
fn steer(spec: &Spec) {
    let changes = spec.batch.phases.iter().map(|phase| phase.step_start);
    for step in [0, 1, spec.steps - 1].into_iter().chain(changes.clone()) {
        if let Some(rate) = spec.learning_rate_at(step.min(spec.steps - 1)) {
            assert!(rate >= 0.0 && rate.is_finite());
        }
    }
    let few = spec.batch.samples_per_step_max() <= SAMPLES_MAX && spec.data.samples <= SAMPLES_MAX;
    if !few {
        return;
    }
    let mut order = spec.data_order().expect("a spec that is read has an order");
    for step in [0, 1, spec.steps - 1].into_iter().chain(changes) {
        let samples = order.samples(step);
        assert!(!samples.is_empty() && samples.iter().all(|&n| u64::from(n) < spec.data.samples));
    }
}
