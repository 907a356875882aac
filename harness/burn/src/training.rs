//! What the author of a model writes.

use std::sync::Arc;

use burn::module::Module;
use burn::optim::DynOptimizer;
use burn::tensor::Device;
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Setting, TrainerError};
use serde::de::DeserializeOwned;

use crate::batch::TensorBatch;
use crate::{Files, Loss, Step};

/// Trains one kind of burn model on one kind of data.
///
/// Whoever has one loss implements [`Training::loss`]; whoever has a loop of their own, with
/// several optimizers or updates, implements [`Training::step`] instead.
///
/// A panic in this code is reported as a mistake of the program.
///
/// A step must be a function of the model, the batch, the random stream of the step
/// ([`Step::rng`]) and that of burn, which is re-seeded before every step: no state of its
/// own, no clock, no other source of randomness. What has to be kept from step to step is
/// part of the model: target networks, averages, queues.
pub trait Training: Send + Sync + 'static {
    /// The model: a plain burn module.
    type Model: Module + 'static;

    /// A micro-batch: [`crate::BatchTensors`], which are taken by name, or a struct of tensors
    /// of which [`crate::batch!`] makes one.
    type Batch: TensorBatch;

    /// The hyperparameters, decoded from the spec's `program.hyperparameters`.
    /// Derive with `#[serde(deny_unknown_fields, default)]`, so that a
    /// misspelt key is refused and a missing one has its default.
    type Hyper: DeserializeOwned + Clone + Send + Sync;

    /// Returns the name that a spec uses.
    fn name(&self) -> &str;

    /// Says in one line what it trains on what.
    fn describe(&self) -> String {
        format!("the program `{}`", self.name())
    }

    /// Opens the training samples that the spec names.
    fn data(
        &self,
        hyper: &Self::Hyper,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError>;

    /// Opens the samples that are held out for [`Training::evaluate`].
    fn held_out(
        &self,
        _hyper: &Self::Hyper,
        _spec: &Spec,
        _setting: &Setting,
    ) -> Result<Option<Arc<dyn DataSet>>, TrainerError> {
        Ok(None)
    }

    /// Says what is wrong with hyperparameters, also in view of the data, so
    /// that [`Training::model`] never has to panic.
    fn check(&self, _hyper: &Self::Hyper, _data: &dyn DataSet) -> Result<(), String> {
        Ok(())
    }

    /// Builds the model with its initial weights.
    fn model(&self, hyper: &Self::Hyper, device: &Device) -> Self::Model;

    /// Puts into the fresh model what the spec's files hold, such as weights that were
    /// trained before. A recording on another machine is only given files of the same
    /// content.
    fn load(
        &self,
        _hyper: &Self::Hyper,
        model: Self::Model,
        _files: &Files,
    ) -> Result<Self::Model, String> {
        Ok(model)
    }

    /// Promises that [`Training::model`] and [`Training::load`] read nothing but their
    /// arguments and burn's random stream: no other file, variable or clock. Only then
    /// an audit calls another initial state forged; else it cannot tell.
    fn declares_inputs(&self) -> bool {
        false
    }

    /// Names optimizers of the program's own, each with the name by which a spec chooses it:
    /// `optimizer = { kind = "program", name = "..." }`. burn's need not be named here, a spec
    /// has their names and constants. An update rule of one's own is a type that implements
    /// burn's `Optimizer`.
    fn optimizers(&self, _hyper: &Self::Hyper) -> Vec<(&'static str, Arc<dyn DynOptimizer>)> {
        Vec::new()
    }

    /// Returns the learning rate of a step, where the spec says
    /// `learning_rate = { kind = "program" }`. It must be a function of its arguments alone.
    fn learning_rate(&self, _hyper: &Self::Hyper, _step: u64, _steps: u64) -> f64 {
        panic!("the spec leaves the learning rate to the program: implement `learning_rate`")
    }

    /// Takes one step. By default the model is updated once, with [`Training::loss`].
    fn step(&self, model: Self::Model, step: &mut Step<'_, Self::Batch>) -> Self::Model {
        step.finish(model, |model, batch| self.loss(model, batch))
    }

    /// Returns the mean loss over the samples of a micro-batch, of shape `[1]`; with
    /// `batch.combination = "weighted"` and what it counts.
    fn loss(&self, _model: &Self::Model, _batch: Self::Batch) -> Loss {
        panic!("the program has neither a `loss` nor a `step` of its own")
    }

    /// Measures the model on a batch that was held out. Figures of several
    /// batches are averaged, weighted by their number of samples.
    fn evaluate(&self, _model: &Self::Model, _batch: Self::Batch) -> Vec<Metric> {
        Vec::new()
    }
}
