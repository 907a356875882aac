//! The points near a plane that the toy is fitted to, and those on which it is measured.

use std::ops::Range;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reenact_core::data::{Batch, BatchTensor, DataError, DataSet};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::state::DType;

/// Inputs of a point.
pub(crate) const FEATURES: usize = 4;

/// Holds some of the made points, by their numbers.
#[derive(Debug)]
pub(crate) struct Points {
    first: u32,
    count: u32,
}

impl Points {
    /// Those that are trained with.
    pub(crate) const TRAINED: Self = Self { first: 0, count: 64 };
    /// Those that are held out.
    pub(crate) const HELD_OUT: Self = Self { first: 64, count: 24 };

    /// Makes a point, with its target.
    pub(crate) fn point(number: u32) -> ([f32; FEATURES], f32) {
        let mut stream = stream(Hasher::new("reenact toy point").u64(number.into()).finish());
        let features = std::array::from_fn(|_| unit(&mut stream));
        let noise = 0.01 * unit(&mut stream);
        (features, features[0] - 2.0 * features[1] + 0.5 * features[3] + 0.25 + noise)
    }

    /// Returns the numbers of the points.
    pub(crate) fn numbers(&self) -> Range<u32> {
        self.first..self.first + self.count
    }
}

impl DataSet for Points {
    fn len(&self) -> u64 {
        self.count.into()
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        let points = samples.iter().map(|&sample| Self::point(self.first + sample));
        let (features, targets): (Vec<_>, Vec<_>) = points.unzip();
        let tensor = |name, shape, bytes| BatchTensor { name, dtype: DType::F32, shape, bytes };
        let features = to_bytes(&features.concat());
        let features = tensor("features", vec![samples.len(), FEATURES], features);
        let labels = tensor("labels", vec![samples.len()], to_bytes(&targets));
        Ok(Batch { tensors: vec![features, labels] })
    }

    fn is_made_by_engine(&self) -> bool {
        false
    }

    fn digest(&self) -> Result<Digest, DataError> {
        let all: Vec<u32> = (0..self.count).collect();
        let mut hasher = Hasher::new("reenact v1 data toy");
        for tensor in self.batch(&all)?.tensors {
            hasher.bytes(&tensor.bytes);
        }
        Ok(hasher.finish())
    }
}

/// Opens the stream of a key.
pub(crate) fn stream(key: Digest) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(key.0)
}

/// Draws from [-1, 1), in steps that `f32` holds exactly.
pub(crate) fn unit(stream: &mut impl Rng) -> f32 {
    (stream.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// Writes numbers as a tensor holds them.
pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads the numbers of a tensor.
pub(crate) fn to_values(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}
