//! What a model holds, and the names of the state's tensors.
//!
//! Every walk over a model meets its items in one order; an item's number is
//! its place in that walk. Names come from module paths, never from burn's
//! parameter ids, which are random.

use std::ops::Range;
use std::sync::Arc;

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Device, Int, Tensor};
use reenact_core::state::{DType, Layout, LayoutError, TensorSpec};

use crate::convert::{burn_type, element_type};
use crate::group::Groups;
use crate::rule::{Dynamic, Rule, Slot};

/// Names the tensor that holds the number of the next step.
pub(crate) const STEP: &str = "run.step";

/// Describes one item of a model: a parameter, a buffer or a flag.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Module path.
    pub(crate) path: String,
    /// Its tensor in the state.
    pub(crate) spec: TensorSpec,
    /// Whether it takes gradients.
    pub(crate) trainable: bool,
    /// The value of a flag.
    pub(crate) flag: Option<bool>,
    /// What the optimizer holds for it, once it has updated it, in the optimizer's order.
    pub(crate) leaves: Vec<TensorSpec>,
    /// The running average, if one is kept.
    pub(crate) average: Option<TensorSpec>,
}

impl Item {
    /// Returns what the names of the optimizer's tensors begin with.
    pub(crate) fn optimizer_prefix(&self) -> String {
        format!("optimizer.{}", self.path)
    }
}

/// Lists the items of a model in walking order.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) items: Vec<Item>,
    path: Vec<String>,
    quantized: Option<String>,
}

impl Inventory {
    /// Walks a model, which draws the initial weights of lazy parameters.
    ///
    /// # Errors
    /// What the model holds that no state can.
    pub(crate) fn of<M: Module>(model: &M) -> Result<Self, String> {
        let mut inventory = Self::default();
        model.visit(&mut inventory);
        match inventory.quantized.take() {
            Some(path) => Err(format!("the parameter `{path}` is quantized")),
            None => Ok(inventory),
        }
    }

    /// Returns the layout of the gradients, and the trainable items in canonical order.
    pub(crate) fn gradients(&self) -> Result<(Arc<Layout>, Vec<usize>), LayoutError> {
        let trainable = || self.items.iter().enumerate().filter(|(_, item)| item.trainable);
        let specs = trainable().map(|(_, item)| item.spec.clone()).collect();
        let (layout, positions) = canonical(specs)?;
        let mut order = vec![0; positions.len()];
        for ((item, _), position) in trainable().zip(positions) {
            order[position] = item;
        }
        Ok((layout, order))
    }

    /// Names what the optimizers hold for each parameter that is trained. What an optimizer
    /// of burn's holds is learned from itself, never from a checkpoint.
    ///
    /// # Errors
    /// A state that cannot be taken apart.
    pub(crate) fn name_leaves(&mut self, groups: &Groups, device: &Device) -> Result<(), String> {
        for (number, item) in self.items.iter_mut().enumerate() {
            if item.trainable {
                item.leaves = leaves(item, &groups.of(number).rule, device)?;
            }
        }
        Ok(())
    }

    /// Names a running average of each parameter that is trained.
    pub(crate) fn name_averages(&mut self) {
        for item in self.items.iter_mut().filter(|item| item.trainable) {
            let name = format!("average.{}", item.path);
            item.average = Some(TensorSpec { name, dtype: DType::F32, ..item.spec.clone() });
        }
    }

    /// Says whether there are tensors that no gradient moves, such as running statistics.
    pub(crate) fn has_buffers(&self) -> bool {
        self.items.iter().any(|item| !item.trainable && item.flag.is_none())
    }

    /// Returns the items of the module at a path; of the whole model for an empty one. They
    /// follow each other, as a walk goes through a module at once.
    pub(crate) fn part(&self, path: &str) -> Range<usize> {
        let within = |item: &Item| {
            let rest = item.path.strip_prefix(path);
            path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let start = self.items.iter().position(within).unwrap_or(self.items.len());
        let count = self.items[start..].iter().take_while(|item| within(item)).count();
        start..start + count
    }

    fn push(&mut self, dtype: Option<DType>, shape: &[usize], trainable: bool, flag: Option<bool>) {
        let path = self.path.join(".");
        let Some(dtype) = dtype else {
            self.quantized.get_or_insert(path);
            return;
        };
        let shape = shape.iter().map(|&size| size as u64).collect();
        let spec = TensorSpec { name: format!("model.{path}"), dtype, shape };
        let (leaves, average) = (Vec::new(), None);
        self.items.push(Item { path, spec, trainable, flag, leaves, average });
    }
}

impl ModuleVisitor for Inventory {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.base();
        let trainable = tensor.is_require_grad();
        self.push(element_type(tensor.dtype()), &tensor.dims(), trainable, None);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        let tensor = param.base();
        self.push(element_type(tensor.dtype()), &tensor.dims(), false, None);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        let tensor = param.base();
        self.push(element_type(tensor.dtype()), &tensor.dims(), false, None);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.push(Some(DType::Bool), &[], false, Some(flag.base().is_enabled()));
    }
}

/// Holds the layout of a state, and where in it each tensor goes that a walk
/// meets: for every item its value, then its moments and its counter; last the
/// number of the step.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) layout: Arc<Layout>,
    positions: Vec<usize>,
    filled: Vec<bool>,
}

impl Plan {
    /// Plans the state of a model whose optimizer holds these slots.
    pub(crate) fn new(inventory: &Inventory, slots: &[Option<Slot>]) -> Result<Self, LayoutError> {
        let mut specs = Vec::new();
        for (item, slot) in inventory.items.iter().zip(slots) {
            specs.push(item.spec.clone());
            if slot.is_some() {
                specs.extend(item.leaves.iter().cloned());
            }
            specs.extend(item.average.iter().cloned());
        }
        specs.push(TensorSpec { name: STEP.into(), dtype: DType::U64, shape: vec![] });
        let filled = slots.iter().map(Option::is_some).collect();
        let (layout, positions) = canonical(specs)?;
        Ok(Self { layout, positions, filled })
    }

    /// Says whether these are still the slots that hold something.
    pub(crate) fn fits(&self, slots: &[Option<Slot>]) -> bool {
        self.filled.iter().copied().eq(slots.iter().map(Option::is_some))
    }

    /// Puts what a walk collected into canonical order.
    pub(crate) fn sort<T: Clone + Default>(&self, walked: Vec<T>) -> Vec<T> {
        let mut sorted = vec![T::default(); walked.len()];
        for (&position, value) in self.positions.iter().zip(walked) {
            sorted[position] = value;
        }
        sorted
    }
}

/// Sorts the tensors of a walk; returns the layout and the position of each.
fn canonical(specs: Vec<TensorSpec>) -> Result<(Arc<Layout>, Vec<usize>), LayoutError> {
    let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
    let mut sorted = specs;
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let layout = Layout::new(sorted)?;
    let positions = names.iter().filter_map(|name| layout.position(name)).collect();
    Ok((Arc::new(layout), positions))
}

/// Describes what a rule holds for one item.
fn leaves(item: &Item, rule: &Rule, device: &Device) -> Result<Vec<TensorSpec>, String> {
    let prefix = item.optimizer_prefix();
    if let Rule::Dynamic(dynamic) = rule {
        return learn(dynamic, &prefix, item, device);
    }
    let name = |leaf: &str| format!("{prefix}.{leaf}");
    let moment = |leaf: &&str| TensorSpec { name: name(leaf), ..item.spec.clone() };
    let mut specs: Vec<_> = rule.moments().iter().map(moment).collect();
    if rule.counts() {
        specs.push(TensorSpec { name: name(TIME), dtype: DType::U64, shape: vec![] });
    }
    Ok(specs)
}

fn learn(
    dynamic: &Dynamic,
    prefix: &str,
    item: &Item,
    device: &Device,
) -> Result<Vec<TensorSpec>, String> {
    // burn restores these states in the device's own type.
    let own = element_type(device.settings().float_dtype.into());
    if own != Some(item.spec.dtype) {
        return Err(format!(
            "the parameter `{}` is {}, which `program.precision` is not: such ones only `adamw` \
             and `sgd` train",
            item.path,
            item.spec.dtype.name()
        ));
    }
    let kind = (device, burn_type(item.spec.dtype));
    let size = |place: usize| item.spec.shape[place] as usize;
    match item.spec.shape.len() {
        1 => dynamic.learn(prefix, [0].map(size), kind),
        2 => dynamic.learn(prefix, [0, 1].map(size), kind),
        3 => dynamic.learn(prefix, [0, 1, 2].map(size), kind),
        4 => dynamic.learn(prefix, [0, 1, 2, 3].map(size), kind),
        5 => dynamic.learn(prefix, [0, 1, 2, 3, 4].map(size), kind),
        6 => dynamic.learn(prefix, [0, 1, 2, 3, 4, 5].map(size), kind),
        rank => Err(format!("the parameter `{}` has {rank} dimensions, not 1 to 6", item.path)),
    }
}

/// Names an optimizer's count of its updates.
pub(crate) const TIME: &str = "time";
