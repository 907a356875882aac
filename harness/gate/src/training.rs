//! Trainings of the toy program, honest and altered, for the tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact_core::digest::Digest;
use reenact_core::format::{Environment, Event, JournalWriter, StepLayouts};
use reenact_core::in_memory::MemoryFile;
use reenact_core::spec::Spec;
use reenact_core::state::{Layout, StateRoot};
use reenact_core::trainer::{Engine, Program, Request, Setting, Trainer};
use reenact_core::variation::Variation;
use reenact_toy::Toy;

use crate::Evidence;

/// Steps of these trainings.
pub(crate) const STEPS: u64 = 30;

const SPEC: &str = include_str!("../../../replay-specs/toy-plane.toml");

/// Says what a training does otherwise.
#[derive(Clone, Default)]
pub(crate) struct Altered {
    /// A step, and what is done otherwise in it.
    pub(crate) step: Option<(u64, Variation)>,
    /// A tensor whose first element is one ulp more after a step.
    pub(crate) ulp: Option<(u64, &'static str)>,
    /// Whether its bias begins one ulp above.
    pub(crate) start: bool,
}

pub(crate) fn spec() -> Spec {
    Spec::parse(SPEC).unwrap()
}

pub(crate) fn environment() -> Environment {
    let class = [("engine", "toy 1"), (Engine::DEVICE, "cpu")];
    let class = class.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
    Environment {
        engine: Engine { class, notes: BTreeMap::new() },
        reenact: "0".into(),
        rustc: "rustc 1.95.0".into(),
        lock: Digest([5; 32]),
        binary: Digest([2; 32]),
        system: "any".into(),
    }
}

/// Takes the steps, and returns the journal of it with the root of the last state.
pub(crate) fn recorded(altered: &Altered) -> (Vec<u8>, StateRoot) {
    let (spec, setting) = (spec(), Setting::new("cpu", 1));
    let data = Toy.data(&spec, &setting).unwrap();
    let mut trainer = Toy.start(&spec, data, &setting).unwrap();
    if altered.start {
        add_ulp(trainer.as_mut(), 0, "model.bias");
    }
    let (mut writer, mut journal) = JournalWriter::start();
    let mut put = |event: &Event| journal.extend(writer.frame(event).unwrap());
    put(&Event::RunStarted { spec: spec.digest(), environment: environment() });
    put(&Event::Checkpoint { step: 0, root: trainer.capture(0).unwrap().root() });
    let mut layouts: Option<StepLayouts> = None;
    for step in 0..STEPS {
        let ours = altered.step.clone().filter(|(at, _)| *at == step);
        let mut trace = trainer.step(step, &Request::varied(ours.unwrap_or_default().1)).unwrap();
        if let Some((_, name)) = altered.ulp.filter(|(at, _)| *at == step) {
            add_ulp(trainer.as_mut(), step + 1, name);
            trace.state = trainer.capture(step + 1).unwrap().fingerprints();
        }
        let plain = |layout: Arc<Layout>| Arc::unwrap_or_clone(layout);
        let found = StepLayouts {
            state: plain(trainer.layout()),
            gradient: plain(trainer.gradient_layout()),
        };
        if layouts.as_ref() != Some(&found) {
            put(&Event::Layouts(found.clone()));
            layouts = Some(found);
        }
        put(&Event::Step(trace));
    }
    put(&Event::RunInterrupted { step: STEPS });
    (journal, trainer.capture(STEPS).unwrap().root())
}

pub(crate) fn evidence(altered: &Altered) -> Evidence {
    let (journal, last) = recorded(altered);
    Evidence::of_recording(Box::new(MemoryFile::new(journal)), STEPS, last).unwrap()
}

fn add_ulp(trainer: &mut dyn Trainer, step: u64, name: &str) {
    let mut state = trainer.capture(step).unwrap();
    state.tensor_mut(name).unwrap()[0] ^= 1;
    trainer.restore(&state).unwrap();
}
