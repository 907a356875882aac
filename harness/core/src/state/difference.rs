//! Where and by how much two tensors differ.

use serde::{Deserialize, Serialize};

use super::block::{BLOCK_BYTES, block_difference};
use super::dtype::element_bits;
use super::length::Lengths;
use super::{DType, Layout, State, TensorSpec};

/// Says how one tensor differs between two states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorDifference {
    /// The tensor.
    pub name: String,
    /// What differs.
    pub difference: Difference,
}

/// Says what differs in a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    /// Only the recording has it.
    OnlyRecorded,
    /// Only the replay has it.
    OnlyReplayed,
    /// Element type or shape differ.
    Shape {
        /// Type and shape in the recording.
        recorded: String,
        /// Type and shape in the replay.
        replayed: String,
    },
    /// Elements differ.
    Elements {
        /// Number of elements that differ.
        count: u64,
        /// Number of elements in all.
        of: u64,
        /// Index of the first, row-major.
        index_first: u64,
        /// The first one's value in the recording.
        recorded: String,
        /// The first one's value in the replay.
        replayed: String,
        /// Largest distance in units in the last place, for floats and
        /// integers alike; none where a NaN is involved.
        ulp_max: Option<u64>,
        /// L2 norm of the difference against that of the replayed tensor: what the units
        /// cannot say, as half of all floats lie between a little below zero and a
        /// little above it. None where the replayed tensor is all zero, where a value is
        /// not finite, and in reports of before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relative_l2: Option<f64>,
    },
}

impl TensorDifference {
    pub(crate) fn new(spec: &TensorSpec, difference: Difference) -> Self {
        Self { name: spec.name.clone(), difference }
    }
}

/// Pairs what two layouts have, in canonical order.
pub(crate) enum LayoutPair<'a> {
    /// Both have the tensor, at these positions, with the same type and shape.
    Comparable(&'a TensorSpec, usize, usize),
    /// Only one has it, or they differ in type or shape.
    Different(TensorDifference),
}

pub(crate) fn layout_pairs<'a>(recorded: &'a Layout, replayed: &'a Layout) -> Vec<LayoutPair<'a>> {
    let mut pairs = Vec::new();
    for (index, spec) in recorded.tensors().iter().enumerate() {
        pairs.push(match replayed.position(&spec.name) {
            Some(other) if replayed.tensors()[other] == *spec => {
                LayoutPair::Comparable(spec, index, other)
            }
            Some(other) => LayoutPair::Different(TensorDifference::new(
                spec,
                Difference::Shape {
                    recorded: spec.type_and_shape(),
                    replayed: replayed.tensors()[other].type_and_shape(),
                },
            )),
            None => LayoutPair::Different(TensorDifference::new(spec, Difference::OnlyRecorded)),
        });
    }
    let extra = replayed.tensors().iter().filter(|spec| recorded.position(&spec.name).is_none());
    pairs.extend(
        extra.map(|spec| {
            LayoutPair::Different(TensorDifference::new(spec, Difference::OnlyReplayed))
        }),
    );
    pairs
}

/// Compares two states tensor by tensor.
pub fn state_differences(recorded: &State, replayed: &State) -> Vec<TensorDifference> {
    let compare = |pair: LayoutPair<'_>| match pair {
        LayoutPair::Comparable(spec, a, b) => {
            Difference::of_bytes(spec, &recorded.tensors[a], &replayed.tensors[b])
                .map(|difference| TensorDifference::new(spec, difference))
        }
        LayoutPair::Different(difference) => Some(difference),
    };
    layout_pairs(&recorded.layout, &replayed.layout).into_iter().filter_map(compare).collect()
}

impl Difference {
    /// Compares the bytes of one tensor, element by element; none if equal.
    pub fn of_bytes(spec: &TensorSpec, recorded: &[u8], replayed: &[u8]) -> Option<Self> {
        // The common case, at the speed of memory.
        if recorded == replayed {
            return None;
        }
        let mut scan = Scan::new(spec.dtype);
        scan.update(recorded, replayed);
        scan.finish(spec)
    }
}

/// Compares two equally long streams of elements in pieces.
pub(crate) struct Scan {
    dtype: DType,
    position: u64,
    count: u64,
    first: Option<(u64, String, String)>,
    ulp_max: Option<u64>,
    lengths: Lengths,
}

impl Scan {
    pub(crate) fn new(dtype: DType) -> Self {
        let lengths = Lengths::default();
        Self { dtype, position: 0, count: 0, first: None, ulp_max: Some(0), lengths }
    }

    /// Compares the next whole elements.
    pub(crate) fn update(&mut self, recorded: &[u8], replayed: &[u8]) {
        let size = self.dtype.size() as usize;
        let blocks = recorded.chunks(BLOCK_BYTES).zip(replayed.chunks(BLOCK_BYTES));
        for (recorded, replayed) in blocks {
            self.lengths.add(self.dtype, recorded, replayed);
            if recorded != replayed {
                self.note(recorded, replayed);
            }
            self.position += (recorded.len() / size) as u64;
        }
    }

    fn note(&mut self, recorded: &[u8], replayed: &[u8]) {
        let found = block_difference(self.dtype, recorded, replayed);
        self.count += found.count;
        self.ulp_max = self.ulp_max.zip(found.ulp_max).map(|(a, b)| a.max(b));
        if self.first.is_none() {
            self.first = self.first_of(recorded, replayed);
        }
    }

    fn first_of(&self, recorded: &[u8], replayed: &[u8]) -> Option<(u64, String, String)> {
        let size = self.dtype.size() as usize;
        let pairs = recorded.chunks_exact(size).zip(replayed.chunks_exact(size));
        let (index, (a, b)) = pairs.enumerate().find(|(_, (a, b))| a != b)?;
        Some((self.position + index as u64, self.dtype.show(a), self.dtype.show(b)))
    }

    /// Returns the largest absolute difference: 0 if there is none, a NaN where one of two
    /// elements that differ is one.
    pub(crate) fn absolute_max(&self) -> f64 {
        self.lengths.absolute_max()
    }

    pub(crate) fn finish(self, spec: &TensorSpec) -> Option<Difference> {
        let (index_first, recorded, replayed) = self.first?;
        Some(Difference::Elements {
            count: self.count,
            of: spec.elements(),
            index_first,
            recorded,
            replayed,
            ulp_max: self.ulp_max,
            relative_l2: self.lengths.relative(),
        })
    }
}

/// Returns how many representable values lie between two elements: 0 for equal
/// bits, 1 for neighbours; `+0` and `-0` are neighbours too, as their bits
/// differ. None if either is a NaN.
pub fn ulp_distance(dtype: DType, a: &[u8], b: &[u8]) -> Option<u64> {
    let (a, b) = (element_bits(a), element_bits(b));
    let float = |exponent_mask: u64, bits: u32| {
        let magnitude = (1u64 << (bits - 1)) - 1;
        let rank = |value: u64| {
            let size = i128::from(value & magnitude);
            if value & magnitude > exponent_mask {
                None
            } else if value > magnitude {
                // One below zero for -0, so that it differs from +0.
                Some(-size - 1)
            } else {
                Some(size)
            }
        };
        Some(rank(a)?.abs_diff(rank(b)?) as u64)
    };
    let signed = |bits: u32| {
        let widen = |value: u64| i128::from((value << (64 - bits)) as i64 >> (64 - bits));
        Some(widen(a).abs_diff(widen(b)) as u64)
    };
    match dtype {
        DType::F16 => float(0x7c00, 16),
        DType::Bf16 => float(0x7f80, 16),
        DType::F32 => float(0x7f80_0000, 32),
        DType::F64 => float(0x7ff0_0000_0000_0000, 64),
        DType::I8 => signed(8),
        DType::I16 => signed(16),
        DType::I32 => signed(32),
        DType::I64 => signed(64),
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::U64 => Some(a.abs_diff(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32_distance(a: f32, b: f32) -> Option<u64> {
        ulp_distance(DType::F32, &a.to_le_bytes(), &b.to_le_bytes())
    }

    #[test]
    fn neighbours_are_one_apart() {
        assert_eq!(f32_distance(1.0, f32::from_bits(1.0f32.to_bits() + 1)), Some(1));
        assert_eq!(f32_distance(0.0, f32::from_bits(1)), Some(1));
        assert_eq!(f32_distance(0.0, -0.0), Some(1));
        assert_eq!(f32_distance(-0.0, -f32::from_bits(1)), Some(1));
        assert_eq!(f32_distance(f32::MAX, f32::INFINITY), Some(1));
        assert_eq!(f32_distance(f32::NAN, 1.0), None);
        assert_eq!(ulp_distance(DType::I8, &[0xff], &[1]), Some(2));
        assert_eq!(
            ulp_distance(DType::I64, &i64::MIN.to_le_bytes(), &i64::MAX.to_le_bytes()),
            Some(u64::MAX)
        );
    }

    #[test]
    fn counts_and_shows_the_first() {
        let spec = TensorSpec { name: "w".into(), dtype: DType::F32, shape: vec![4] };
        let bytes =
            |values: [f32; 4]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let a = bytes([1.0, 2.0, 3.0, 4.0]);
        let b = bytes([1.0, 2.5, 3.0, -4.0]);
        let found = Difference::of_bytes(&spec, &a, &b).unwrap();
        let Difference::Elements {
            count, of, index_first, recorded, replayed, relative_l2, ..
        } = found
        else {
            panic!()
        };
        let against = (1f64 + 6.25 + 9.0 + 16.0).sqrt();
        assert!(
            (relative_l2.unwrap() - 64.25f64.sqrt() / against).abs() < 1e-12,
            "{relative_l2:?}"
        );
        assert_eq!((count, of, index_first), (2, 4, 1));
        assert_eq!((recorded.as_str(), replayed.as_str()), ("2", "2.5"));
        assert_eq!(Difference::of_bytes(&spec, &a, &a), None);
    }

    #[test]
    fn finds_the_first_beyond_many_equal_blocks() {
        let elements = 5 * BLOCK_BYTES as u64;
        let spec = TensorSpec { name: "w".into(), dtype: DType::F32, shape: vec![elements] };
        let a = vec![0u8; 4 * elements as usize];
        for first in [0, 1, BLOCK_BYTES as u64 / 4 - 1, BLOCK_BYTES as u64, elements - 2] {
            let mut b = a.clone();
            b[4 * first as usize] = 1;
            b[4 * elements as usize - 4] = 3;
            let found = Difference::of_bytes(&spec, &a, &b);
            let Some(Difference::Elements { count, index_first, ulp_max, .. }) = found else {
                panic!("{found:?}")
            };
            assert_eq!((count, index_first, ulp_max), (2, first, Some(3)));
        }
    }
}
