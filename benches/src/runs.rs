//! The runs that are measured.

use std::path::Path;
use std::sync::Arc;

use reenact_burn::{Burn, BurnTrainer, Training};
use reenact_core::data::DataSet;
use reenact_core::digest::Digest;
use reenact_core::format::Environment;
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Program, Setting, Trainer, TrainerError};
use reenact_core::wrapper::Wrapper;
use reenact_store::Directory;

/// Parses a spec that comes with the models.
pub fn spec(name: &str) -> Spec {
    let found = reenact_models::SPECS.iter().find(|(known, _)| *known == name);
    Spec::parse(found.expect("the spec is known").1).expect("our own specs parse")
}

/// Shortens a spec to its first segments. The cadence stays.
pub fn first_segments(spec: Spec, segments: u64) -> Spec {
    Spec { steps: segments * spec.checkpoint_every, ..spec }
}

/// Says which models are measured.
#[derive(Clone, Debug, Default)]
pub struct Wanted(pub Option<String>);

impl Wanted {
    /// Says whether a model is measured.
    pub fn takes(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|only| only == name)
    }

    /// Measures each wanted model, in the order perceptron, CNN, GPT.
    pub fn of_each<R>(&self, measures: [&dyn Fn() -> R; 3]) -> Vec<R> {
        let known = ["digits-mlp", "digits-cnn", "cicero-gpt"].into_iter().zip(measures);
        let wanted = known.filter(|(name, _)| self.takes(name));
        wanted.map(|(_, measure)| measure()).collect()
    }
}

/// A training that can be started again and again.
pub struct Run<T> {
    /// The spec.
    pub spec: Spec,
    program: Burn<T>,
    data: Arc<dyn DataSet>,
    setting: Setting,
}

impl<T: Training> Run<T> {
    /// Prepares a training with this many threads.
    pub fn new(training: T, spec: Spec, threads: usize) -> Self {
        let setting = Setting::new("cpu", threads);
        let program = Burn::new(training);
        let data = program.data(&spec, &setting).expect("the data come with the models");
        Self { spec, program, data, setting }
    }

    /// Starts a trainer.
    pub fn start(&self) -> BurnTrainer<T> {
        let trainer = self.program.trainer(&self.spec, self.data.clone(), &self.setting);
        trainer.expect("the model starts")
    }

    /// Returns the data set.
    pub fn data(&self) -> &dyn DataSet {
        self.data.as_ref()
    }

    /// Starts a recording.
    pub fn recorder<'a>(&self, store: &'a mut Directory, trainer: BurnTrainer<T>) -> Recorder<'a> {
        let trainer = Box::new(Unevaluated(trainer));
        Recorder::start(store, self.spec.clone(), trainer, self.environment())
            .expect("the recording starts")
    }

    /// Records the whole run into a folder.
    pub fn record(&self, folder: &Path) {
        let mut store = Directory::create(folder).expect("the folder is new");
        let mut recorder = self.recorder(&mut store, self.start());
        while !recorder.is_done() {
            recorder.advance().expect("the step is recorded");
        }
        recorder.finish().expect("the recording ends");
    }

    fn environment(&self) -> Environment {
        Environment {
            engine: self.program.platform().engine(&self.setting).expect("the device exists"),
            reenact: env!("CARGO_PKG_VERSION").into(),
            rustc: String::new(),
            lock: Digest::default(),
            binary: Digest::default(),
            system: std::env::consts::OS.into(),
        }
    }
}

/// Leaves the evaluation out, which a training without a recorder ends in, too.
struct Unevaluated<T>(T);

impl<T: Trainer> Wrapper for Unevaluated<T> {
    fn inner(&self) -> &dyn Trainer {
        &self.0
    }

    fn inner_mut(&mut self) -> &mut dyn Trainer {
        &mut self.0
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        Ok(Vec::new())
    }
}
