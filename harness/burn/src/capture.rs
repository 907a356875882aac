//! Taking the whole state out of a training.

use std::mem;
use std::sync::Arc;

use burn::module::{Flag, Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Bytes, Int, Tensor, Transaction};
use reenact_core::state::Content;

use crate::average::Averages;
use crate::device::Devices;
use crate::group::Groups;
use crate::inventory::Inventory;
use crate::rule::{Rule, Slot};

/// Lists what is captured beside the model.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) groups: &'a Groups,
    pub(crate) slots: &'a [Option<Slot>],
    pub(crate) averages: Option<&'a Averages>,
}

/// Copies the tensors of a model and its optimizer, in walking order.
pub(crate) fn walk<M: Module>(model: &M, beside: Beside<'_>, devices: &Devices) -> Vec<Content> {
    let mut capture = Capture {
        beside,
        in_memory: devices.in_memory,
        next: 0,
        tensors: Vec::new(),
        asked: Transaction::default(),
    };
    model.visit(&mut capture);
    capture.finish()
}

struct Capture<'a> {
    beside: Beside<'a>,
    in_memory: bool,
    next: usize,
    /// None where a tensor is still on a device.
    tensors: Vec<Option<Content>>,
    /// These, all of which are waited for together. Few tensors are not of real numbers.
    asked: Transaction,
}

impl Capture<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.tensors.push(Some(bytes.to_vec().into()));
    }

    /// Takes a tensor that records nothing for gradients.
    fn take<const D: usize>(&mut self, tensor: Tensor<D>) {
        if self.in_memory {
            return self.push(tensor.into_data().as_bytes());
        }
        self.asked = mem::take(&mut self.asked).register(tensor);
        self.tensors.push(None);
    }

    /// Takes what the optimizer holds for an item.
    fn slot<const D: usize>(&mut self, item: usize) {
        let Beside { inventory, groups, slots, .. } = self.beside;
        match (&slots[item], &groups.of(item).rule) {
            (Some(Slot::Open { moments, time }), rule) => {
                for moment in moments {
                    self.take(Tensor::<D>::from_bridge(moment.clone()));
                }
                if rule.counts() {
                    self.push(&time.to_le_bytes());
                }
            }
            (Some(Slot::Closed(state)), Rule::Dynamic(dynamic)) => {
                let prefix = inventory.items[item].optimizer_prefix();
                let leaves = dynamic.leaves(&prefix, state);
                let leaves = leaves.unwrap_or_else(|problem| panic!("{problem}"));
                leaves.iter().for_each(|(_, leaf)| self.push(leaf.bytes()));
            }
            _ => {}
        }
    }

    fn finish(self) -> Vec<Content> {
        let all_here = self.tensors.iter().all(Option::is_some);
        let mut found = if all_here { Vec::new() } else { self.asked.execute() }.into_iter();
        let mut next = || found.next().expect("one for each that was asked for");
        let tensors = self.tensors.into_iter();
        tensors.map(|bytes| bytes.unwrap_or_else(|| lent(next().into_bytes()))).collect()
    }
}

/// Keeps bytes where the driver wrote them, instead of copying a whole state.
fn lent(bytes: Bytes) -> Content {
    struct Memory(Bytes);
    impl AsRef<[u8]> for Memory {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Content::Lent(Arc::new(Memory(bytes)))
}

impl ModuleVisitor for Capture<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let item = self.next;
        self.next += 1;
        self.take(param.base().inner());
        self.slot::<D>(item);
        let average = self.beside.averages.and_then(|averages| averages.by_item[item].as_ref());
        if let Some(average) = average {
            self.take(Tensor::<D>::from_bridge(average.clone()));
        }
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.next += 1;
        self.push(param.base().into_data().as_bytes());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.next += 1;
        self.push(param.base().into_data().as_bytes());
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.next += 1;
        self.push(&[u8::from(flag.base().is_enabled())]);
    }
}
