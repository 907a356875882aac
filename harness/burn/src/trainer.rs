//! The training loop.

use std::cell::Cell;
use std::sync::Arc;

use burn::module::Module;
use reenact_core::data::{Batch, DataError, DataSet, samples_digest};
use reenact_core::figure::Figures;
use reenact_core::format::KernelSelection;
use reenact_core::spec::Spec;
use reenact_core::state::{Fingerprint, Layout, State, fingerprint};
use reenact_core::steering::{DataOrder, step_seed};
use reenact_core::trainer::{Launches, Metric, Request, Setting, StepTrace, Trainer, TrainerError};
use reenact_core::validation::Validation;
use reenact_core::variation::Variation;

use crate::average::Averages;
use crate::beginning::{Beginning, Origin};
use crate::capture::Beside;
use crate::device::{self, Devices};
use crate::evaluation::measure;
use crate::fingerprints::{self, Prints};
use crate::group::Groups;
use crate::inventory::{Inventory, Plan};
#[cfg(feature = "cubecl")]
use crate::kernels::Kernels;
use crate::program::{self, BUILDING, CAPTURING, EVALUATING, RESTORING};
use crate::restore::{self, Restore};
use crate::rule::Slot;
use crate::stream::{Masks, hold_seeded};
use crate::work::{Doing, Done, Work, settle};
use crate::{Files, Step, Training, capture};

/// Trains a burn model, one step at a time.
pub struct BurnTrainer<T: Training> {
    training: Arc<T>,
    hyper: T::Hyper,
    spec: Spec,
    setting: Setting,
    data: Arc<dyn DataSet>,
    validation: Option<Validation>,
    devices: Devices,
    #[cfg(feature = "cubecl")]
    kernels: Option<Kernels>,
    #[cfg(feature = "cubecl")]
    constants: crate::grouped::Constants,
    /// Absent only while a step maps it, and after one that panicked there.
    model: Option<T::Model>,
    inventory: Inventory,
    groups: Groups,
    slots: Vec<Option<Slot>>,
    averages: Option<Averages>,
    plan: Plan,
    gradient_layout: Arc<Layout>,
    /// The trainable items in canonical order.
    gradient_order: Vec<usize>,
    order: DataOrder,
}

/// Holds what one step consumes.
struct Feed {
    samples: Vec<u32>,
    batches: Vec<Batch>,
}

/// Holds what one step did.
struct Learned {
    loss: f32,
    gradient: Vec<Fingerprint>,
    state: Vec<Fingerprint>,
    launches: Option<Launches>,
}

impl<T: Training> BurnTrainer<T> {
    pub(crate) fn start(
        training: Arc<T>,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
        validation: Option<Validation>,
    ) -> Result<Self, TrainerError> {
        let devices = device::open(setting, spec.program.precision)?;
        // Before the first operation on the device.
        #[cfg(feature = "cubecl")]
        let kernels = device::kernels(setting)?;
        let hyper = program::hyperparameters::<T>(spec)?;
        let order = new_order(spec, spec.root_seed, data.as_ref())?;
        program::check(training.as_ref(), &hyper, data.as_ref())?;
        let files = Files::open(spec, setting)?;
        let origin =
            Origin { training: training.as_ref(), hyper: &hyper, spec, setting, files: &files };
        let Beginning { model, inventory, groups } = origin.begin(&devices)?;
        let slots = vec![None; inventory.items.len()];
        let unnamed = |error| TrainerError::engine(BUILDING, error);
        let plan = Plan::new(&inventory, &slots).map_err(unnamed)?;
        let averages = spec.average.map(|average| Averages::of(average, &model, &inventory));
        let (gradient_layout, gradient_order) = inventory.gradients().map_err(unnamed)?;
        let mut trainer = Self {
            spec: spec.clone(),
            setting: setting.clone(),
            model: Some(model),
            training: training.clone(),
            hyper: hyper.clone(),
            data,
            validation,
            devices: devices.clone(),
            #[cfg(feature = "cubecl")]
            kernels,
            #[cfg(feature = "cubecl")]
            constants: crate::grouped::Constants::default(),
            inventory,
            groups,
            slots,
            averages,
            plan,
            gradient_layout,
            gradient_order,
            order,
        };
        // A replay begins with a restored state. So does the training itself, or what
        // restoring parts, such as two parameters that share their memory, would be
        // learned otherwise.
        let state = trainer.capture(0)?;
        trainer.restore(&state)?;
        Ok(trainer)
    }

    /// Returns the model as it stands.
    pub fn model(&self) -> Option<&T::Model> {
        self.model.as_ref()
    }

    /// Gathers the samples of a step and its micro-batches.
    fn feed(&mut self, step: u64, variation: &Variation) -> Result<Feed, TrainerError> {
        let derived = || self.order.samples(step).to_vec();
        let samples = variation.samples.clone().unwrap_or_else(derived);
        let derived = || self.data.batches(self.spec.micro_batches(step, &samples));
        let batching = format!("while it made the batch of step {step}");
        let batches = match variation.batches.clone() {
            Some(batches) => batches,
            None => program::own(&batching, derived)?
                .map_err(|problem| TrainerError::Samples { step, problem })?,
        };
        Ok(Feed { samples, batches })
    }

    /// Computes the gradients and updates the model.
    fn learn(
        &mut self,
        step: u64,
        batches: Vec<Batch>,
        variation: &Variation,
        traced: bool,
    ) -> Result<Learned, TrainerError> {
        let derived = step_seed(self.spec.root_seed, step);
        let seed = variation.stream_seed.unwrap_or(derived);
        let _stream = hold_seeded(&self.devices.training, seed, Masks::of(&self.spec));
        let devices = self.devices.clone();
        let during = format!("in step {step}");
        devices.train(&during, || self.learn_here(step, batches, (variation, seed), traced))
    }

    fn learn_here(
        &mut self,
        step: u64,
        batches: Vec<Batch>,
        (variation, seed): (&Variation, u64),
        traced: bool,
    ) -> Result<Learned, TrainerError> {
        let model = self.model.take().ok_or_else(|| failed(&format!("at step {step}")))?;
        let devices = self.devices.clone();
        let doing = Cell::new(Doing::Step);
        let rate = variation.rate_or(self.learning_rate(step));
        // On a device a step keeps the same tensors whether it is traced or not, as what is
        // kept decides which kernel may write over which memory.
        let prints = (traced || !devices.in_memory).then(|| Prints::new(&devices));
        let work = Work {
            step,
            learning_rate: rate,
            combination: self.spec.batch.combination,
            variation,
            devices: &devices,
            inventory: &self.inventory,
            groups: &self.groups,
            order: &self.gradient_order,
            slots: &mut self.slots,
            averages: self.averages.as_mut(),
            prints,
            done: Done::default(),
            during: &doing,
        };
        let training = self.training.clone();
        let mut taken = Step::<T::Batch>::new(work, batches, seed);
        let own = || {
            let model = training.step(model, &mut taken);
            let mut work = taken.into_work();
            let model = work.end(model);
            (model, work.prints, work.done)
        };
        let taken = program::own("", own).map_err(|error| doing.get().of(error, step))?;
        let (model, prints, done) = taken;
        self.model = Some(model);
        self.finish(step, prints, done, traced)
    }

    /// Waits for the device, and tells what a step did.
    fn finish(
        &mut self,
        step: u64,
        prints: Option<Prints>,
        mut done: Done,
        traced: bool,
    ) -> Result<Learned, TrainerError> {
        self.replan(&format!("at step {step}"))?;
        let losses = done.take_losses();
        let (prints, losses) = match prints {
            Some(prints) if !traced => (Vec::new(), prints.leave(losses)),
            Some(prints) => prints.finish(
                losses,
                #[cfg(feature = "cubecl")]
                &mut self.constants,
            ),
            None => (Vec::new(), fingerprints::numbers(losses)),
        };
        let (gradient, state) =
            if traced { self.sort(step, &done.gradients, prints) } else { Default::default() };
        #[cfg(feature = "cubecl")]
        let launches = self.kernels.as_ref().and_then(Kernels::end);
        #[cfg(not(feature = "cubecl"))]
        let launches = None;
        let loss = done.loss(self.spec.batch.combination, &losses);
        Ok(Learned { loss, gradient, state, launches })
    }

    /// Puts the fingerprints of a step's walks in canonical order: first those of the
    /// gradients, which `items` names, then those of the state. A parameter without a
    /// gradient has the fingerprint of no bytes; one of several updates has that of all of
    /// its fingerprints.
    fn sort(
        &self,
        step: u64,
        items: &[usize],
        mut prints: Vec<Fingerprint>,
    ) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
        let mut state = prints.split_off(items.len());
        state.push(fingerprint(&(step + 1).to_le_bytes()));
        let mut found: Vec<_> = items.iter().copied().zip(prints).collect();
        // Those of one item stay in the order of its updates.
        found.sort_by_key(|&(item, _)| item);
        let of_item = |item: &usize| {
            let start = found.partition_point(|(other, _)| other < item);
            let count = found[start..].iter().take_while(|(other, _)| other == item).count();
            match &found[start..start + count] {
                [] => fingerprint(&[]),
                [(_, one)] => *one,
                several => {
                    let bytes = several.iter().flat_map(|(_, one)| one.0.to_le_bytes());
                    fingerprint(&bytes.collect::<Vec<u8>>())
                }
            }
        };
        let sorted = self.gradient_order.iter().map(of_item).collect();
        (sorted, self.plan.sort(state))
    }

    fn capture_here(&mut self, step: u64) -> Result<State, TrainerError> {
        let model = self.model.as_ref().ok_or_else(|| failed(CAPTURING))?;
        settle(model);
        let Self { inventory, groups, slots, .. } = &*self;
        let beside = Beside { inventory, groups, slots, averages: self.averages.as_ref() };
        let mut tensors = capture::walk(model, beside, &self.devices);
        tensors.push(step.to_le_bytes().to_vec().into());
        let state = State::new(self.plan.layout.clone(), self.plan.sort(tensors));
        let state = state.map_err(|error| TrainerError::engine(CAPTURING, error))?;
        // A kernel is chosen by the memory layout of its tensors too, and a replay
        // from here will have those of restored tensors.
        if !self.devices.in_memory {
            self.restore(&state)?;
        }
        Ok(state)
    }

    fn restore_here(&mut self, state: &State) -> Result<(), TrainerError> {
        let filled = restore::check(state, &self.inventory, &self.groups);
        let filled = filled.map_err(TrainerError::Restore)?;
        let model = self.model.take().ok_or_else(|| failed(RESTORING))?;
        // A pending update would otherwise overwrite what is restored.
        settle(&model);
        let plain = &self.devices.plain;
        let mut restore = Restore::new(state, &self.inventory, &self.groups, &filled, plain);
        let model = model.map(&mut restore);
        let Restore { slots, averages, problem, .. } = restore;
        if let Some(problem) = problem {
            return Err(TrainerError::Restore(problem));
        }
        (self.model, self.slots) = (Some(model), slots);
        if let Some(kept) = &mut self.averages {
            kept.by_item = averages;
        }
        self.leave_to_no_step();
        self.replan(RESTORING)
    }

    /// Measures the model after the update of `step`, where the spec has it measured.
    fn validate(&mut self, step: u64) -> Result<Option<Figures>, TrainerError> {
        let Some(validation) = self.validation.clone().filter(|found| found.is_due(step)) else {
            return Ok(None);
        };
        let during = format!("in the validation after step {step}");
        let devices = self.devices.clone();
        let measured = devices.train(&during, || {
            let measured = self.measure_here(validation.batches())?;
            self.leave_to_no_step();
            Ok(measured)
        })?;
        Validation::figures(step, measured).map(Some)
    }

    fn measure_here(
        &mut self,
        batches: impl Iterator<Item = Result<Batch, DataError>>,
    ) -> Result<Vec<Metric>, TrainerError> {
        let model = self.model.as_ref().ok_or_else(|| failed(EVALUATING))?;
        measure(self.training.as_ref(), model, batches, &self.devices)
    }

    /// Waits for what a device still has to do that belongs to no step.
    fn leave_to_no_step(&self) {
        if !self.devices.in_memory {
            let done = self.devices.plain.sync();
            done.unwrap_or_else(|error| panic!("a wait for the device failed: {error}"));
            #[cfg(feature = "cubecl")]
            self.kernels.iter().for_each(Kernels::begin);
        }
    }

    fn replan(&mut self, during: &str) -> Result<(), TrainerError> {
        if !self.plan.fits(&self.slots) {
            let plan = Plan::new(&self.inventory, &self.slots);
            self.plan = plan.map_err(|error| TrainerError::engine(during, error))?;
        }
        Ok(())
    }
}

impl<T: Training> Trainer for BurnTrainer<T> {
    fn layout(&self) -> Arc<Layout> {
        self.plan.layout.clone()
    }

    fn gradient_layout(&self) -> Arc<Layout> {
        self.gradient_layout.clone()
    }

    fn learning_rate(&self, step: u64) -> f64 {
        let own = || self.training.learning_rate(&self.hyper, step, self.spec.steps);
        self.spec.learning_rate_at(step).unwrap_or_else(own)
    }

    fn declares_inputs(&self) -> bool {
        self.training.declares_inputs()
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        let feed = self.feed(step, &request.variation)?;
        let digests = || (samples_digest(&feed.samples), Batch::digest_step(&feed.batches));
        let (samples, batch) = if request.is_whole() { digests() } else { Default::default() };
        let learned = self.learn(step, feed.batches, &request.variation, request.is_whole())?;
        Ok(StepTrace {
            step,
            samples,
            batch,
            learning_rate_bits: self.learning_rate(step).to_bits(),
            loss_bits: learned.loss.to_bits(),
            gradient: learned.gradient,
            state: learned.state,
            launches: learned.launches.filter(|_| request.is_whole()),
            validation: if request.is_whole() { self.validate(step)? } else { None },
        })
    }

    fn capture(&mut self, step: u64) -> Result<State, TrainerError> {
        let devices = self.devices.clone();
        devices.train(CAPTURING, || self.capture_here(step))
    }

    fn selections(&mut self) -> Result<Vec<KernelSelection>, TrainerError> {
        #[cfg(feature = "cubecl")]
        if let Some(kernels) = &self.kernels {
            return kernels.selections().map_err(|problem| {
                TrainerError::engine("while its kernels were collected", problem)
            });
        }
        Ok(Vec::new())
    }

    fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        let devices = self.devices.clone();
        devices.train(RESTORING, || self.restore_here(state))
    }

    fn resumes_anywhere(&self) -> bool {
        self.devices.in_memory
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        let open = || self.training.held_out(&self.hyper, &self.spec, &self.setting);
        let held_out = program::own("while it opened its held-out data", open)??;
        let Some(held_out) = held_out else { return Ok(Vec::new()) };
        let devices = self.devices.clone();
        let samples: Vec<u32> = (0..held_out.len() as u32).collect();
        let size = self.spec.batch.size as usize;
        devices.train(EVALUATING, || {
            self.measure_here(samples.chunks(size).map(|samples| held_out.batch(samples)))
        })
    }
}

fn new_order(spec: &Spec, seed: u64, data: &dyn DataSet) -> Result<DataOrder, TrainerError> {
    DataOrder::new(seed, data.len(), &spec.batch).map_err(|error| TrainerError::Data {
        name: spec.data.name.clone(),
        problem: error.to_string(),
    })
}

fn failed(during: &str) -> TrainerError {
    let problem = "an earlier step failed halfway; the trainer has to be started anew";
    TrainerError::engine(during, problem)
}
