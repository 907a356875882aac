//! What the author of a model writes.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Setting, TrainerError};
use serde::de::DeserializeOwned;

use crate::{BatchTensors, Files};

/// Trains one kind of burn model on one kind of data.
///
/// A panic in this code is reported as a mistake of the program.
///
/// The loss must be a function of the model, the batch and burn's random
/// stream, which is re-seeded before every step: no state of its own, no clock,
/// no other source of randomness.
pub trait Training: Send + Sync + 'static {
    /// The model: a plain burn module.
    type Model: Module + 'static;

    /// The hyperparameters, decoded from the spec's `program.hyperparameters`.
    /// Derive with `#[serde(deny_unknown_fields, default)]`, so that a
    /// misspelt key is refused and a missing one has its default.
    type Hyper: DeserializeOwned + Clone + Send + Sync;

    /// Returns the name that a spec uses.
    fn name(&self) -> &str;

    /// Says in one line what it trains on what.
    fn describe(&self) -> String;

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

    /// Returns the mean loss over the samples of a batch.
    fn loss(&self, model: &Self::Model, batch: &BatchTensors<'_>) -> Tensor<1>;

    /// Measures the model on a batch that was held out. Figures of several
    /// batches are averaged, weighted by their number of samples.
    fn evaluate(&self, _model: &Self::Model, _batch: &BatchTensors<'_>) -> Vec<Metric> {
        Vec::new()
    }
}
