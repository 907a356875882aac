//! Putting a captured state back into a training.
//!
//! The state may come from a hostile file. Everything is checked first
//! ([`check`]), against what the model itself says of its tensors; only then is
//! anything changed ([`Restore`]).

use std::collections::BTreeSet;

use burn::module::{ModuleMapper, Param};
use burn::tensor::kind::BridgeTensor;
use burn::tensor::{AllocationProperty, Bool, Bytes, Device, Int, Tensor, TensorData};
use reenact_core::state::{DType, Lent, State, TensorSpec};

use crate::convert::{burn_type, tensor_data};
use crate::group::Groups;
use crate::inventory::{Inventory, Item, STEP};
use crate::rule::{Rule, Slot, TIME_MAX};

/// Shares the memory of a tensor.
struct Memory(Lent);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().as_ref()
    }
}

/// Checks that a state is one of this model and its optimizers; says for each item
/// whether an optimizer holds something for it.
pub(crate) fn check(
    state: &State,
    inventory: &Inventory,
    groups: &Groups,
) -> Result<Vec<bool>, String> {
    let mut known = BTreeSet::from([STEP]);
    let step = TensorSpec { name: STEP.into(), dtype: DType::U64, shape: vec![] };
    same_spec(state, &step)?;
    let mut filled = Vec::new();
    for (number, item) in inventory.items.iter().enumerate() {
        same_spec(state, &item.spec)?;
        check_value(state, item)?;
        known.insert(&item.spec.name);
        if let Some(average) = &item.average {
            same_spec(state, average)?;
            known.insert(&average.name);
        }
        filled.push(check_slot(state, item, &groups.of(number).rule)?);
    }
    let slots = inventory.items.iter().zip(&filled).filter(|(_, filled)| **filled);
    let count = known.len() + slots.map(|(item, _)| item.leaves.len()).sum::<usize>();
    if count == state.layout().tensors().len() {
        return Ok(filled);
    }
    Err(format!("{} tensors are none of this model's", state.layout().tensors().len() - count))
}

fn same_spec(state: &State, wanted: &TensorSpec) -> Result<(), String> {
    let (found, _) =
        state.tensor(&wanted.name).ok_or_else(|| format!("`{}` is missing", wanted.name))?;
    if found == wanted {
        return Ok(());
    }
    let show = |spec: &TensorSpec| format!("{} {:?}", spec.dtype.name(), spec.shape);
    Err(format!("`{}` is {}, not {}", wanted.name, show(found), show(wanted)))
}

fn check_value(state: &State, item: &Item) -> Result<(), String> {
    let name = &item.spec.name;
    let bytes = state.tensor(name).map_or(&[][..], |(_, bytes)| bytes);
    if item.spec.dtype == DType::Bool && bytes.iter().any(|byte| *byte > 1) {
        return Err(format!("`{name}` holds bytes that are neither 0 nor 1"));
    }
    match item.flag {
        // A flag steers the training (dropout on or off), and what steers is
        // derived, never read from a checkpoint.
        Some(flag) if bytes != [u8::from(flag)] => Err(format!("`{name}` is not {flag}")),
        _ => Ok(()),
    }
}

/// A parameter that never had a gradient has no moments, so all of them may be
/// missing together. Where they were taken away from a checkpoint, the replay
/// that ends there has a tensor more.
fn check_slot(state: &State, item: &Item, rule: &Rule) -> Result<bool, String> {
    let wanted = &item.leaves;
    if wanted.iter().all(|spec| state.tensor(&spec.name).is_none()) {
        // Where an optimizer holds nothing, there is nothing to tell whether it updated.
        return Ok(false);
    }
    wanted.iter().try_for_each(|spec| same_spec(state, spec))?;
    let time = if rule.counts() { read_time(state, wanted) } else { 1 };
    match time {
        1..=TIME_MAX => Ok(true),
        _ => Err(format!("the optimizer's count for `{}` is {time}", item.path)),
    }
}

fn read_time(state: &State, specs: &[TensorSpec]) -> u64 {
    let bytes = specs.last().and_then(|spec| state.tensor(&spec.name)).map(|(_, bytes)| bytes);
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Puts a checked state into a model and collects the optimizer's slots.
pub(crate) struct Restore<'a> {
    pub(crate) state: &'a State,
    pub(crate) inventory: &'a Inventory,
    pub(crate) groups: &'a Groups,
    pub(crate) filled: &'a [bool],
    /// The device, without autodiff.
    pub(crate) device: &'a Device,
    pub(crate) slots: Vec<Option<Slot>>,
    /// The running averages, by item.
    pub(crate) averages: Vec<Option<BridgeTensor>>,
    /// What an optimizer refuses.
    pub(crate) problem: Option<String>,
}

impl<'a> Restore<'a> {
    /// Prepares to put a checked state into a model of these items.
    pub(crate) fn new(
        state: &'a State,
        inventory: &'a Inventory,
        groups: &'a Groups,
        filled: &'a [bool],
        device: &'a Device,
    ) -> Self {
        let (slots, averages, problem) = (Vec::new(), Vec::new(), None);
        Self { state, inventory, groups, filled, device, slots, averages, problem }
    }
}

impl Restore<'_> {
    fn item(&self) -> usize {
        self.slots.len()
    }

    fn data(&self, spec: &TensorSpec) -> TensorData {
        let shape: Vec<usize> = spec.shape.iter().map(|&size| size as usize).collect();
        if let Some(lent) = self.state.lent(&spec.name) {
            // Once more to the device from where it was brought.
            let bytes = bytes::Bytes::from_owner(Memory(lent));
            let bytes = Bytes::from_shared(bytes, AllocationProperty::Other);
            return TensorData::from_bytes(bytes, shape, burn_type(spec.dtype));
        }
        let bytes = self.state.tensor(&spec.name).map_or(Vec::new(), |(_, bytes)| bytes.to_vec());
        tensor_data(bytes, &shape, spec.dtype)
    }

    fn float<const D: usize>(&self, spec: &TensorSpec) -> Tensor<D> {
        let data = self.data(spec);
        let element_type = data.dtype();
        Tensor::from_data(data, (self.device, element_type))
    }

    fn slot<const D: usize>(&self, item: usize) -> Result<Option<Slot>, String> {
        let leaves = &self.inventory.items[item].leaves;
        let rule = &self.groups.of(item).rule;
        if !self.filled[item] {
            return Ok(None);
        }
        if let Rule::Dynamic(dynamic) = rule {
            let prefix = self.inventory.items[item].optimizer_prefix();
            let leaves = leaves.iter().map(|spec| (spec.clone(), self.data(spec)));
            return dynamic.join(D, &prefix, leaves, self.device).map(Slot::Closed).map(Some);
        }
        let moments = leaves.iter().take(rule.moments().len());
        let moments = moments.map(|spec| self.float::<D>(spec).into_bridge()).collect();
        let time = if rule.counts() { read_time(self.state, leaves) } else { 0 };
        Ok(Some(Slot::Open { moments, time }))
    }

    /// Passes an item that is no parameter.
    fn pass(&mut self) {
        self.slots.push(None);
        self.averages.push(None);
    }
}

impl ModuleMapper for Restore<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let item = self.item();
        let (id, tensor, mapper) = param.consume();
        let value = self.float::<D>(&self.inventory.items[item].spec);
        let value = Tensor::from_inner(value).set_require_grad(tensor.is_require_grad());
        let slot = self.slot::<D>(item);
        self.slots.push(slot.unwrap_or_else(|problem| {
            self.problem.get_or_insert(problem);
            None
        }));
        let average = self.inventory.items[item].average.as_ref();
        let average = average.map(|spec| self.float::<D>(spec).into_bridge());
        self.averages.push(average);
        Param::from_mapped_value(id, value, mapper)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        let data = self.data(&self.inventory.items[self.item()].spec);
        self.pass();
        let element_type = data.dtype();
        param.map(|tensor| Tensor::from_data(data, (&tensor.device(), element_type)))
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        let data = self.data(&self.inventory.items[self.item()].spec);
        self.pass();
        param.map(|tensor| Tensor::from_data(data, &tensor.device()))
    }

    fn map_flag(&mut self, flag: Param<burn::module::Flag>) -> Param<burn::module::Flag> {
        self.pass();
        flag
    }
}
