//! The model with which a training begins.

use std::sync::Arc;

use burn::module::{Module, ModuleMapper};
use burn::tensor::Device;
use reenact_core::spec::Spec;
use reenact_core::state::{Content, State};
use reenact_core::steering::initial_seed;
use reenact_core::trainer::{Setting, TrainerError};

use crate::capture::{self, Beside};
use crate::device::{self, Devices};
use crate::group::Groups;
use crate::inventory::{Inventory, Plan};
use crate::program::{self, BUILDING};
use crate::restore::Restore;
use crate::stream::{Masks, hold_seeded};
use crate::{Files, Training};

const LEARNING: &str = "while it learned the optimizers' states";
const PUTTING: &str = "while the initial weights were put into the model";

/// Holds a model, what it holds, and how that is trained.
pub(crate) struct Beginning<M> {
    pub(crate) model: M,
    pub(crate) inventory: Inventory,
    pub(crate) groups: Groups,
}

/// Says what a training begins with.
pub(crate) struct Origin<'a, T: Training> {
    pub(crate) training: &'a T,
    pub(crate) hyper: &'a T::Hyper,
    pub(crate) spec: &'a Spec,
    pub(crate) setting: &'a Setting,
    pub(crate) files: &'a Files,
}

impl<T: Training> Origin<'_, T> {
    /// Builds the model with its initial weights on the device.
    ///
    /// From format 2 of the spec on they are drawn on the processor and moved, so that they
    /// are the same on every device. Where the spec names another recording, its final
    /// values take the place of those of the same name, type and shape.
    pub(crate) fn begin(&self, devices: &Devices) -> Result<Beginning<T::Model>, TrainerError> {
        let (model, mut inventory) = self.built_on(devices)?;
        let own = program::own(BUILDING, || self.training.optimizers(self.hyper))?;
        let groups = Groups::new(self.spec, &inventory, &own);
        let groups = groups.map_err(TrainerError::Hyperparameter)?;
        let learn = || inventory.name_leaves(&groups, &devices.plain);
        let learned = program::own(LEARNING, learn)?;
        learned.map_err(|problem| TrainerError::engine(LEARNING, problem))?;
        let drawn = match self.spec.format > 1 && !devices.in_memory {
            true => Some(self.drawn_on_processor(&groups)?),
            false => None,
        };
        let model = self.moved(model, &inventory, &groups, drawn, devices)?;
        if self.spec.average.is_some() {
            inventory.name_averages();
        }
        Ok(Beginning { model, inventory, groups })
    }

    fn built_on(&self, devices: &Devices) -> Result<(T::Model, Inventory), TrainerError> {
        let seed = initial_seed(self.spec.root_seed);
        let stream = hold_seeded(&devices.training, seed, Masks::of(self.spec));
        let built = devices.train(BUILDING, || self.build(&devices.training));
        drop(stream);
        built
    }

    fn build(&self, device: &Device) -> Result<(T::Model, Inventory), TrainerError> {
        let Self { training, hyper, files, .. } = self;
        let model = program::own(BUILDING, || training.model(hyper, device))?;
        let loading = "while it loaded the files that the spec declares";
        let refuse = |problem| TrainerError::Program { during: loading.into(), problem };
        let model = program::own(loading, || training.load(hyper, model, files))?;
        let model = model.map_err(refuse)?;
        // A running statistic takes no gradient, whatever it was made from. burn sees to
        // that when a model is mapped, and not before.
        let model = program::own(BUILDING, || model.map(&mut Unchanged))?;
        // Naming the parameters draws those that burn initializes lazily.
        let inventory = program::own(BUILDING, || Inventory::of(&model))?;
        Ok((model, inventory.map_err(|problem| TrainerError::engine(BUILDING, problem))?))
    }

    /// Returns the values of the model as it is built on the processor, in walking order.
    fn drawn_on_processor(&self, groups: &Groups) -> Result<Vec<Content>, TrainerError> {
        let setting = Setting { device: "cpu".into(), ..self.setting.clone() };
        let processor = device::open(&setting, self.spec.program.precision)?;
        let (model, inventory) = self.built_on(&processor)?;
        Ok(values(&model, &inventory, groups, &processor))
    }

    /// Puts the values into the model that are not its own.
    fn moved(
        &self,
        model: T::Model,
        inventory: &Inventory,
        groups: &Groups,
        drawn: Option<Vec<Content>>,
        devices: &Devices,
    ) -> Result<T::Model, TrainerError> {
        let start = self.setting.start.as_ref();
        if drawn.is_none() && start.is_none() {
            return Ok(model);
        }
        let mut values = drawn.unwrap_or_else(|| values(&model, inventory, groups, devices));
        if let Some(start) = start {
            take_over(inventory, start, &mut values)?;
        }
        devices.train(PUTTING, || put(model, inventory, groups, values, devices))
    }
}

fn values<M: Module>(
    model: &M,
    inventory: &Inventory,
    groups: &Groups,
    devices: &Devices,
) -> Vec<Content> {
    let slots = &vec![None; inventory.items.len()];
    capture::walk(model, Beside { inventory, groups, slots, averages: None }, devices)
}

/// Takes the values of another recording's final state where they have the same name, type
/// and shape.
fn take_over(
    inventory: &Inventory,
    start: &Arc<State>,
    values: &mut [Content],
) -> Result<(), TrainerError> {
    let mut taken = 0;
    for (item, value) in inventory.items.iter().zip(values) {
        let found = start.tensor(&item.spec.name).filter(|(spec, _)| **spec == item.spec);
        if let Some((_, bytes)) = found.filter(|_| item.flag.is_none()) {
            *value = bytes.to_vec().into();
            taken += 1;
        }
    }
    if taken > 0 {
        return Ok(());
    }
    let first = inventory.items.first().map_or("", |item| item.spec.name.as_str());
    Err(TrainerError::Restore(format!(
        "the recording that the spec starts from has no tensor of this model by name, type and \
         shape; the model's first is `{first}`"
    )))
}

fn put<M: Module>(
    model: M,
    inventory: &Inventory,
    groups: &Groups,
    mut values: Vec<Content>,
    devices: &Devices,
) -> Result<M, TrainerError> {
    let slots = vec![None; inventory.items.len()];
    let plan =
        Plan::new(inventory, &slots).map_err(|error| TrainerError::engine(PUTTING, error))?;
    values.push(0u64.to_le_bytes().to_vec().into());
    let state = State::new(plan.layout.clone(), plan.sort(values));
    let state = state.map_err(|error| TrainerError::engine(PUTTING, error))?;
    let filled = vec![false; inventory.items.len()];
    let mut restore = Restore::new(&state, inventory, groups, &filled, &devices.plain);
    Ok(model.map(&mut restore))
}

/// Maps a model and leaves everything as it is.
struct Unchanged;

impl ModuleMapper for Unchanged {}
