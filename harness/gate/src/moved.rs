//! Where two trainings of one spec part.

use std::fmt;

use reenact_core::digest::Digest;
use reenact_core::verify::{Stage, StepDivergence};

use crate::{Evidence, TraceStep};

/// Names the first place in which the bits differ, in the order of the computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The state that the training begins with.
    InitialState,
    /// A step.
    Step {
        /// Which.
        step: u64,
        /// The part of it.
        stage: Stage,
    },
    /// The state after the last step, though every step agrees: one of two texts is wrong.
    LastState,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InitialState => f.write_str("initial state"),
            Self::Step { step, stage } => write!(f, "step {step}, {stage}"),
            Self::LastState => f.write_str("last state"),
        }
    }
}

/// Says where bits moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The first place.
    pub place: Place,
    /// The first step that differs, as it was accepted and as it is now.
    pub first: Option<[TraceStep; 2]>,
    /// What of its tensors differs; none if a journal is not at hand or ends before.
    pub named: Option<StepDivergence>,
    /// Steps that differ.
    pub steps: u64,
    /// Bits of the last step's loss, as accepted and now.
    pub last_loss_bits: Option<[u32; 2]>,
}

/// Says why two trainings are not compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// They are of two specs.
    #[error("one is of the spec {}, the other of {}", specs[0].short(), specs[1].short())]
    Spec {
        /// Both.
        specs: [Digest; 2],
    },
    /// One is longer.
    #[error("one has {} steps, the other {}", steps[0], steps[1])]
    Steps {
        /// Both numbers.
        steps: [u64; 2],
    },
}

impl Moved {
    /// Compares what was accepted with what is computed now; none if every bit agrees.
    pub fn between(accepted: &Evidence, now: &Evidence) -> Result<Option<Self>, Incomparable> {
        let (old, new) = (&accepted.trace, &now.trace);
        if old.spec != new.spec {
            return Err(Incomparable::Spec { specs: [old.spec, new.spec] });
        }
        if old.steps.len() != new.steps.len() {
            let steps = [old, new].map(|trace| trace.steps.len() as u64);
            return Err(Incomparable::Steps { steps });
        }
        let pairs = old.steps.iter().zip(&new.steps).zip(0..);
        let stage = |(old, new): (&TraceStep, &TraceStep)| old.stage_of_difference(new);
        let differ =
            pairs.filter_map(|(pair, step)| Some((step, stage(pair)?, [*pair.0, *pair.1])));
        let differ: Vec<(u64, Stage, [TraceStep; 2])> = differ.collect();
        let place = match differ.first() {
            _ if old.first != new.first => Place::InitialState,
            Some(&(step, stage, _)) => Place::Step { step, stage },
            None if old.last != new.last => Place::LastState,
            None => return Ok(None),
        };
        let losses = old.steps.last().zip(new.steps.last());
        Ok(Some(Self {
            place,
            first: differ.first().map(|(_, _, values)| *values),
            named: differ.first().and_then(|&(step, _, _)| named(accepted, now, step)),
            steps: differ.len() as u64,
            last_loss_bits: losses.map(|(old, new)| [old.loss_bits, new.loss_bits]),
        }))
    }

    /// Names the tensors that differ in the part that moved first: gradients, or the state
    /// after the step. Empty where that part has no tensors, or they have no names.
    pub fn tensors(&self) -> &[String] {
        match (&self.named, self.place) {
            (Some(named), Place::Step { stage: Stage::Gradient, .. }) => &named.gradients,
            (Some(named), Place::Step { stage: Stage::Update, .. }) => &named.tensors,
            _ => &[],
        }
    }
}

fn named(accepted: &Evidence, now: &Evidence, step: u64) -> Option<StepDivergence> {
    let (old, old_names) = accepted.journal.as_ref()?.step(step)?;
    let (new, new_names) = now.journal.as_ref()?.step(step)?;
    StepDivergence::of(old, new, old_names, (&new_names.state, &new_names.gradient))
}

#[cfg(test)]
mod tests;
