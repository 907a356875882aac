//! How far a replay ends from the recorded state, tensor by tensor.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::format::{Calibration, TensorAllowed};
use crate::state::{Difference, LayoutPair, State, TensorDifference, TensorSpec, layout_pairs};
use crate::verify::sketch::{Folder, width};

/// Says how far one tensor of the closing state ends from the recorded one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorDeviation {
    /// The tensor.
    pub name: String,
    /// Number of its elements.
    pub elements: u64,
    /// Length of the segment's update in the replay, at least one unit in the
    /// last place of the largest element.
    pub update_l2: f64,
    /// Length of the residual, replay - recording.
    pub residual_l2: f64,
    /// Largest element of the residual.
    pub residual_max: f64,
    /// One unit in the last place of the tensor's largest element.
    pub ulp: f64,
}

/// Names a tensor that deviates by more than its calibration allows, or that the
/// calibration does not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beyond {
    /// The tensor.
    pub name: String,
    /// The length of its residual, as a share of the update, where it is too long.
    pub relative_l2: Option<Excess>,
    /// Its largest element, in units in the last place, where it is too large.
    pub ulp_max: Option<Excess>,
}

/// Holds a figure that is larger than what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Excess {
    /// What was found.
    pub found: f64,
    /// What is allowed.
    pub allowed: f64,
}

/// Says of which size a tensor's updates and units usually are, so that no
/// deviation is divided by a size that is small by chance: the update of a single
/// bias may come to nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Length of the update of a segment.
    pub update_l2: f64,
    /// One unit in the last place of the largest element.
    pub ulp: f64,
}

impl Usual {
    /// Returns the two measures of a deviation.
    ///
    /// *Relative L2* is the length of `replay - recording` beside that of the
    /// segment's update: what an attacker wants to hide is worth what it is beside
    /// what training did meanwhile; beside the tensor itself a whole segment of a
    /// late training would be small. The update is the replay's, as a recording
    /// could make its own longer. *ULP* is the largest difference of an element in
    /// units in the last place of the tensor's largest element: it sees one edited
    /// weight in a large tensor. An element's own unit would not do, as an honest
    /// difference near zero is millions of those.
    pub fn measures(&self, found: &TensorDeviation) -> [f64; 2] {
        let relative_l2 = found.residual_l2 / found.update_l2.max(self.update_l2);
        [relative_l2, found.residual_max / found.ulp.max(self.ulp)]
    }
}

impl TensorAllowed {
    /// Returns the usual sizes of the tensor.
    pub fn usual(&self) -> Usual {
        Usual { update_l2: self.update_l2_usual, ulp: self.ulp_usual }
    }
}

/// Says how far the closing state of a segment ends from the recorded one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentDeviation {
    /// Every tensor of floats, by name.
    pub tensors: Vec<TensorDeviation>,
    /// Tensors beyond what the calibration allows.
    pub beyond: Vec<Beyond>,
    /// The residuals, folded; in the order of `tensors`. Emptied once they are added up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sketches: Vec<Vec<f64>>,
}

impl SegmentDeviation {
    /// Says whether every float is the recorded one.
    pub(in crate::verify) fn is_zero(&self) -> bool {
        self.tensors.iter().all(|found| found.residual_max == 0.0)
    }

    /// Measures floats, and returns beside them what has to be equal and is
    /// not: other types, tensors that only one side has, and values that are no
    /// numbers.
    pub fn measure(
        opening: &State,
        recorded: &State,
        replayed: &State,
        key: Digest,
    ) -> (Self, Vec<TensorDifference>) {
        let (mut measured, mut unequal) = (Self::default(), Vec::new());
        let count = replayed.layout().tensors().len();
        for pair in layout_pairs(recorded.layout(), replayed.layout()) {
            let spec = match pair {
                LayoutPair::Comparable(spec, ..) => spec,
                LayoutPair::Different(difference) => {
                    unequal.push(difference);
                    continue;
                }
            };
            let bytes = |state| tensor_bytes(state, spec);
            let (theirs, ours) = (bytes(recorded), bytes(replayed));
            let places = width(count, spec.elements());
            let found = spec.dtype.mantissa_bits().and_then(|mantissa| {
                measure(spec, mantissa, [bytes(opening), theirs, ours], (key, places))
            });
            match found {
                Some((tensor, sketch)) => {
                    measured.tensors.push(tensor);
                    measured.sketches.push(sketch);
                }
                None => unequal.extend(
                    Difference::of_bytes(spec, theirs, ours)
                        .map(|difference| TensorDifference::new(spec, difference)),
                ),
            }
        }
        (measured, unequal)
    }

    /// Notes which tensors deviate by more than is allowed.
    pub fn judge(&mut self, calibration: &Calibration) {
        let beyond = |tensor: &TensorDeviation| {
            let name = tensor.name.clone();
            let Some(allowed) = calibration.tensor(&name) else {
                return Some(Beyond { name, relative_l2: None, ulp_max: None });
            };
            let [relative_l2, ulp] = allowed.usual().measures(tensor);
            let over = |found, allowed| (found > allowed).then_some(Excess { found, allowed });
            let relative_l2 = over(relative_l2, allowed.relative_l2_max);
            let ulp_max = over(ulp, allowed.ulp_max);
            relative_l2.or(ulp_max)?;
            Some(Beyond { name, relative_l2, ulp_max })
        };
        self.beyond = self.tensors.iter().filter_map(beyond).collect();
    }
}

/// Returns the bytes of a tensor; none where the state has no such tensor.
/// Most optimizers have no moments before the first step: they begin at zero.
fn tensor_bytes<'a>(state: &'a State, spec: &TensorSpec) -> &'a [u8] {
    let found = state.tensor(&spec.name).filter(|(found, _)| *found == spec);
    found.map_or(&[], |(_, bytes)| bytes)
}

/// Measures one tensor; none if a value of one side alone is no number, or too
/// large for its square to be one.
fn measure(
    spec: &TensorSpec,
    mantissa: i32,
    [opening, recorded, replayed]: [&[u8]; 3],
    (key, places): (Digest, usize),
) -> Option<(TensorDeviation, Vec<f64>)> {
    let size = spec.dtype.size() as usize;
    let (mut update, mut residual, mut residual_max, mut largest) = (0.0, 0.0, 0.0_f64, 0.0_f64);
    let mut folder = Folder::new(key, &spec.name, spec.elements(), places);
    let elements = recorded.chunks_exact(size).zip(replayed.chunks_exact(size));
    for (index, (theirs, ours)) in elements.enumerate() {
        let before = opening.get(index * size..(index + 1) * size);
        let before = before.map_or(Some(0.0), |bytes| spec.dtype.float(bytes))?;
        let ours_float = spec.dtype.float(ours)?;
        let apart = if theirs == ours { 0.0 } else { ours_float - spec.dtype.float(theirs)? };
        if ours_float.is_finite() {
            largest = largest.max(ours_float.abs());
            let moved = ours_float - before;
            update += if moved.is_finite() { moved * moved } else { 0.0 };
        }
        residual += apart * apart;
        residual_max = residual_max.max(apart.abs());
        folder.push(apart);
    }
    let ulp = ulp_of(largest, mantissa);
    let update_l2 = f64::max(update.sqrt(), ulp);
    let residual_l2 = residual.sqrt();
    let finite = [update_l2, residual_l2, residual_l2 / update_l2, residual_max / ulp];
    finite.iter().all(|value| value.is_finite()).then(|| {
        let (name, elements) = (spec.name.clone(), spec.elements());
        let found = TensorDeviation { name, elements, update_l2, residual_l2, residual_max, ulp };
        (found, folder.finish())
    })
}

/// Returns one unit in the last place of a number that is not negative. Below
/// what single precision resolves no unit gets smaller: it would only make
/// noise large.
fn ulp_of(value: f64, mantissa: i32) -> f64 {
    let exponent = (value.max(f64::from(f32::MIN_POSITIVE)).to_bits() >> 52) as i32 - 1023;
    2f64.powi(exponent - mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::DType;

    const NONE: Usual = Usual { update_l2: 0.0, ulp: 0.0 };

    fn state(weights: &[f32], step: u64) -> State {
        let weight =
            TensorSpec { name: "w".into(), dtype: DType::F32, shape: vec![weights.len() as u64] };
        let counter = TensorSpec { name: "step".into(), dtype: DType::U64, shape: vec![] };
        let bytes = weights.iter().flat_map(|value| value.to_le_bytes()).collect();
        State::from_named(vec![(weight, bytes), (counter, step.to_le_bytes().into())]).unwrap()
    }

    fn measured(
        opening: &State,
        recorded: &State,
        replayed: &State,
    ) -> (SegmentDeviation, Vec<TensorDifference>) {
        SegmentDeviation::measure(opening, recorded, replayed, Digest::default())
    }

    #[test]
    fn residual_and_update_are_measured() {
        let (found, unequal) =
            measured(&state(&[0.0, 0.0], 1), &state(&[3.0, 4.5], 1), &state(&[3.0, 4.0], 1));
        assert_eq!(unequal, []);
        let [tensor] = &found.tensors[..] else { panic!("{found:?}") };
        assert_eq!((tensor.update_l2, tensor.residual_l2), (5.0, 0.5));
        // 4 has units of 2^-21.
        assert_eq!(NONE.measures(tensor), [0.1, f64::from(1 << 20)]);
        let usual = Usual { update_l2: 10.0, ulp: 0.5 };
        assert_eq!(usual.measures(tensor), [0.05, 1.0]);
        assert_eq!(found.sketches, [[0.0, -0.5]]);
    }

    #[test]
    fn counters_have_to_be_equal() {
        let (found, unequal) = measured(&state(&[1.0], 1), &state(&[1.0], 3), &state(&[1.0], 2));
        assert_eq!((found.tensors.len(), unequal.len()), (1, 1));
        assert_eq!(unequal[0].name, "step");
    }

    #[test]
    fn what_is_no_number_is_unequal_unless_its_bits_agree() {
        let honest = state(&[1.0, f32::NAN], 1);
        let (found, unequal) = measured(&honest, &honest, &honest);
        assert_eq!((found.tensors[0].residual_l2, unequal.len()), (0.0, 0));
        for other in [f32::NAN, f32::INFINITY] {
            let (found, unequal) =
                measured(&state(&[1.0, 1.0], 1), &state(&[1.0, other], 1), &state(&[1.0, 1.0], 1));
            assert_eq!((found.tensors.len(), unequal.len()), (0, 1), "{other}");
        }
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        let still = state(&[0.0, 0.0], 1);
        let (found, _) = measured(&still, &state(&[0.0, 1e-30], 1), &still);
        assert!(NONE.measures(&found.tensors[0]).iter().all(|value| value.is_finite()));
        let (found, unequal) = measured(&still, &state(&[3e38, -3e38], 1), &still);
        assert!(found.tensors.iter().all(|tensor| NONE.measures(tensor)[1] > 1e30));
        assert_eq!(unequal, []);
    }
}
