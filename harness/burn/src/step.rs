//! A step, as the program's code sees it.

use std::collections::VecDeque;

use burn::module::Module;
use burn::tensor::Device;
use reenact_core::data::Batch;
use reenact_core::steering::{ChaCha20Rng, host_stream};

use crate::Loss;
use crate::batch::TensorBatch;
use crate::work::{Doing, Work};

/// Is what a program's own step is given: its number, its batch, the learning rate, random
/// numbers, and [`Step::update`] in the place of backward pass and optimizer.
pub struct Step<'a, B> {
    work: Work<'a>,
    batches: VecDeque<Batch>,
    seed: u64,
    random: Option<ChaCha20Rng>,
    kind: std::marker::PhantomData<fn() -> B>,
}

impl<'a, B: TensorBatch> Step<'a, B> {
    pub(crate) fn new(work: Work<'a>, batches: Vec<Batch>, seed: u64) -> Self {
        let kind = std::marker::PhantomData;
        Self { work, batches: batches.into(), seed, random: None, kind }
    }

    pub(crate) fn into_work(self) -> Work<'a> {
        self.work
    }

    /// Returns the number of the step; the first is 0.
    pub fn number(&self) -> u64 {
        self.work.step
    }

    /// Returns the scheduled learning rate, which [`Step::update`] multiplies by the factor
    /// of each group.
    pub fn learning_rate(&self) -> f64 {
        self.work.learning_rate
    }

    /// Returns the device, which records what is computed for gradients.
    pub fn device(&self) -> &Device {
        &self.work.devices.training
    }

    /// Takes the next micro-batch of the step; without accumulation the only one.
    ///
    /// # Panics
    /// If all are taken.
    pub fn batch(&mut self) -> B {
        let batch = self.next_batch();
        batch.expect("the step has no further batch; `batch.accumulation` says how many there are")
    }

    /// Takes the next micro-batch; none if all are taken.
    pub fn next_batch(&mut self) -> Option<B> {
        let device = &self.work.devices.training;
        self.batches.pop_front().map(|batch| B::from_batch(batch, device))
    }

    /// Gives random numbers on the host: for augmentation, samplers and noise. They are a
    /// function of root seed and step, the same on every device.
    pub fn rng(&mut self) -> &mut ChaCha20Rng {
        self.random.get_or_insert_with(|| host_stream(self.seed))
    }

    /// Takes the backward pass of a loss and updates a module with its gradients, by the
    /// optimizers, groups and clipping that the spec declares.
    ///
    /// - `part`: path of the module in the model, such as `generator`; empty for all of it
    /// - `loss`: of shape `[1]`
    ///
    /// # Panics
    /// If the model has another module at that path.
    pub fn update<M: Module>(&mut self, part: &str, module: M, loss: impl Into<Loss>) -> M {
        let mut collected = self.work.begin(part, &module);
        self.work.add(&mut collected, &module, loss.into());
        self.work.apply(collected, module, false)
    }

    /// Updates a module once with the loss of every micro-batch that is left, joined as the
    /// spec's `batch.combination` says.
    ///
    /// # Panics
    /// As [`Step::update`].
    pub fn learn<M: Module, L: Into<Loss>>(
        &mut self,
        part: &str,
        module: M,
        loss: impl FnMut(&M, B) -> L,
    ) -> M {
        self.learn_and(part, module, loss, false)
    }

    /// Updates the whole model, which the program then leaves as it is: what a step leaves
    /// is taken on the way.
    pub(crate) fn finish<M: Module, L: Into<Loss>>(
        &mut self,
        model: M,
        loss: impl FnMut(&M, B) -> L,
    ) -> M {
        self.learn_and("", model, loss, true)
    }

    fn learn_and<M: Module, L: Into<Loss>>(
        &mut self,
        part: &str,
        module: M,
        mut loss: impl FnMut(&M, B) -> L,
        ends: bool,
    ) -> M {
        let mut collected = self.work.begin(part, &module);
        while let Some(batch) = self.next_batch() {
            self.work.during.set(Doing::Loss);
            let loss = loss(&module, batch).into();
            self.work.add(&mut collected, &module, loss);
        }
        self.work.apply(collected, module, ends)
    }
}
