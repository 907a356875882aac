//! The seam between reenact and a training engine.
//!
//! A [`Program`] is a model with its data; a [`Trainer`] is one training in
//! progress; a [`Platform`] is what computes, apart from both. The recorder and the
//! replayer drive the same trainer through this trait and never see an engine.
//! `reenact-burn` implements it for burn; the crate `reenact-toy` is the smallest
//! complete implementation.

mod platform;
mod request;

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::{DataError, DataSet};
use crate::format::KernelSelection;
use crate::spec::{Precision, Spec};
use crate::state::{Layout, State};

pub use crate::machine::Engine;
pub use crate::trace::{Launches, Metric, StepTrace};
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
    /// What the spec says of it: an engine may have to know before it is asked what it is.
    pub precision: Precision,
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
            precision: Precision::F32,
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
