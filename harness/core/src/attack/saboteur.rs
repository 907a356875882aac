//! A trainer that misbehaves at some steps and records what it says it records.

use std::sync::Arc;

use super::edit::{forget_moments, move_first_element, push_weights, scale_moments};
use super::tamper::{can_relabel, can_stamp, relabel, stamp};
use super::{InRunAttack, InRunKind};
use crate::data::{Batch, DataSet};
use crate::spec::{OptimizerSpec, Spec};
use crate::steering::{DataOrder, step_seed};
use crate::trainer::{Detail, Program, Request, Setting, StepTrace, Trainer, TrainerError};
use crate::variation::Variation;
use crate::wrapper::Wrapper;

/// Starts a training, and plants the attack, if there is one. The program knows of none.
///
/// # Errors
/// [`TrainerError::Attack`] if the attack has no place in this training.
pub fn start(
    program: &dyn Program,
    spec: &Spec,
    data: Arc<dyn DataSet>,
    setting: &Setting,
    attack: Option<&InRunAttack>,
) -> Result<Box<dyn Trainer>, TrainerError> {
    let Some(attack) = attack else { return program.start(spec, data, setting) };
    check_steps(attack, spec)?;
    check_place(attack, spec, data.as_ref())?;
    if attack.kind == InRunKind::DropoutOff {
        check_random(program.start(spec, data.clone(), setting)?.as_mut())?;
    }
    let orders = [spec.root_seed, other_seed(spec, attack)].map(|seed| {
        DataOrder::new(seed, data.len(), &spec.batch).map_err(|error| TrainerError::Data {
            name: spec.data.name.clone(),
            problem: error.to_string(),
        })
    });
    let [order, other_order] = orders;
    let mut own = spec.clone();
    if attack.acts(InRunKind::SeedSwap, 0) {
        own.root_seed = other_seed(spec, attack);
    }
    Ok(Box::new(Saboteur {
        trainer: program.start(&own, data.clone(), setting)?,
        spec: spec.clone(),
        attack: attack.clone(),
        data,
        order: order?,
        other_order: other_order?,
    }))
}

/// Trains as the attack says.
struct Saboteur {
    trainer: Box<dyn Trainer>,
    spec: Spec,
    attack: InRunAttack,
    data: Arc<dyn DataSet>,
    order: DataOrder,
    /// Of the other root seed.
    other_order: DataOrder,
}

fn other_seed(spec: &Spec, attack: &InRunAttack) -> u64 {
    spec.root_seed.wrapping_add((attack.strength as u64).max(1))
}

fn refuse(kind: InRunKind) -> TrainerError {
    TrainerError::Attack(kind.to_string())
}

/// An attack that acts at no step, or beyond the end, would be recorded as one and
/// be none.
fn check_steps(attack: &InRunAttack, spec: &Spec) -> Result<(), TrainerError> {
    let everywhere = attack.steps.end == u64::MAX;
    let within = attack.steps.end <= spec.steps || everywhere && attack.steps.start < spec.steps;
    if within && !attack.steps.is_empty() {
        return Ok(());
    }
    Err(TrainerError::AttackSteps { attack: attack.to_string(), last: spec.steps - 1 })
}

fn check_place(attack: &InRunAttack, spec: &Spec, data: &dyn DataSet) -> Result<(), TrainerError> {
    let sample = data.batch(&[0]).map_err(|error| TrainerError::Data {
        name: spec.data.name.clone(),
        problem: error.to_string(),
    })?;
    let place = match attack.kind {
        InRunKind::OrderSwap => consumed(spec, attack.steps.start) > 1,
        InRunKind::LabelFlip => can_relabel(&sample),
        InRunKind::PixelEdit => can_stamp(&sample),
        InRunKind::MomentEdit | InRunKind::MomentReset => match spec.optimizer {
            OptimizerSpec::AdamW { .. } | OptimizerSpec::Engine { .. } => true,
            OptimizerSpec::Sgd { momentum, .. } => momentum != 0.0,
        },
        InRunKind::ClipOff => spec.clipping.is_some(),
        _ => true,
    };
    if place { Ok(()) } else { Err(refuse(attack.kind)) }
}

/// Returns how many samples a step consumes: the last one of an epoch may be the only one.
fn consumed(spec: &Spec, step: u64) -> usize {
    spec.data_order().map_or(0, |mut order| order.samples(step).len())
}

/// Refuses an attack on the random stream where the loss draws nothing from it.
fn check_random(probe: &mut dyn Trainer) -> Result<(), TrainerError> {
    let state = probe.capture(0)?;
    let mut loss = |seed| {
        probe.restore(&state)?;
        let variation = Variation { stream_seed: Some(seed), ..Variation::default() };
        let request = Request { variation, detail: Detail::Loss };
        Ok::<u32, TrainerError>(probe.step(0, &request)?.loss_bits)
    };
    if loss(1)? == loss(2)? { Err(refuse(InRunKind::DropoutOff)) } else { Ok(()) }
}

impl Saboteur {
    fn strength(&self, kind: InRunKind, step: u64) -> Option<f64> {
        self.attack.acts(kind, step).then_some(self.attack.strength)
    }

    fn acts(&self, kind: InRunKind, step: u64) -> bool {
        self.attack.acts(kind, step)
    }

    /// Says what the attack does at `step`.
    fn variation(&mut self, step: u64) -> Result<Variation, TrainerError> {
        let samples = self.samples(step);
        let declared = self.trainer.learning_rate(step);
        let kinds = [InRunKind::LrTamper, InRunKind::LrRecorded];
        let factor = kinds.into_iter().find_map(|kind| self.strength(kind, step));
        Ok(Variation {
            batches: self.batches(&samples, step)?,
            stream_seed: Some(self.stream_seed(step)),
            learning_rate_bits: factor.map(|factor| (declared * factor).to_bits()),
            negated: self.acts(InRunKind::SignFlip, step),
            unclipped: self.acts(InRunKind::ClipOff, step),
            mantissa_bits: self.strength(InRunKind::KernelSwap, step).map(|bits| bits as u32),
            samples: Some(samples),
        })
    }

    fn samples(&mut self, step: u64) -> Vec<u32> {
        let swapped = self.acts(InRunKind::SeedSwap, step);
        let order = if swapped { &mut self.other_order } else { &mut self.order };
        let mut samples = order.samples(step).to_vec();
        if self.acts(InRunKind::OrderSwap, step) {
            // A few samples may be in order by chance.
            if samples.is_sorted() {
                samples.reverse();
            } else {
                samples.sort_unstable();
            }
        }
        samples
    }

    fn stream_seed(&self, step: u64) -> u64 {
        let kinds = [InRunKind::SeedSwap, InRunKind::DropoutOff];
        let other = kinds.into_iter().any(|kind| self.acts(kind, step));
        let seed = if other { other_seed(&self.spec, &self.attack) } else { self.spec.root_seed };
        step_seed(seed, step)
    }

    /// Alters the first micro-batch, if that is the attack.
    fn batches(&self, samples: &[u32], step: u64) -> Result<Option<Vec<Batch>>, TrainerError> {
        let labels = self.strength(InRunKind::LabelFlip, step);
        let inputs = self.strength(InRunKind::PixelEdit, step);
        if labels.or(inputs).is_none() {
            return Ok(None);
        }
        let batches = self.data.batches(self.spec.micro_batches(step, samples));
        let mut batches = batches.map_err(|problem| TrainerError::Samples { step, problem })?;
        if let Some(first) = batches.first_mut() {
            labels.into_iter().for_each(|count| relabel(first, count as usize));
            inputs.into_iter().for_each(|count| stamp(first, count as usize));
        }
        Ok(Some(batches))
    }

    /// Edits the state that `step` begins with.
    fn edit_before(&mut self, step: u64) -> Result<(), TrainerError> {
        if self.acts(InRunKind::MomentReset, step) {
            let state = self.trainer.capture(step)?;
            self.trainer.restore(&forget_moments(&state))?;
        }
        Ok(())
    }

    /// Edits the state that the step ended in, and what is recorded of it.
    fn edit_after(&mut self, step: u64, trace: &mut StepTrace) -> Result<(), TrainerError> {
        if let Some(factor) = self.strength(InRunKind::LrRecorded, step) {
            let declared = f64::from_bits(trace.learning_rate_bits);
            trace.learning_rate_bits = (declared * factor).to_bits();
        }
        let ulps = self.strength(InRunKind::InRunEdit, step);
        let factor = self.strength(InRunKind::MomentEdit, step);
        let push = self.strength(InRunKind::UnderTolerance, step);
        let push = push.filter(|_| self.spec.is_boundary(step + 1));
        if ulps.or(factor).or(push).is_none() {
            return Ok(());
        }
        let mut state = self.trainer.capture(step + 1)?;
        if let (Some(ulps), Some(first)) = (ulps, self.gradient_layout().tensors().first()) {
            move_first_element(&mut state, &first.name, ulps as i64);
        }
        if let Some(factor) = factor {
            state = scale_moments(state, factor as f32);
        }
        if let Some(ulps) = push {
            state = push_weights(state, ulps);
        }
        self.trainer.restore(&state)?;
        if !trace.state.is_empty() {
            trace.state = state.fingerprints();
        }
        Ok(())
    }
}

/// Whoever asks for a variation gets that one, and no attack.
impl Wrapper for Saboteur {
    fn inner(&self) -> &dyn Trainer {
        self.trainer.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn Trainer {
        self.trainer.as_mut()
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        if !request.is_declared() {
            return self.trainer.step(step, request);
        }
        self.edit_before(step)?;
        let variation = self.variation(step)?;
        let mut trace = self.trainer.step(step, &Request { variation, detail: request.detail })?;
        self.edit_after(step, &mut trace)?;
        Ok(trace)
    }
}
