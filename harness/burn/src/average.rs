//! Running averages of the weights.

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::tensor::kind::BridgeTensor;
use burn::tensor::{Bool, FloatDType, Int, Tensor};
use reenact_core::spec::AverageSpec;

use crate::inventory::Inventory;

/// Keeps the running average of each item that is trained.
pub(crate) struct Averages {
    spec: AverageSpec,
    /// By item; none of what is not trained.
    pub(crate) by_item: Vec<Option<BridgeTensor>>,
}

impl Averages {
    /// Begins with the values of a model.
    pub(crate) fn of<M: Module>(spec: AverageSpec, model: &M, inventory: &Inventory) -> Self {
        let mut beginning = Beginning { inventory, by_item: Vec::new() };
        model.visit(&mut beginning);
        Self { spec, by_item: beginning.by_item }
    }

    /// Takes in the value after `step`, without autodiff. Averages are `f32` whatever the
    /// model's type is: small shares would be lost in a shorter one.
    pub(crate) fn take<const D: usize>(&mut self, item: usize, step: u64, value: &Tensor<D>) {
        let Some(average) = self.by_item[item].take() else { return };
        let value = value.clone().cast(FloatDType::F32);
        let average = match step < self.spec.step_start {
            // In memory of its own, as after a restored state.
            true => value.mul_scalar(1.0),
            false => {
                let kept = Tensor::<D>::from_bridge(average).mul_scalar(self.spec.decay);
                kept.add(value.mul_scalar(1.0 - self.spec.decay))
            }
        };
        self.by_item[item] = Some(average.into_bridge());
    }
}

struct Beginning<'a> {
    inventory: &'a Inventory,
    by_item: Vec<Option<BridgeTensor>>,
}

impl ModuleVisitor for Beginning<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let kept = self.inventory.items[self.by_item.len()].average.is_some();
        let value = || param.base().inner().cast(FloatDType::F32).into_bridge();
        self.by_item.push(kept.then(value));
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.by_item.push(None);
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.by_item.push(None);
    }

    fn visit_flag(&mut self, _flag: &Param<Flag>) {
        self.by_item.push(None);
    }
}
