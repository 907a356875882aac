//! The training loop.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Tensor;
use reenact_core::data::{Batch, DataSet, samples_digest};
use reenact_core::format::KernelSelection;
use reenact_core::spec::{Clipping, Spec};
use reenact_core::state::{Fingerprint, Layout, State, fingerprint};
use reenact_core::steering::{DataOrder, initial_seed, step_seed};
use reenact_core::trainer::{Launches, Metric, Setting, StepTrace, Trainer, TrainerError};
use reenact_core::variation::Variation;

use crate::beginning;
use crate::device::{self, Devices};
use crate::gradient::{StepGradients, Treatment, Wanted};
use crate::inventory::{Inventory, Plan};
#[cfg(feature = "cubecl")]
use crate::kernels::Kernels;
use crate::print::{self, Prints};
use crate::program::BUILDING;
use crate::restore::{self, Restore};
use crate::rule::{Rule, Slot};
use crate::stream::hold_seeded;
use crate::update::Update;
use crate::{BatchTensors, Files, Training, capture, program};

/// Trains a burn model, one step at a time.
pub struct BurnTrainer<T: Training> {
    training: Arc<T>,
    hyper: T::Hyper,
    spec: Spec,
    setting: Setting,
    data: Arc<dyn DataSet>,
    devices: Devices,
    #[cfg(feature = "cubecl")]
    kernels: Option<Kernels>,
    #[cfg(feature = "cubecl")]
    constants: crate::grouped::Constants,
    /// Absent only while a step maps it, and after one that panicked there.
    model: Option<T::Model>,
    inventory: Inventory,
    rule: Rule,
    slots: Vec<Option<Slot>>,
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
    ) -> Result<Self, TrainerError> {
        let devices = device::open(setting)?;
        // Before the first operation on the device.
        #[cfg(feature = "cubecl")]
        let kernels = device::kernels(setting)?;
        let hyper = program::hyperparameters::<T>(spec)?;
        let order = new_order(spec, spec.root_seed, data.as_ref())?;
        program::check(training.as_ref(), &hyper, data.as_ref())?;
        let files = Files::open(spec, setting)?;
        let rule = Rule::new(&spec.optimizer);
        let stream = hold_seeded(&devices.training, initial_seed(spec.root_seed));
        let build = || beginning::build(training.as_ref(), &hyper, &files, &devices.training);
        let (model, inventory) = devices.train(BUILDING, build)?;
        drop(stream);
        let slots = vec![None; inventory.items.len()];
        let plan = Plan::new(&inventory, &rule, &slots).map_err(|error| engine(0, error))?;
        let (gradient_layout, gradient_order) =
            inventory.gradients().map_err(|error| engine(0, error))?;
        let mut trainer = Self {
            spec: spec.clone(),
            setting: setting.clone(),
            model: Some(model),
            training: training.clone(),
            hyper: hyper.clone(),
            data,
            devices: devices.clone(),
            #[cfg(feature = "cubecl")]
            kernels,
            #[cfg(feature = "cubecl")]
            constants: crate::grouped::Constants::default(),
            inventory,
            rule,
            slots,
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
    fn feed(&mut self, step: u64, variation: &Variation) -> Feed {
        let derived = || self.order.samples(step).to_vec();
        let samples = variation.samples.clone().unwrap_or_else(derived);
        let micro_batches = self.spec.micro_batches(step, &samples);
        let batches = || micro_batches.map(|samples| self.data.batch(samples)).collect();
        let batches = variation.batches.clone().unwrap_or_else(batches);
        Feed { samples, batches }
    }


    /// Computes the gradients and updates the model.
    fn learn(
        &mut self,
        step: u64,
        batches: &[Batch],
        variation: &Variation,
        traced: bool,
    ) -> Result<Learned, TrainerError> {
        let derived = step_seed(self.spec.root_seed, step);
        let seed = variation.stream_seed.unwrap_or(derived);
        let _stream = hold_seeded(&self.devices.training, seed);
        let devices = self.devices.clone();
        let during = format!("in step {step}");
        devices.train(&during, || self.learn_here(step, batches, variation, traced))
    }

    fn learn_here(
        &mut self,
        step: u64,
        batches: &[Batch],
        variation: &Variation,
        traced: bool,
    ) -> Result<Learned, TrainerError> {
        let model = self.model.take().ok_or_else(|| failed(step))?;
        let (losses, mut gradients) = self.backward(step, &model, batches)?;
        let clipping = self.spec.clipping.filter(|_| !variation.unclipped);
        let wanted = Wanted {
            accumulation: self.spec.batch.accumulation,
            norm: matches!(clipping, Some(Clipping::GlobalNorm { .. })),
            mantissa_bits: variation.mantissa_bits,
            devices: &self.devices,
        };
        let devices = self.devices.clone();
        // On a device a step keeps the same tensors whether it is traced or not, as what is
        // kept decides which kernel may write over which memory.
        let mut prints = (traced || !devices.in_memory).then(|| Prints::new(&devices));
        let mut squares = gradients.finish(&model, wanted, prints.as_mut());
        let norm = || squares.norm(&self.gradient_order);
        let mut treatment = Treatment::new(clipping, norm);
        treatment.negate = variation.negated;
        let rate = variation.rate_or(self.learning_rate(step));
        self.update(rate, model, &mut gradients, treatment, prints.as_mut());
        self.replan(step)?;
        let (prints, losses) = match prints {
            Some(prints) if !traced => (Vec::new(), prints.leave(losses)),
            Some(prints) => prints.finish(
                losses,
                #[cfg(feature = "cubecl")]
                &mut self.constants,
            ),
            None => (Vec::new(), print::numbers(losses)),
        };
        let (gradient, state) = if traced { self.sort(step, prints) } else { Default::default() };
        #[cfg(feature = "cubecl")]
        let launches = self.kernels.as_ref().and_then(Kernels::end);
        #[cfg(not(feature = "cubecl"))]
        let launches = None;
        Ok(Learned { loss: mean(&losses), gradient, state, launches })
    }

    /// Computes the loss of each micro-batch, and the sums of their gradients.
    fn backward(
        &self,
        step: u64,
        model: &T::Model,
        batches: &[Batch],
    ) -> Result<(Vec<Tensor<1>>, StepGradients), TrainerError> {
        let mut gradients = StepGradients::new(self.inventory.items.len());
        let mut losses = Vec::new();
        for batch in batches {
            let batch = BatchTensors::new(batch, &self.devices.training);
            let during = format!("in the loss of step {step}");
            let loss = program::own(&during, || self.training.loss(model, &batch))?;
            let shape = loss.dims();
            if shape != [1] {
                let problem = format!("it has the shape {shape:?}, not [1]: take its mean");
                return Err(TrainerError::Program { during, problem });
            }
            // Read once the step is under way: a GPU would wait for us meanwhile.
            let during = format!("in the backward pass of step {step}");
            let backward = || (loss.clone().inner(), loss.backward());
            let (loss, found) = program::own(&during, backward)?;
            losses.push(loss);
            gradients.add(model, found);
        }
        Ok((losses, gradients))
    }

    fn update(
        &mut self,
        learning_rate: f64,
        model: T::Model,
        gradients: &mut StepGradients,
        treatment: Treatment,
        prints: Option<&mut Prints<'_>>,
    ) {
        if prints.is_some() {
            settle(&model);
        }
        let mut update = Update {
            rule: &self.rule,
            learning_rate,
            gradients,
            treatment,
            slots: &mut self.slots,
            prints,
            next: 0,
        };
        self.model = Some(model.map(&mut update));
    }

    /// Puts the fingerprints of a step's walks in canonical order: first those of
    /// the gradients, an item each, then those of the state.
    fn sort(
        &self,
        step: u64,
        mut gradients: Vec<Fingerprint>,
    ) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
        let mut state = gradients.split_off(self.inventory.items.len());
        state.push(fingerprint(&(step + 1).to_le_bytes()));
        let sorted = self.gradient_order.iter().map(|&item| gradients[item]).collect();
        (sorted, self.plan.sort(state))
    }

    fn capture_here(&mut self, step: u64) -> Result<State, TrainerError> {
        let model = self.model.as_ref().ok_or_else(|| failed(step))?;
        settle(model);
        let mut tensors = capture::walk(model, &self.rule, &self.slots, &self.devices);
        tensors.push(step.to_le_bytes().to_vec().into());
        let state = State::new(self.plan.layout.clone(), self.plan.sort(tensors));
        let state = state.map_err(|error| engine(step, error))?;
        // A kernel is chosen by the memory layout of its tensors too, and a replay
        // from here will have those of restored tensors.
        if !self.devices.in_memory {
            self.restore(&state)?;
        }
        Ok(state)
    }

    fn restore_here(&mut self, state: &State) -> Result<(), TrainerError> {
        let filled = restore::check(state, &self.inventory, &self.rule);
        let filled = filled.map_err(TrainerError::Restore)?;
        let model = self.model.take().ok_or_else(|| failed(0))?;
        // A pending update would otherwise overwrite what is restored.
        settle(&model);
        let mut restore = Restore {
            state,
            inventory: &self.inventory,
            rule: &self.rule,
            filled: &filled,
            device: &self.devices.plain,
            slots: Vec::new(),
        };
        self.model = Some(model.map(&mut restore));
        self.slots = restore.slots;
        // What a device still has to do for this belongs to no step.
        if !self.devices.in_memory {
            let done = self.devices.plain.sync();
            done.unwrap_or_else(|error| panic!("a wait for the device failed: {error}"));
            #[cfg(feature = "cubecl")]
            self.kernels.iter().for_each(Kernels::begin);
        }
        self.replan(0)
    }

    fn evaluate_here(&mut self, held_out: &dyn DataSet) -> Result<Vec<Metric>, TrainerError> {
        let model = self.model.as_ref().ok_or_else(|| failed(0))?.valid();
        let samples: Vec<u32> = (0..held_out.len() as u32).collect();
        let mut means: Vec<Metric> = Vec::new();
        for chunk in samples.chunks(self.spec.batch.size as usize) {
            let batch = held_out.batch(chunk);
            let batch = BatchTensors::new(&batch, &self.devices.plain);
            let share = chunk.len() as f64 / samples.len() as f64;
            let evaluate = || self.training.evaluate(&model, &batch);
            for metric in program::own("while it evaluated", evaluate)? {
                add_share(&mut means, metric, share);
            }
        }
        Ok(means)
    }

    fn replan(&mut self, step: u64) -> Result<(), TrainerError> {
        if !self.plan.fits(&self.slots) {
            let plan = Plan::new(&self.inventory, &self.rule, &self.slots);
            self.plan = plan.map_err(|error| engine(step, error))?;
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
        self.spec.learning_rate_at(step).unwrap_or(f64::NAN)
    }

    fn declares_inputs(&self) -> bool {
        self.training.declares_inputs()
    }

    fn vary(&mut self, step: u64, variation: &Variation) -> Result<StepTrace, TrainerError> {
        let feed = self.feed(step, variation);
        let (samples, batch) = (samples_digest(&feed.samples), Batch::digest_step(&feed.batches));
        let learned = self.learn(step, &feed.batches, variation, true)?;
        Ok(StepTrace {
            step,
            samples,
            batch,
            learning_rate_bits: self.learning_rate(step).to_bits(),
            loss_bits: learned.loss.to_bits(),
            gradient: learned.gradient,
            state: learned.state,
            launches: learned.launches,
        })
    }

    fn step_untraced(&mut self, step: u64) -> Result<f32, TrainerError> {
        let variation = Variation::default();
        let feed = self.feed(step, &variation);
        Ok(self.learn(step, &feed.batches, &variation, false)?.loss)
    }

    fn capture(&mut self, step: u64) -> Result<State, TrainerError> {
        let devices = self.devices.clone();
        devices.train("while its state was taken", || self.capture_here(step))
    }

    fn selections(&mut self) -> Result<Vec<KernelSelection>, TrainerError> {
        #[cfg(feature = "cubecl")]
        if let Some(kernels) = &self.kernels {
            return kernels.selections().map_err(|problem| engine(0, problem));
        }
        Ok(Vec::new())
    }

    fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        let devices = self.devices.clone();
        devices.train("while its state was restored", || self.restore_here(state))
    }

    fn resumes_anywhere(&self) -> bool {
        self.devices.in_memory
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        let open = || self.training.held_out(&self.hyper, &self.spec, &self.setting);
        let held_out = program::own("while it opened its held-out data", open)??;
        let Some(held_out) = held_out else { return Ok(Vec::new()) };
        let devices = self.devices.clone();
        devices.train("while it evaluated", || self.evaluate_here(held_out.as_ref()))
    }
}

/// Writes pending updates of running statistics into the model's buffers: burn
/// leaves the newest one aside until the next forward pass, and the buffers would
/// lag by a step.
fn settle<M: Module>(model: &M) {
    let _ = model.valid();
}

fn add_share(means: &mut Vec<Metric>, metric: Metric, share: f64) {
    let value = metric.value * share;
    match means.iter_mut().find(|mean| mean.name == metric.name) {
        Some(mean) => mean.value += value,
        None => means.push(Metric { name: metric.name, value }),
    }
}

/// Returns the mean of the micro-batches' losses.
fn mean(losses: &[f32]) -> f32 {
    (losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64) as f32
}

fn new_order(spec: &Spec, seed: u64, data: &dyn DataSet) -> Result<DataOrder, TrainerError> {
    DataOrder::new(seed, data.len(), &spec.batch).map_err(|error| TrainerError::Data {
        name: spec.data.name.clone(),
        problem: error.to_string(),
    })
}

fn engine(step: u64, problem: impl ToString) -> TrainerError {
    TrainerError::Engine { step, problem: problem.to_string() }
}

fn failed(step: u64) -> TrainerError {
    engine(step, "an earlier step failed halfway; the trainer has to be started anew")
}
