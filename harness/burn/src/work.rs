//! A step in progress, as the engine sees it.

use std::cell::Cell;
use std::ops::Range;

use burn::module::Module;
use burn::tensor::Tensor;
use reenact_core::spec::Combination;
use reenact_core::trainer::TrainerError;
use reenact_core::variation::Variation;

use crate::Loss;
use crate::average::Averages;
use crate::device::Devices;
use crate::fingerprints::Prints;
use crate::gradient::{Found, StepGradients, Treatments, Wanted, join};
use crate::group::Groups;
use crate::inventory::Inventory;
use crate::rule::Slot;
use crate::update::{Course, End, Update};

/// Holds what a step updates, and what it has done so far.
pub(crate) struct Work<'a> {
    pub(crate) step: u64,
    pub(crate) learning_rate: f64,
    pub(crate) combination: Combination,
    pub(crate) variation: &'a Variation,
    pub(crate) devices: &'a Devices,
    pub(crate) inventory: &'a Inventory,
    pub(crate) groups: &'a Groups,
    /// The trainable items in canonical order.
    pub(crate) order: &'a [usize],
    pub(crate) slots: &'a mut [Option<Slot>],
    pub(crate) averages: Option<&'a mut Averages>,
    pub(crate) prints: Option<Prints>,
    pub(crate) done: Done,
    /// What the program's code is doing.
    pub(crate) during: &'a Cell<Doing>,
}

/// Says what the program's code is doing, for the message if it panics.
#[derive(Clone, Copy)]
pub(crate) enum Doing {
    Step,
    Loss,
    Backward,
    Update,
}

impl Doing {
    /// Says of a mistake in the program's code what the step was doing.
    pub(crate) fn of(self, error: TrainerError, step: u64) -> TrainerError {
        match error {
            TrainerError::Program { problem, .. } => {
                TrainerError::Program { during: self.said(step), problem }
            }
            other => other,
        }
    }

    fn said(self, step: u64) -> String {
        match self {
            Self::Step => format!("in step {step}"),
            Self::Loss => format!("in the loss of step {step}"),
            Self::Backward => format!("in the backward pass of step {step}"),
            Self::Update => format!("in the update of step {step}"),
        }
    }
}

/// Holds what the updates of a step did.
#[derive(Default)]
pub(crate) struct Done {
    /// The items whose gradients were fingerprinted, in that order.
    pub(crate) gradients: Vec<usize>,
    /// The losses, still on the device, an update each.
    pub(crate) updates: Vec<Losses>,
    /// Whether the last update took what the step leaves.
    pub(crate) ended: bool,
}

/// Holds the losses of the micro-batches of an update, and what they count.
#[derive(Default)]
pub(crate) struct Losses {
    pub(crate) tensors: Vec<Tensor<1>>,
    pub(crate) weights: Vec<f64>,
}

impl Done {
    /// Takes the losses, in their order.
    pub(crate) fn take_losses(&mut self) -> Vec<Tensor<1>> {
        self.updates.iter_mut().flat_map(|update| update.tensors.drain(..)).collect()
    }

    /// Returns the loss of the step from the number in each of its losses: that of its
    /// update, added up where there are several.
    pub(crate) fn loss(&self, combination: Combination, numbers: &[f32]) -> f32 {
        let mut numbers = numbers;
        let mut sum = None;
        for Losses { weights, .. } in &self.updates {
            let (these, others) = numbers.split_at(weights.len().min(numbers.len()));
            let joined = join(combination, these, weights);
            sum = Some(sum.map_or(joined, |sum: f64| sum + joined));
            numbers = others;
        }
        sum.unwrap_or_default() as f32
    }
}

/// Collects the gradients of one update.
pub(crate) struct Collected {
    items: Range<usize>,
    gradients: StepGradients,
    losses: Losses,
}

impl Work<'_> {
    /// Begins an update of the module at a path of the model.
    ///
    /// # Panics
    /// If there is none, or it holds other parameters.
    pub(crate) fn begin<M: Module>(&self, part: &str, module: &M) -> Collected {
        let items = self.inventory.part(part);
        if !part.is_empty() {
            self.check(part, &items, module);
        }
        let gradients = StepGradients::new(items.clone(), self.combination);
        Collected { items, gradients, losses: Losses::default() }
    }

    fn check<M: Module>(&self, part: &str, items: &Range<usize>, module: &M) {
        assert!(!items.is_empty(), "`update` is given the part `{part}`: the model has none there");
        let found = Inventory::of(module).unwrap_or_else(|problem| panic!("{problem}"));
        let wanted = &self.inventory.items[items.clone()];
        let same = found.items.iter().zip(wanted).all(|(found, wanted)| {
            let named = wanted.path.strip_prefix(part).and_then(|rest| rest.strip_prefix('.'));
            named == Some(found.path.as_str())
                && (found.spec.dtype, &found.spec.shape) == (wanted.spec.dtype, &wanted.spec.shape)
        });
        assert!(
            same && found.items.len() == wanted.len(),
            "`update` is given the part `{part}` and a module that is not the one there"
        );
    }

    /// Adds the loss of a micro-batch and its gradients.
    ///
    /// # Panics
    /// If the loss is no single number.
    pub(crate) fn add<M: Module>(&self, collected: &mut Collected, module: &M, loss: Loss) {
        let Loss { value, weight, gradients } = loss;
        let shape = value.dims();
        assert!(shape == [1], "the loss has the shape {shape:?}, not [1]: take its mean");
        self.during.set(Doing::Backward);
        // Read once the step is under way: a GPU would wait for us meanwhile.
        let read = value.clone().inner();
        let found = match gradients {
            Some(gradients) => Found::Params(gradients),
            None => Found::Graph(value.backward()),
        };
        collected.losses.tensors.push(read);
        collected.losses.weights.push(weight);
        collected.gradients.add(module, found, weight);
        self.during.set(Doing::Step);
    }

    /// Updates a module with what was collected. If it `ends` the step, it is the whole model
    /// and stays as it is now.
    pub(crate) fn apply<M: Module>(&mut self, collected: Collected, module: M, ends: bool) -> M {
        let Collected { items, mut gradients, losses } = collected;
        let Variation { unclipped, negated, mantissa_bits, .. } = *self.variation;
        let norms = self.groups.need_norms() && !unclipped;
        let wanted = Wanted { norms, mantissa_bits, devices: self.devices };
        let mut squares = gradients.finish(&module, wanted, self.prints.as_mut());
        self.done.gradients.extend(gradients.present());
        self.done.updates.push(losses);
        let how = (unclipped, negated);
        let treatments = Treatments::new(&gradients, self.groups, &mut squares, self.order, how);
        self.during.set(Doing::Update);
        if self.prints.is_some() || !ends {
            self.settle(&module);
        }
        let course = Course {
            step: self.step,
            learning_rate: self.learning_rate,
            groups: self.groups,
            gradients: &mut gradients,
            treatments,
        };
        let module = self.walk(module, Some(course), ends, items.start);
        self.done.ended = ends;
        self.during.set(Doing::Step);
        module
    }

    /// Takes what the step leaves of a model, unless its last update did.
    pub(crate) fn end<M: Module>(&mut self, model: M) -> M {
        if self.done.ended {
            return model;
        }
        self.settle(&model);
        self.walk(model, None, true, 0)
    }

    /// Settles a model in which something may be pending. On a device every one is, as what is
    /// held meanwhile decides what is fused there.
    fn settle<M: Module>(&self, model: &M) {
        if self.inventory.has_buffers() || !self.devices.in_memory {
            settle(model);
        }
    }

    fn walk<M: Module>(
        &mut self,
        module: M,
        course: Option<Course<'_>>,
        ends: bool,
        next: usize,
    ) -> M {
        let end = ends.then_some(End {
            step: self.step,
            groups: self.groups,
            averages: self.averages.as_deref_mut(),
            prints: self.prints.as_mut(),
        });
        let (inventory, slots) = (self.inventory, &mut *self.slots);
        module.map(&mut Update { course, inventory, slots, end, next })
    }
}

/// Writes pending updates of running statistics into the model's buffers: burn
/// leaves the newest one aside until the next forward pass, and the buffers would
/// lag by a step.
pub(crate) fn settle<M: Module>(model: &M) {
    let _ = model.valid();
}
