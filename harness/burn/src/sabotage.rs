//! Attacks that a training plants in itself: all of them, in one place.
//!
//! They exist to be caught. The rest of the engine asks here what to use
//! instead of what is declared; without an attack every answer is the honest
//! one.

use burn::tensor::{Device, Tensor};
use reenact_core::attack::{InRunAttack, InRunKind};
use reenact_core::data::{Batch, BatchTensor};
use reenact_core::spec::Spec;
use reenact_core::state::DType;
use reenact_core::steering::{initial_seed, step_seed};
use reenact_core::trainer::TrainerError;

use crate::convert::tensor_data;
use crate::rule::{Rule, Slot};

/// Elements of a sample that the patch covers.
const PATCH: usize = 4;

/// Turns a seed into another.
const OTHER: u64 = 0x5eed;

/// Answers for the attack of a training, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Sabotage(Option<InRunAttack>);

impl Sabotage {
    /// Checks that the attack has a place in this training.
    pub(crate) fn new(
        attack: Option<InRunAttack>,
        spec: &Spec,
        rule: &Rule,
        sample: &Batch,
    ) -> Result<Self, TrainerError> {
        let Some(attack) = attack else { return Ok(Self(None)) };
        let place = match attack.kind {
            InRunKind::OrderSwap => spec.samples_per_step() > 1,
            InRunKind::LabelFlip => sample.tensors.iter().any(is_label),
            InRunKind::PixelEdit => sample.tensors.first().is_some_and(can_patch),
            InRunKind::MomentEdit => !rule.moments().is_empty(),
            _ => true,
        };
        if place { Ok(Self(Some(attack))) } else { Err(refuse(attack.kind)) }
    }

    /// Returns the kind of the attack.
    pub(crate) fn kind(&self) -> Option<InRunKind> {
        self.0.as_ref().map(|attack| attack.kind)
    }

    fn strength(&self, kind: InRunKind, step: u64) -> Option<f64> {
        self.0.as_ref().filter(|attack| attack.acts(kind, step)).map(|attack| attack.strength)
    }

    fn acts(&self, kind: InRunKind, step: u64) -> bool {
        self.strength(kind, step).is_some()
    }

    /// Returns the root seed in use at `step`.
    pub(crate) fn root_seed(&self, declared: u64, step: u64) -> u64 {
        if self.acts(InRunKind::SeedSwap, step) { declared ^ OTHER } else { declared }
    }

    /// Returns the seed of the initial weights.
    pub(crate) fn initial_seed(&self, declared: u64) -> u64 {
        initial_seed(self.root_seed(declared, 0))
    }

    /// Returns the seed of the step's random stream.
    pub(crate) fn stream_seed(&self, declared: u64, step: u64) -> u64 {
        let root_seed = self.root_seed(declared, step);
        let other = self.acts(InRunKind::DropoutOff, step);
        step_seed(if other { root_seed ^ OTHER } else { root_seed }, step)
    }

    /// Returns the learning rates: the recorded one, and the one in use.
    pub(crate) fn learning_rates(&self, declared: f64, step: u64) -> (f64, f64) {
        if let Some(factor) = self.strength(InRunKind::LrRecorded, step) {
            return (declared * factor, declared * factor);
        }
        (declared, declared * self.strength(InRunKind::LrTamper, step).unwrap_or(1.0))
    }

    /// Reorders the samples of a step.
    pub(crate) fn samples(&self, samples: &mut [u32], step: u64) {
        if self.acts(InRunKind::OrderSwap, step) {
            samples.sort_unstable();
        }
    }

    /// Alters the first micro-batch of a step.
    pub(crate) fn batch(&self, batch: &mut Batch, step: u64) {
        if let Some(count) = self.strength(InRunKind::LabelFlip, step) {
            batch.tensors.iter_mut().filter(|tensor| is_label(tensor)).for_each(|t| flip(t, count));
        }
        if let (Some(count), Some(tensor)) =
            (self.strength(InRunKind::PixelEdit, step), batch.tensors.first_mut())
        {
            stamp(tensor, count);
        }
    }

    /// Says whether the update takes the gradient's sign turned round.
    pub(crate) fn negates(&self, step: u64) -> bool {
        self.acts(InRunKind::SignFlip, step)
    }

    /// Says what is edited after the update. `first` is the first trainable
    /// item in canonical order.
    pub(crate) fn edits(&self, first: Option<usize>, step: u64) -> Edits {
        let weight = self.strength(InRunKind::InRunEdit, step);
        Edits {
            weight: first.zip(weight.map(|ulps| ulps as i64)),
            moments: self.strength(InRunKind::MomentEdit, step),
        }
    }
}

/// Makes the error for an attack that this training has no place for.
pub(crate) fn refuse(kind: InRunKind) -> TrainerError {
    TrainerError::Attack(kind.to_string())
}

/// Holds the edits of one update.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edits {
    weight: Option<(usize, i64)>,
    moments: Option<f64>,
}

impl Edits {
    /// Scales the moments.
    pub(crate) fn moments<const D: usize>(self, mut slot: Slot) -> Slot {
        if let Some(factor) = self.moments {
            let scale = |moment| Tensor::<D>::from_bridge(moment).mul_scalar(factor).into_bridge();
            slot.moments = slot.moments.into_iter().map(scale).collect();
        }
        slot
    }

    /// Adds units in the last place to the first element of the chosen item.
    pub(crate) fn weight<const D: usize>(
        self,
        item: usize,
        tensor: Tensor<D>,
        device: &Device,
    ) -> Tensor<D> {
        let Some((_, ulps)) = self.weight.filter(|(chosen, _)| *chosen == item) else {
            return tensor;
        };
        let shape = tensor.dims();
        let data = tensor.into_data();
        let element_type = data.dtype();
        let mut bytes = data.as_bytes().to_vec();
        let size = element_type.size().min(bytes.len());
        add(&mut bytes[..size], ulps);
        let Some(ours) = crate::convert::element_type(element_type) else { unreachable!() };
        Tensor::from_data(tensor_data(bytes, &shape, ours), (device, element_type))
    }
}

/// Adds to a little-endian integer.
fn add(bytes: &mut [u8], amount: i64) {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let sum = i64::from_le_bytes(wide).wrapping_add(amount).to_le_bytes();
    bytes.copy_from_slice(&sum[..bytes.len()]);
}

fn is_label(tensor: &BatchTensor) -> bool {
    matches!(tensor.name, "labels" | "targets")
}

/// Gives the first samples the label of the first other sample that has
/// another one.
fn flip(tensor: &mut BatchTensor, count: f64) {
    let samples = tensor.shape.first().map_or(0, |&samples| samples);
    let size = tensor.bytes.len() / samples.max(1);
    let honest = tensor.bytes.clone();
    let rows = || honest.chunks_exact(size.max(1));
    for (sample, row) in rows().enumerate().take(count as usize) {
        if let Some(other) = rows().find(|other| *other != row) {
            tensor.bytes[sample * size..][..size].copy_from_slice(other);
        }
    }
}

/// Says whether elements of this type can be compared as unsigned numbers.
fn can_patch(tensor: &BatchTensor) -> bool {
    // The bits of floats that are not negative are in the order of the floats;
    // negative ones count as the largest, which is a value of the data too.
    tensor.dtype != DType::Bool && tensor.shape.iter().skip(1).product::<usize>() > 0
}

/// Sets the first elements of the first samples to the largest value of the
/// batch, so that the value is one that the model can take.
fn stamp(tensor: &mut BatchTensor, count: f64) {
    let element = tensor.dtype.size() as usize;
    let sample = tensor.bytes.len() / tensor.shape.first().map_or(1, |&samples| samples.max(1));
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    let largest = tensor.bytes.chunks_exact(element).max_by_key(|bytes| number(bytes));
    let Some(largest) = largest.map(<[u8]>::to_vec) else { return };
    for row in tensor.bytes.chunks_exact_mut(sample.max(1)).take(count as usize) {
        row.chunks_exact_mut(element).take(PATCH).for_each(|place| place.copy_from_slice(&largest));
    }
}
