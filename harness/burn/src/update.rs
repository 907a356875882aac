//! The walk that updates a model and fingerprints its state.

use std::mem;

use burn::module::{Flag, ModuleMapper, Param};
use burn::tensor::{Bool, Int, Tensor};

use crate::gradient::{StepGradients, Treatment};
use crate::print::Prints;
use crate::rule::{Rule, Slot};

/// Updates every item that has a gradient, and fingerprints all of them where
/// that is wanted.
pub(crate) struct Update<'a, 'p> {
    /// The rule.
    pub(crate) rule: &'a Rule,
    /// The learning rate.
    pub(crate) learning_rate: f64,
    /// The gradients, which are used up.
    pub(crate) gradients: &'a mut StepGradients,
    /// What is done to each gradient.
    pub(crate) treatment: Treatment,
    /// The optimizer's state, by item.
    pub(crate) slots: &'a mut [Option<Slot>],
    /// Takes fingerprints in the order of the walk, where they are wanted.
    pub(crate) prints: Option<&'a mut Prints<'p>>,
    /// Number of the next item.
    pub(crate) next: usize,
}

impl Update<'_, '_> {
    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn print_bytes(&mut self, bytes: &[u8]) {
        if let Some(prints) = &mut self.prints {
            prints.bytes(bytes);
        }
    }

    fn value<const D: usize>(&mut self, item: usize, tensor: Tensor<D>) -> Tensor<D> {
        let tensor = tensor.inner();
        let Some(gradient) = self.gradients.take::<D>(item) else { return tensor };
        let gradient = self.treatment.apply(gradient);
        let slot = self.slots[item].take();
        let (updated, slot) = self.rule.step(self.learning_rate, tensor, gradient, slot);
        self.slots[item] = Some(slot);
        updated
    }

    /// Fingerprints a value and what the optimizer holds for it. They move there and
    /// back: a second handle would make burn copy.
    fn print<const D: usize>(&mut self, item: usize, tensor: Tensor<D>) -> Tensor<D> {
        let Some(prints) = &mut self.prints else { return tensor };
        let tensor = prints.tensor(tensor);
        if let Some(slot) = &mut self.slots[item] {
            let moments = mem::take(&mut slot.moments).into_iter().map(Tensor::<D>::from_bridge);
            slot.moments = moments.map(|moment| prints.tensor(moment).into_bridge()).collect();
            if self.rule.counts() {
                prints.bytes(&slot.time.to_le_bytes());
            }
        }
        tensor
    }
}

impl ModuleMapper for Update<'_, '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let item = self.number();
        let (id, tensor, mapper) = param.consume();
        let trainable = tensor.is_require_grad();
        let tensor = self.value(item, tensor);
        let tensor = self.print(item, tensor);
        let tensor = Tensor::from_inner(tensor).set_require_grad(trainable);
        Param::from_mapped_value(id, tensor, mapper)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.next += 1;
        self.print_bytes(param.val().into_data().as_bytes());
        param
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.next += 1;
        self.print_bytes(param.val().into_data().as_bytes());
        param
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.next += 1;
        self.print_bytes(&[u8::from(flag.base().is_enabled())]);
        flag
    }
}
