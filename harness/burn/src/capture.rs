//! Taking the whole state out of a training.

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

use crate::rule::{Rule, Slot};

/// Copies the tensors of a model and its optimizer, in walking order.
pub(crate) fn walk<M: Module>(model: &M, rule: &Rule, slots: &[Option<Slot>]) -> Vec<Vec<u8>> {
    let mut capture = Capture { rule, slots, next: 0, tensors: Vec::new() };
    model.visit(&mut capture);
    capture.tensors
}

struct Capture<'a> {
    rule: &'a Rule,
    slots: &'a [Option<Slot>],
    next: usize,
    tensors: Vec<Vec<u8>>,
}

impl Capture<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.next += 1;
        self.tensors.push(bytes.to_vec());
    }
}

impl ModuleVisitor for Capture<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let item = self.next;
        self.push(param.base().into_data().as_bytes());
        let Some(slot) = &self.slots[item] else { return };
        for moment in &slot.moments {
            let data = Tensor::<D>::from_bridge(moment.clone()).into_data();
            self.tensors.push(data.as_bytes().to_vec());
        }
        if self.rule.counts() {
            self.tensors.push(slot.time.to_le_bytes().to_vec());
        }
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.push(param.base().into_data().as_bytes());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.push(param.base().into_data().as_bytes());
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.push(&[u8::from(flag.base().is_enabled())]);
    }
}
