//! Small programs of any shape, recorded and audited in memory.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use reenact_burn::{BatchTensors, Column, Files, InMemory, Loss, Training};
use reenact_core::attack::{self, InRunAttack};
use reenact_core::data::DataSet;
use reenact_core::digest::Digest;
use reenact_core::format::{Environment, ReadRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::Recorder;
use reenact_core::spec::LearningRate;
use reenact_core::spec::{OptimizerSpec, Spec};
use reenact_core::state::DType;
use reenact_core::trainer::{Program, Setting, Trainer, TrainerError};
use reenact_core::verify::{
    Evidence, Examination, Recording, Report, SegmentOutcome, SegmentReport, examine, replay,
};

/// A program made of two functions.
pub struct Small<M> {
    pub model: fn(&Device) -> M,
    pub loss: fn(&M, &BatchTensors) -> Tensor<1>,
}

#[derive(Clone, serde::Deserialize)]
pub struct Hyper {}

impl<M: Module + 'static> Training for Small<M> {
    type Model = M;
    type Batch = BatchTensors;
    type Hyper = Hyper;

    fn name(&self) -> &str {
        "small"
    }

    fn describe(&self) -> String {
        "a program of a test".into()
    }

    fn data(&self, _: &Hyper, _: &Spec, _: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let numbers = |count: u32| (0..count).map(|i| (i * 7919 % 2003) as f32 / 1001.5 - 1.0);
        let bytes = |count| numbers(count).flat_map(f32::to_le_bytes).collect();
        let column =
            |name, shape, bytes| Column { name, dtype: DType::F32, shape: vec![shape], bytes };
        let columns = vec![column("x", 4, bytes(256)), column("y", 1, bytes(64))];
        Ok(Arc::new(InMemory::new(columns).unwrap()))
    }

    fn model(&self, _: &Hyper, device: &Device) -> M {
        (self.model)(device)
    }

    fn load(&self, _: &Hyper, model: M, _: &Files) -> Result<M, String> {
        Ok(model)
    }

    fn declares_inputs(&self) -> bool {
        true
    }

    fn loss(&self, model: &M, batch: BatchTensors) -> Loss {
        (self.loss)(model, &batch).into()
    }
}

pub const ADAMW: OptimizerSpec =
    OptimizerSpec::AdamW { beta_1: 0.9, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.02 };

/// Nine steps in segments of two.
pub fn spec() -> Spec {
    let text = include_str!("../../../../replay-specs/toy-plane.toml");
    let mut spec = Spec::parse(text).unwrap();
    spec.program.name = "small".into();
    (spec.steps, spec.checkpoint_every) = (9, 2);
    (spec.batch.size, spec.batch.accumulation) = (8, 2);
    spec.optimizer = ADAMW;
    spec.learning_rate = LearningRate::Constant { value: 0.05 };
    spec
}

pub fn start(
    program: &dyn Program,
    spec: &Spec,
    threads: usize,
) -> Result<Box<dyn Trainer>, TrainerError> {
    let setting = Setting::new("cpu", threads);
    let data = program.data(spec, &setting)?;
    program.start(spec, data, &setting)
}

fn environment(program: &dyn Program) -> Environment {
    Environment {
        engine: program.platform().engine(&Setting::new("cpu", 1)).unwrap(),
        reenact: "0".into(),
        rustc: "0".into(),
        lock: Digest([1; 32]),
        binary: Digest([2; 32]),
        system: "any".into(),
    }
}

/// Records a whole run; one that is killed before `killed_step` and resumed.
pub fn record(
    program: &dyn Program,
    spec: &Spec,
    threads: usize,
    killed_step: Option<u64>,
) -> MemoryRun {
    let mut run = MemoryRun::default();
    let begun = start(program, spec, threads).unwrap();
    let mut recorder =
        Recorder::start(&mut run, spec.clone(), begun, environment(program)).unwrap();
    while !recorder.is_done() && Some(recorder.next_step()) != killed_step {
        recorder.advance().unwrap();
    }
    if killed_step.is_some() {
        drop(recorder);
        let again = start(program, spec, threads).unwrap();
        let environment = environment(program);
        recorder = Recorder::resume(&mut run, spec.clone(), again, environment).unwrap();
        while !recorder.is_done() {
            recorder.advance().unwrap();
        }
    }
    recorder.finish().unwrap();
    run
}

/// Records a whole run into which an attack is planted.
pub fn record_attacked(program: &dyn Program, spec: &Spec, attack: &InRunAttack) -> MemoryRun {
    let mut run = MemoryRun::default();
    let setting = Setting::new("cpu", 1);
    let data = program.data(spec, &setting).unwrap();
    let begun = attack::start(program, spec, data, &setting, Some(attack)).unwrap();
    let mut recorder =
        Recorder::start(&mut run, spec.clone(), begun, environment(program)).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
    run
}

/// Audits every segment, each with a new trainer.
pub fn audit(program: &dyn Program, run: &MemoryRun) -> Report {
    let Examination { findings, recording, vouched, .. } = examine(run, &mut |_, _| ());
    let recording = recording.unwrap_or_else(|| panic!("{findings:?}"));
    let indices = 0..recording.segment_count();
    let reports = indices.map(|index| one(program, &recording, index)).collect();
    let auditor = environment(program);
    Report::conclude(Evidence {
        recording: Some(&recording),
        findings,
        segments: reports,
        ..Evidence::new(run.place(), vouched, auditor)
    })
}

fn one(program: &dyn Program, recording: &Recording<'_>, index: u64) -> SegmentReport {
    let mut trainer = start(program, &recording.spec, 1).unwrap();
    let segment = recording.segment(index);
    let replay = replay(recording, trainer.as_mut(), segment, &mut |_| ()).unwrap();
    let outcome = SegmentOutcome::Replayed { replay: Box::new(replay) };
    SegmentReport::new(segment, outcome)
}
