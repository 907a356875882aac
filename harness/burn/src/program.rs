//! A training as a program that reenact can record and replay.

use std::sync::Arc;

use burn::module::Module;
use reenact_core::data::DataSet;
use reenact_core::machine::{DeviceReport, Influence, Kernels, OperationProbe};
use reenact_core::spec::Spec;
use reenact_core::trainer::{Engine, Program, Setting, Trainer, TrainerError};

use crate::{BurnTrainer, Training, device, influence, operations};

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
        BurnTrainer::start(self.0.clone(), spec, data, setting)
    }
}

impl<T: Training> Program for Burn<T> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn data(&self, spec: &Spec, setting: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        self.0.data(&hyperparameters::<T>(spec)?, spec, setting)
    }

    fn parameter_count(
        &self,
        spec: &Spec,
        data: &dyn DataSet,
        setting: &Setting,
    ) -> Result<Option<u64>, TrainerError> {
        let hyper = hyperparameters::<T>(spec)?;
        self.0.check(&hyper, data).map_err(TrainerError::Hyperparameter)?;
        // burn draws parameters when they are first used, and not before.
        let model = self.0.model(&hyper, &device::open(setting)?.training);
        Ok(Some(model.num_params() as u64))
    }

    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError> {
        Ok(Box::new(self.trainer(spec, data, setting)?))
    }

    fn engine(&self, setting: &Setting) -> Result<Engine, TrainerError> {
        device::engine(setting)
    }

    fn devices(&self, setting: &Setting) -> Vec<DeviceReport> {
        device::reports(setting)
    }

    fn operations(
        &self,
        setting: &Setting,
        kernels: &Kernels,
    ) -> Result<Option<Vec<OperationProbe>>, TrainerError> {
        operations::all(setting, kernels)
    }

    fn influences(&self) -> Vec<Influence> {
        influence::all()
    }
}

/// Decodes the hyperparameters of a spec.
pub(crate) fn hyperparameters<T: Training>(spec: &Spec) -> Result<T::Hyper, TrainerError> {
    let refuse = |problem: String| TrainerError::Hyperparameter(problem.trim().replace('\n', "; "));
    let table = toml::Table::try_from(&spec.program.hyperparameters);
    let table = table.map_err(|error| refuse(error.to_string()))?;
    table.try_into().map_err(|error: toml::de::Error| refuse(error.to_string()))
}
