//! Edits of a captured state, as an insider makes them.

use std::collections::BTreeMap;

use half::{bf16, f16};

use crate::state::{DType, State, TensorSpec};

pub(super) const MODEL: &str = "model.";
pub(super) const OPTIMIZER: &str = "optimizer.";

/// Says whether tensors of this type hold what a model computes with.
pub(super) fn is_real(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::Bf16 | DType::F16)
}

/// Reads an element of such a type.
pub(super) fn element(dtype: DType, bytes: &[u8]) -> f32 {
    match (dtype, bytes) {
        (DType::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (DType::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
        (DType::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
        _ => 0.0,
    }
}

fn write(dtype: DType, value: f32, bytes: &mut [u8]) {
    match dtype {
        DType::Bf16 => bytes.copy_from_slice(&bf16::from_f32(value).to_le_bytes()),
        DType::F16 => bytes.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
        _ => bytes.copy_from_slice(&value.to_le_bytes()),
    }
}

/// Replaces every element of the tensors of real numbers whose names begin with `prefix`.
pub(super) fn edit_floats(
    mut state: State,
    prefix: &str,
    edit: impl Fn(&str, usize, f32) -> f32,
) -> State {
    let names: Vec<(String, DType)> = state
        .tensors()
        .filter(|(spec, _)| is_real(spec.dtype) && spec.name.starts_with(prefix))
        .map(|(spec, _)| (spec.name.clone(), spec.dtype))
        .collect();
    for (name, dtype) in names {
        let bytes = state.tensor_mut(&name).unwrap_or_default();
        for (index, bytes) in bytes.chunks_exact_mut(dtype.size() as usize).enumerate() {
            write(dtype, edit(&name, index, element(dtype, bytes)), bytes);
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
    let unit = |(spec, bytes): (&TensorSpec, &[u8])| {
        let elements = bytes.chunks_exact(spec.dtype.size() as usize);
        let largest = elements.map(|bytes| element(spec.dtype, bytes).abs()).fold(0.0, f32::max);
        let epsilon = match spec.dtype {
            DType::Bf16 => bf16::EPSILON.to_f32(),
            DType::F16 => f16::EPSILON.to_f32(),
            _ => f32::EPSILON,
        };
        (spec.name.clone(), f32::from_bits(largest.to_bits() & 0x7f80_0000) * epsilon)
    };
    let units: BTreeMap<String, f32> =
        state.tensors().filter(|(spec, _)| is_real(spec.dtype)).map(unit).collect();
    edit_floats(state, MODEL, |name, _, value| {
        value + ulps as f32 * units.get(name).copied().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(dtype: DType, name: &str, values: &[f32]) -> State {
        let mut bytes = vec![0; values.len() * dtype.size() as usize];
        for (bytes, &value) in bytes.chunks_exact_mut(dtype.size() as usize).zip(values) {
            write(dtype, value, bytes);
        }
        let spec = TensorSpec { name: name.into(), dtype, shape: vec![values.len() as u64] };
        State::from_named(vec![(spec, bytes)]).unwrap()
    }

    fn values(state: &State) -> Vec<f32> {
        let found = state.tensors().flat_map(|(spec, bytes)| {
            bytes.chunks_exact(spec.dtype.size() as usize).map(|bytes| element(spec.dtype, bytes))
        });
        found.collect()
    }

    #[test]
    fn an_edit_is_as_large_as_the_type_allows() {
        let start = [1.0, -0.5, 0.0];
        for (dtype, unit) in [(DType::F32, f32::EPSILON), (DType::Bf16, 0.0078125)] {
            let pushed = push_weights(state(dtype, "model.weight", &start), 1.0);
            assert_eq!(values(&pushed), [1.0 + unit, -0.5 + unit, unit], "{dtype:?}");
        }
        for dtype in [DType::F32, DType::Bf16, DType::F16] {
            let scaled = scale_moments(state(dtype, "optimizer.weight.moment_1", &start), 0.5);
            assert_eq!(values(&scaled), [0.5, -0.25, 0.0], "{dtype:?}");
            let mut moved = state(dtype, "model.weight", &start);
            move_first_element(&mut moved, "model.weight", 1);
            assert!(values(&moved)[0] > 1.0 && values(&moved)[1..] == start[1..], "{dtype:?}");
        }
    }

    #[test]
    fn numbers_of_other_types_stay() {
        for dtype in [DType::U64, DType::F64] {
            let name = "optimizer.weight.time".to_owned();
            let spec = TensorSpec { name, dtype, shape: vec![] };
            let count = State::from_named(vec![(spec, vec![7; 8])]).unwrap();
            assert_eq!(scale_moments(count.clone(), 2.0).root(), count.root(), "{dtype:?}");
        }
    }
}
