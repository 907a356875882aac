//! Altering what a model is given.

use crate::data::{Batch, BatchTensor};
use crate::state::DType;

/// Elements of a sample that the patch covers.
const PATCH: usize = 4;

/// Says whether a tensor of a batch holds what the model is to learn.
pub fn is_label(tensor: &BatchTensor) -> bool {
    matches!(tensor.name, "labels" | "targets")
}

pub(super) fn can_relabel(sample: &Batch) -> bool {
    sample.tensors.iter().any(is_label)
}

/// Says whether elements of this type can be compared as unsigned numbers.
pub(super) fn can_stamp(sample: &Batch) -> bool {
    // The bits of floats that are not negative are in the order of the floats;
    // negative ones count as the largest, which is a value of the data too.
    sample.tensors.first().is_some_and(|tensor| {
        tensor.dtype != DType::Bool && tensor.shape.iter().skip(1).product::<usize>() > 0
    })
}

/// Gives the first `count` samples the label of the first other sample that has
/// another one.
pub fn relabel(batch: &mut Batch, count: usize) {
    batch.tensors.iter_mut().filter(|tensor| is_label(tensor)).for_each(|tensor| {
        let size = sample_bytes(tensor);
        let honest = tensor.bytes.clone();
        let rows = || honest.chunks_exact(size);
        for (sample, row) in rows().enumerate().take(count) {
            if let Some(other) = rows().find(|other| *other != row) {
                tensor.bytes[sample * size..][..size].copy_from_slice(other);
            }
        }
    });
}

/// Sets the first elements of the first `count` samples to the largest value of
/// the batch, so that the value is one that the model can take.
pub(super) fn stamp(batch: &mut Batch, count: usize) {
    let Some(tensor) = batch.tensors.first_mut() else { return };
    let element = tensor.dtype.size() as usize;
    let sample = sample_bytes(tensor);
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    let largest = tensor.bytes.chunks_exact(element).max_by_key(|bytes| number(bytes));
    let Some(largest) = largest.map(<[u8]>::to_vec) else { return };
    for row in tensor.bytes.chunks_exact_mut(sample).take(count) {
        row.chunks_exact_mut(element).take(PATCH).for_each(|place| place.copy_from_slice(&largest));
    }
}

fn sample_bytes(tensor: &BatchTensor) -> usize {
    let samples = tensor.shape.first().map_or(1, |&samples| samples.max(1));
    (tensor.bytes.len() / samples).max(1)
}
