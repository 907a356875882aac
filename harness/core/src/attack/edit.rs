//! Edits of a captured state, as an insider makes them.

use std::collections::BTreeMap;

use crate::state::{DType, State};

pub(super) const MODEL: &str = "model.";
pub(super) const OPTIMIZER: &str = "optimizer.";

/// Replaces every element of the `F32` tensors whose names begin with `prefix`.
pub(super) fn edit_floats(
    mut state: State,
    prefix: &str,
    edit: impl Fn(&str, usize, f32) -> f32,
) -> State {
    let names: Vec<String> = state
        .tensors()
        .filter(|(spec, _)| spec.dtype == DType::F32 && spec.name.starts_with(prefix))
        .map(|(spec, _)| spec.name.clone())
        .collect();
    for name in names {
        let elements = state.tensor_mut(&name).unwrap_or_default().as_chunks_mut().0;
        for (index, element) in elements.iter_mut().enumerate() {
            *element = edit(&name, index, f32::from_le_bytes(*element)).to_le_bytes();
        }
    }
    state
}

/// Multiplies every moment of the optimizer.
pub fn scale_moments(state: State, factor: f32) -> State {
    edit_floats(state, OPTIMIZER, |_, _, value| value * factor)
}

/// Adds units in the last place of its largest element to every weight of a tensor.
pub fn push_weights(state: State, ulps: f64) -> State {
    let elements = |bytes: &[u8]| {
        bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four).abs()).fold(0.0, f32::max)
    };
    let largest: BTreeMap<String, f32> =
        state.tensors().map(|(spec, bytes)| (spec.name.clone(), elements(bytes))).collect();
    edit_floats(state, MODEL, |name, _, value| {
        let largest = largest.get(name).copied().unwrap_or_default();
        let unit = f32::from_bits(largest.to_bits() & 0x7f80_0000) * f32::EPSILON;
        value + ulps as f32 * unit
    })
}

/// Drops what the optimizer keeps, as a resumption from weights alone does.
pub fn forget_moments(state: &State) -> State {
    let kept = state.tensors().filter(|(spec, _)| !spec.name.starts_with(OPTIMIZER));
    let kept = kept.map(|(spec, bytes)| (spec.clone(), bytes.to_vec()));
    State::from_named(kept.collect()).expect("a part of a state is one")
}

/// Adds units in the last place to the first element of a tensor.
pub(super) fn move_first_element(state: &mut State, name: &str, ulps: i64) {
    let Some((spec, _)) = state.tensor(name) else { return };
    let size = spec.dtype.size() as usize;
    let Some(bytes) = state.tensor_mut(name).and_then(|bytes| bytes.get_mut(..size)) else {
        return;
    };
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(bytes);
    let sum = i64::from_le_bytes(wide).wrapping_add(ulps).to_le_bytes();
    bytes.copy_from_slice(&sum[..size]);
}
