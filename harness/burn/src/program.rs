//! A training as a program that reenact can record and replay.

use std::sync::Arc;

use burn::module::Module;
use reenact_core::data::DataSet;
use reenact_core::guard::guard;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Platform, Program, Setting, Trainer, TrainerError};
use reenact_core::validation::Validation;

use crate::{BurnPlatform, BurnTrainer, Files, Training, device};

/// Makes a [`Program`] of a [`Training`].
#[derive(Clone, Debug)]
pub struct Burn<T>(Arc<T>);

impl<T: Training> Burn<T> {
    /// Wraps a training.
    pub fn new(training: T) -> Self {
        Self(Arc::new(training))
    }

    /// Starts a trainer of the concrete type; [`Program::start`] gives the same
    /// behind the trait.
    pub fn trainer(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<BurnTrainer<T>, TrainerError> {
        let validation = Validation::open(self, spec, setting)?;
        BurnTrainer::start(self.0.clone(), spec, data, setting, validation)
    }
}

impl<T: Training> Program for Burn<T> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn platform(&self) -> &dyn Platform {
        &BurnPlatform
    }

    fn data(&self, spec: &Spec, setting: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let settled = device::settle_processor(setting, spec.program.precision);
        let hyper = hyperparameters::<T>(spec)?;
        // What is not there is said before anything is trained.
        Files::open(spec, setting)?;
        let data = own("while it opened its data", || self.0.data(&hyper, spec, setting))??;
        settled_for(data, settled)
    }

    fn validation_data(
        &self,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError> {
        let settled = device::settle_processor(setting, spec.program.precision);
        let hyper = hyperparameters::<T>(spec)?;
        let open = || self.0.held_out(&hyper, spec, setting);
        let data = own("while it opened its held-out data", open)??;
        let data = data.ok_or_else(|| TrainerError::Data {
            name: spec.validation.as_ref().map_or(String::new(), |found| found.data.name.clone()),
            problem: "this program holds nothing out: leave [validation] out, or implement \
                      `held_out` and `evaluate`"
                .into(),
        })?;
        settled_for(data, settled)
    }

    fn parameter_count(
        &self,
        spec: &Spec,
        data: &dyn DataSet,
        setting: &Setting,
    ) -> Result<Option<u64>, TrainerError> {
        let hyper = hyperparameters::<T>(spec)?;
        let devices = device::open(setting, spec.program.precision)?;
        check(self.0.as_ref(), &hyper, data)?;
        // burn draws parameters when they are first used, and not before.
        let build = || self.0.model(&hyper, &devices.training).num_params() as u64;
        devices.train(BUILDING, || own(BUILDING, build)).map(Some)
    }

    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError> {
        Ok(Box::new(self.trainer(spec, data, setting)?))
    }
}

/// Gives the data of a process in which burn's own type is that of the spec, or may be another
/// one as the batches do not depend on it: a night audits runs of any.
fn settled_for(
    data: Arc<dyn DataSet>,
    settled: Result<(), TrainerError>,
) -> Result<Arc<dyn DataSet>, TrainerError> {
    if data.is_made_by_engine() {
        settled?;
    }
    Ok(data)
}

/// Says what a program does that builds its model.
pub(crate) const BUILDING: &str = "while it built the model";
pub(crate) const CAPTURING: &str = "while its state was taken";
pub(crate) const RESTORING: &str = "while its state was restored";
pub(crate) const EVALUATING: &str = "while it evaluated";

/// Runs a program's own code; if it panics, that is its mistake.
pub(crate) fn own<R>(during: &str, work: impl FnOnce() -> R) -> Result<R, TrainerError> {
    guard(work).map_err(|problem| TrainerError::Program { during: during.into(), problem })
}

/// Asks a program whether it can train with these hyperparameters.
pub(crate) fn check<T: Training>(
    training: &T,
    hyper: &T::Hyper,
    data: &dyn DataSet,
) -> Result<(), TrainerError> {
    let checked = own("while it checked its hyperparameters", || training.check(hyper, data))?;
    checked.map_err(TrainerError::Hyperparameter)
}

/// Decodes the hyperparameters of a spec.
pub(crate) fn hyperparameters<T: Training>(spec: &Spec) -> Result<T::Hyper, TrainerError> {
    let refuse = |problem: String| TrainerError::Hyperparameter(problem.trim().replace('\n', "; "));
    let table = toml::Table::try_from(&spec.program.hyperparameters);
    let table = table.map_err(|error| refuse(error.to_string()))?;
    table.try_into().map_err(|error: toml::de::Error| refuse(error.to_string()))
}
