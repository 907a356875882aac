//! A trainer around another: everything goes through but what it does otherwise.

use std::sync::Arc;

use crate::format::KernelSelection;
use crate::state::{Layout, State};
use crate::trainer::{Metric, Request, StepTrace, Trainer, TrainerError};

/// Says what a trainer around another does otherwise; by default nothing.
///
/// Whatever is one is a [`Trainer`].
pub trait Wrapper {
    /// Returns the trainer inside.
    fn inner(&self) -> &dyn Trainer;

    /// Returns the trainer inside, to go on with.
    fn inner_mut(&mut self) -> &mut dyn Trainer;

    /// Does what [`Trainer::step`] does.
    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        self.inner_mut().step(step, request)
    }

    /// Does what [`Trainer::resumes_anywhere`] does.
    fn resumes_anywhere(&self) -> bool {
        self.inner().resumes_anywhere()
    }

    /// Does what [`Trainer::evaluate`] does.
    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        self.inner_mut().evaluate()
    }
}

impl<W: Wrapper> Trainer for W {
    fn layout(&self) -> Arc<Layout> {
        self.inner().layout()
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.inner().learning_rate(step)
    }

    fn gradient_layout(&self) -> Arc<Layout> {
        self.inner().gradient_layout()
    }

    fn declares_inputs(&self) -> bool {
        self.inner().declares_inputs()
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        Wrapper::step(self, step, request)
    }

    fn capture(&mut self, step: u64) -> Result<State, TrainerError> {
        self.inner_mut().capture(step)
    }

    fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        self.inner_mut().restore(state)
    }

    fn selections(&mut self) -> Result<Vec<KernelSelection>, TrainerError> {
        self.inner_mut().selections()
    }

    fn resumes_anywhere(&self) -> bool {
        Wrapper::resumes_anywhere(self)
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        Wrapper::evaluate(self)
    }
}
