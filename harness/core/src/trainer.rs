//! The seam between reenact and a training engine.
//!
//! A [`Program`] is a model with its data; a [`Trainer`] is one training in
//! progress; a [`Platform`] is what computes, apart from both. The recorder and the
//! replayer drive the same trainer through this trait and never see an engine.
//! `reenact-burn` implements it for burn; the crate `reenact-toy` is the smallest
//! complete implementation.

mod platform;
mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{DataError, DataSet};
use crate::digest::Digest;
use crate::figure::Figures;
use crate::format::KernelSelection;
use crate::spec::Spec;
use crate::state::{Fingerprint, Layout, State};

pub use platform::Platform;
pub use request::{Detail, Request};

/// Says where and how a program runs: everything that is not in the spec.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Device, as the user names it: `cpu`.
    pub device: String,
    /// Threads that the program may use. A replay gives it one, so their number must
    /// not decide the bits.
    pub threads: usize,
    /// Folder in which data sets that do not come with the program lie, and the files
    /// that a spec declares.
    pub data_dir: PathBuf,
    /// Kernels to compute with, ascending, pinned before the training starts; a
    /// fresh recording has none. One that fits no kernel of the engine is left
    /// out: what [`Trainer::selections`] then says is compared with it.
    pub selections: Arc<Vec<KernelSelection>>,
    /// The final state of the recording that the spec starts from, checked against the
    /// commitment that it names.
    pub start: Option<Arc<State>>,
}

impl Setting {
    /// Names a device and the threads of the engine, and nothing else.
    pub fn new(device: impl Into<String>, threads: usize) -> Self {
        Self {
            device: device.into(),
            threads,
            data_dir: PathBuf::new(),
            selections: Arc::default(),
            start: None,
        }
    }
}

/// Trains one kind of model on one kind of data.
pub trait Program: Send + Sync {
    /// Returns the name that a spec uses.
    fn name(&self) -> &str;

    /// Says in one line what it trains on what.
    fn describe(&self) -> String;

    /// Returns what it computes with.
    fn platform(&self) -> &dyn Platform;

    /// Opens the data set that the spec names. The caller compares its digest.
    fn data(&self, spec: &Spec, setting: &Setting) -> Result<Arc<dyn DataSet>, TrainerError>;

    /// Opens the samples that the spec holds out for its validation.
    /// [`Validation::open`](crate::validation::Validation::open) compares them with what is
    /// declared. A program that measures nothing while it trains refuses such a spec; that is
    /// the default.
    fn validation_data(
        &self,
        spec: &Spec,
        _setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError> {
        let name = spec.validation.as_ref().map_or(String::new(), |found| found.data.name.clone());
        let problem = "this program measures nothing while it trains: leave [validation] out";
        Err(TrainerError::Data { name, problem: problem.into() })
    }

    /// Returns the number of parameters that [`Program::start`] would allocate,
    /// without allocating them; none if the program cannot tell. An auditor
    /// compares it with what was recorded before building what a hostile spec
    /// asks for.
    fn parameter_count(
        &self,
        _spec: &Spec,
        _data: &dyn DataSet,
        _setting: &Setting,
    ) -> Result<Option<u64>, TrainerError> {
        Ok(None)
    }

    /// Builds the model with its derived initial weights, ready for step 0.
    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError>;
}

/// Says what computes: part of the recorded environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Facts that decide the bits: backend, its version, processor features.
    /// Where two environments agree in all of them, a replay has to agree bit
    /// for bit.
    pub class: BTreeMap<String, String>,
    /// Facts that do not decide the bits, such as the number of threads.
    pub notes: BTreeMap<String, String>,
}

impl Engine {
    /// Names the class fact that has to be the spec's class of device.
    pub const DEVICE: &str = "device";
    /// Names the class fact that is the version of the device's driver.
    pub const DRIVER: &str = "driver";
    /// Names the note that is the device's serial number, which no two have.
    pub const SERIAL: &str = "serial";
}

/// Says what one step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTrace {
    /// Number of the step; the first is 0.
    pub step: u64,
    /// Digest of the sample numbers ([`crate::data::samples_digest`]).
    pub samples: Digest,
    /// Digest of the batch bytes ([`crate::data::Batch::digest_step`]).
    pub batch: Digest,
    /// Bits of the learning rate, an `f64`.
    pub learning_rate_bits: u64,
    /// Bits of the mean loss over the micro-batches, an `f32`.
    pub loss_bits: u32,
    /// Fingerprint of the gradient of each parameter, averaged over the
    /// micro-batches, before clipping; in the order of the gradient layout.
    pub gradient: Vec<Fingerprint>,
    /// Fingerprint of each tensor of the state after the step, in the order of
    /// the state's layout.
    pub state: Vec<Fingerprint>,
    /// What was launched, on a device whose kernels are compiled and fused while it runs;
    /// none elsewhere, and of a step in which kernels were chosen by measuring.
    #[serde(skip)]
    pub launches: Option<Launches>,
    /// What the model achieves after the update on the samples that are held out, where the
    /// spec has it measured after this step
    /// ([`Validation::is_due`](crate::validation::Validation::is_due)); none elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Figures>,
}

/// Says which kernels a step launched. What is fused into one kernel decides bits where a
/// device contracts a product and a sum, so the same training launches the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launches {
    /// How many.
    pub count: u32,
    /// Digest of the kernels in their order, with the shapes of what each computes.
    pub digest: Digest,
}

impl StepTrace {
    /// Returns the learning rate.
    pub fn learning_rate(&self) -> f64 {
        f64::from_bits(self.learning_rate_bits)
    }

    /// Returns the loss.
    pub fn loss(&self) -> f32 {
        f32::from_bits(self.loss_bits)
    }

    /// Leaves the digests and fingerprints out, as [`Detail::Loss`] asks.
    pub fn loss_alone(self) -> Self {
        let (samples, batch) = Default::default();
        Self { samples, batch, gradient: Vec::new(), state: Vec::new(), launches: None, ..self }
    }
}

/// Holds one figure of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What it measures, with its unit last (`loss_nats`).
    pub name: String,
    /// The figure.
    pub value: f64,
}

/// Trains, one step at a time.
pub trait Trainer {
    /// Returns the names of the state's tensors as it stands. It may change
    /// with a step: most optimizers have no moments before their first.
    fn layout(&self) -> Arc<Layout>;

    /// Returns the names of the parameters that gradients are reported for.
    fn gradient_layout(&self) -> Arc<Layout>;

    /// Returns the learning rate that is declared for `step`.
    fn learning_rate(&self, step: u64) -> f64;

    /// Says whether the program promises that its initial state depends on nothing
    /// but the spec with the data and files that it declares by digest. Only then
    /// another initial state is held against a recording: what a program reads beyond
    /// that may be another on the auditor's machine. By default it does not.
    fn declares_inputs(&self) -> bool {
        false
    }

    /// Takes `step` with the learning rate, samples and random stream that are derived for
    /// it, but for what the request asks to be done otherwise. The trace says what was
    /// recorded then: the declared learning rate, and everything else as it was.
    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError>;

    /// Copies the whole state, to be the opening state of step `step`. Holds
    /// that number as the tensor `run.step`.
    fn capture(&mut self, step: u64) -> Result<State, TrainerError>;

    /// Puts the trainer into a captured state.
    ///
    /// # Errors
    /// [`TrainerError::Restore`] if it is the state of another model; the
    /// state may come from a hostile file.
    fn restore(&mut self, state: &State) -> Result<(), TrainerError>;

    /// Returns every kernel that was chosen or pinned so far, ascending; none
    /// if the engine leaves nothing to be chosen. It is asked after every step,
    /// so that a choice is recorded in front of the first step that it decided.
    fn selections(&mut self) -> Result<Vec<KernelSelection>, TrainerError> {
        Ok(Vec::new())
    }

    /// Says whether a training that is restored between two checkpoints goes on as
    /// one that was not. Where kernels are chosen by how tensors lie in memory it
    /// does not: a replay of the segment restores nothing there.
    fn resumes_anywhere(&self) -> bool {
        true
    }

    /// Measures the model on what the program holds out for it. Changes
    /// nothing that a further step would see.
    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError>;
}

/// Says why a program cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// The program does not know this hyperparameter or its value.
    #[error("`program.hyperparameters`: {0}")]
    Hyperparameter(String),
    /// The data set cannot be opened.
    #[error("data set `{name}`: {problem}")]
    Data {
        /// Name of the data set.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Samples cannot be read.
    #[error("the samples of step {step} cannot be read: {problem}")]
    Samples {
        /// The step.
        step: u64,
        /// What is wrong and what to do.
        problem: DataError,
    },
    /// The device does not exist or cannot be used.
    #[error("device `{name}`: {problem}")]
    Device {
        /// Name of the device.
        name: String,
        /// What is wrong and which devices there are.
        problem: String,
    },
    /// A state does not fit the model.
    #[error("the state does not fit the program: {0}")]
    Restore(String),
    /// A file that the spec declares is not there or is another.
    #[error("file `{name}`: {problem}")]
    File {
        /// Its name in the spec.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The program's own code does what it must not, or panics.
    #[error("the training program has a mistake, {during}: {problem}")]
    Program {
        /// What it was doing.
        during: String,
        /// What is wrong.
        problem: String,
    },
    /// The attack cannot be planted into this program.
    #[error("attack `{0}` has no place in this program")]
    Attack(String),
    /// The attack acts at no step of the run, or beyond its end.
    #[error(
        "attack `{attack}` does not lie within the run: its steps are 0 to {last}, and a range \
         FIRST..END ends before END"
    )]
    AttackSteps {
        /// The attack.
        attack: String,
        /// The last step of the run.
        last: u64,
    },
    /// The engine failed.
    #[error("the engine failed {during}: {problem}")]
    Engine {
        /// What it was doing: `at step 7`, `while it built the model`.
        during: String,
        /// What it said.
        problem: String,
    },
}

impl TrainerError {
    /// Says that the engine failed, and what it was doing: `at step 7`.
    pub fn engine(during: impl Into<String>, problem: impl ToString) -> Self {
        Self::Engine { during: during.into(), problem: problem.to_string() }
    }
}
