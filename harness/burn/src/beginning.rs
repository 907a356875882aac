//! The model with which a training begins.

use burn::module::{Module, ModuleMapper};
use burn::tensor::Device;
use reenact_core::trainer::TrainerError;

use crate::inventory::Inventory;
use crate::program::{self, BUILDING};
use crate::{Files, Training};

/// Builds the model with its initial weights, and lists what it holds.
pub(crate) fn build<T: Training>(
    training: &T,
    hyper: &T::Hyper,
    files: &Files,
    device: &Device,
) -> Result<(T::Model, Inventory), TrainerError> {
    let model = program::own(BUILDING, || training.model(hyper, device))?;
    let loading = "while it loaded the files that the spec declares";
    let refuse = |problem| TrainerError::Program { during: loading.into(), problem };
    let model = program::own(loading, || training.load(hyper, model, files))?.map_err(refuse)?;
    // A running statistic takes no gradient, whatever it was made from. burn sees to
    // that when a model is mapped, and not before.
    let model = program::own(BUILDING, || model.map(&mut Unchanged))?;
    // Naming the parameters draws those that burn initializes lazily.
    let inventory = program::own(BUILDING, || Inventory::of(&model))?;
    Ok((model, inventory.map_err(|problem| TrainerError::Engine { step: 0, problem })?))
}

/// Maps a model and leaves everything as it is.
struct Unchanged;

impl ModuleMapper for Unchanged {}
