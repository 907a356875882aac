//! The walks that update a module and fingerprint the state of a model.

use std::mem;

use burn::module::{Flag, ModuleMapper, Param};
use burn::tensor::{Bool, Int, Tensor};

use crate::average::Averages;
use crate::fingerprints::Prints;
use crate::gradient::{StepGradients, Treatments};
use crate::group::Groups;
use crate::inventory::Inventory;
use crate::rule::{Rule, Slot};

/// Says how the items of a module are updated.
pub(crate) struct Course<'a> {
    pub(crate) step: u64,
    pub(crate) learning_rate: f64,
    pub(crate) groups: &'a Groups,
    /// The gradients, which are used up.
    pub(crate) gradients: &'a mut StepGradients,
    /// What is done to each gradient.
    pub(crate) treatments: Treatments,
}

/// Updates every item that has a gradient, and fingerprints all of them where that is
/// wanted.
pub(crate) struct Update<'a> {
    /// None in a walk that only fingerprints.
    pub(crate) course: Option<Course<'a>>,
    /// The model's items.
    pub(crate) inventory: &'a Inventory,
    /// The optimizers' state, by item.
    pub(crate) slots: &'a mut [Option<Slot>],
    /// What is taken of the state that the walk leaves, where it ends the step.
    pub(crate) end: Option<End<'a>>,
    /// Number of the next item.
    pub(crate) next: usize,
}

/// Takes what a step leaves.
pub(crate) struct End<'a> {
    pub(crate) step: u64,
    pub(crate) groups: &'a Groups,
    pub(crate) averages: Option<&'a mut Averages>,
    /// Takes fingerprints in the order of the walk, where they are wanted.
    pub(crate) prints: Option<&'a mut Prints>,
}

impl Update<'_> {
    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn print_bytes(&mut self, bytes: &[u8]) {
        if let Some(prints) = self.end.as_mut().and_then(|end| end.prints.as_mut()) {
            prints.bytes(bytes);
        }
    }

    fn value<const D: usize>(&mut self, item: usize, tensor: Tensor<D>) -> Tensor<D> {
        let tensor = tensor.inner();
        let Some(course) = &mut self.course else { return tensor };
        let Some(gradient) = course.gradients.take::<D>(item) else { return tensor };
        let group = course.groups.of(item);
        if course.step < group.frozen_until {
            return tensor;
        }
        let gradient = course.treatments.apply(item, gradient);
        let rate = match group.learning_rate_factor {
            1.0 => course.learning_rate,
            factor => course.learning_rate * factor,
        };
        let slot = self.slots[item].take();
        let (updated, slot) = group.rule.step(rate, tensor, gradient, slot);
        self.slots[item] = slot;
        updated
    }

    fn finish<const D: usize>(&mut self, item: usize, tensor: Tensor<D>) -> Tensor<D> {
        let Some(end) = &mut self.end else { return tensor };
        if let Some(averages) = &mut end.averages {
            averages.take(item, end.step, &tensor);
        }
        end.print(self.inventory, item, tensor, &mut self.slots[item])
    }
}

impl End<'_> {
    /// Fingerprints a value, what the optimizer holds for it and its average. They move
    /// there and back: a second handle would make burn copy.
    fn print<const D: usize>(
        &mut self,
        inventory: &Inventory,
        item: usize,
        tensor: Tensor<D>,
        slot: &mut Option<Slot>,
    ) -> Tensor<D> {
        let Some(prints) = &mut self.prints else { return tensor };
        let tensor = prints.tensor(tensor);
        match (slot, &self.groups.of(item).rule) {
            (Some(Slot::Open { moments, time }), rule) => {
                let taken = mem::take(moments).into_iter().map(Tensor::<D>::from_bridge);
                *moments = taken.map(|moment| prints.tensor(moment).into_bridge()).collect();
                if rule.counts() {
                    prints.bytes(&time.to_le_bytes());
                }
            }
            (Some(Slot::Closed(state)), Rule::Dynamic(dynamic)) => {
                let item = &inventory.items[item];
                let leaves = dynamic.leaves(&item.optimizer_prefix(), state);
                let leaves = leaves.unwrap_or_else(|problem| panic!("{problem}"));
                let same = leaves.iter().map(|(spec, _)| spec).eq(&item.leaves);
                let path = &item.path;
                assert!(same, "the optimizer's state of `{path}` has another form than at first");
                leaves.iter().for_each(|(_, leaf)| prints.bytes(leaf.bytes()));
            }
            _ => {}
        }
        let average = self.averages.as_mut().map(|averages| &mut averages.by_item[item]);
        if let Some(average) = average
            && let Some(taken) = average.take()
        {
            *average = Some(prints.tensor(Tensor::<D>::from_bridge(taken)).into_bridge());
        }
        tensor
    }
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let item = self.number();
        let (id, tensor, mapper) = param.consume();
        let trainable = tensor.is_require_grad();
        let tensor = self.value(item, tensor);
        let tensor = self.finish(item, tensor);
        let tensor = Tensor::from_inner(tensor).set_require_grad(trainable);
        Param::from_mapped_value(id, tensor, mapper)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.next += 1;
        if self.end.is_some() {
            self.print_bytes(param.val().into_data().as_bytes());
        }
        param
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.next += 1;
        if self.end.is_some() {
            self.print_bytes(param.val().into_data().as_bytes());
        }
        param
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.next += 1;
        self.print_bytes(&[u8::from(flag.base().is_enabled())]);
        flag
    }
}
