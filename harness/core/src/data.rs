//! Data sets and batches, as the engine-free side sees them.
//!
//! A data set is a numbered list of samples. A batch is what the model is
//! given: named tensors. Both have digests, so that an edited pixel or a
//! flipped label shows without training anything.

use std::fmt;
use std::slice::Chunks;

use crate::digest::{Digest, Domain, Hasher};
use crate::state::{DType, fingerprint};

/// Holds one tensor of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchTensor {
    /// What it is to the model, such as `images` or `labels`.
    pub name: &'static str,
    /// Element type.
    pub dtype: DType,
    /// Shape; the first dimension counts the samples.
    pub shape: Vec<usize>,
    /// Elements, row-major, little-endian.
    pub bytes: Vec<u8>,
}

/// Holds what the model is given for some samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The tensors, in the program's order.
    pub tensors: Vec<BatchTensor>,
}

impl Batch {
    /// Adds the batch to a running digest. Of the elements only a fingerprint
    /// goes in: a batch digest is the trainer's word about a step, as the
    /// fingerprints beside it are, and is to cost as little.
    fn hash_into(&self, hasher: &mut Hasher) {
        hasher.u64(self.tensors.len() as u64);
        for tensor in &self.tensors {
            hasher.bytes(tensor.name.as_bytes()).bytes(tensor.dtype.name().as_bytes());
            hasher.u64(tensor.shape.len() as u64);
            for &size in &tensor.shape {
                hasher.u64(size as u64);
            }
            hasher.u64(fingerprint(&tensor.bytes).0);
        }
    }

    /// Returns the digest of the micro-batches of one step.
    pub fn digest_step(micro_batches: &[Batch]) -> Digest {
        static DOMAIN: Domain = Domain::new("reenact v1 batch");
        let mut hasher = DOMAIN.hasher();
        hasher.u64(micro_batches.len() as u64);
        for batch in micro_batches {
            batch.hash_into(&mut hasher);
        }
        hasher.finish()
    }
}

/// Returns the digest of the sample numbers of one step.
pub fn samples_digest(samples: &[u32]) -> Digest {
    static DOMAIN: Domain = Domain::new("reenact v1 samples");
    let mut hasher = DOMAIN.hasher();
    hasher.u64(samples.len() as u64);
    let mut bytes = Vec::with_capacity(4 * samples.len());
    samples.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes()));
    hasher.fixed(&bytes).finish()
}

/// Gives samples by number. The training samples only; what is held out for
/// evaluation is the program's own affair.
pub trait DataSet: Send + Sync + fmt::Debug {
    /// Returns the number of training samples.
    fn len(&self) -> u64;

    /// Says whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Builds the batch of the given samples. Every number is below `len`.
    ///
    /// # Errors
    /// That they cannot be read.
    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError>;

    /// Returns the digest over every sample, which the spec pins.
    ///
    /// # Errors
    /// That they cannot be read.
    fn digest(&self) -> Result<Digest, DataError>;

    /// Says whether samples are at hand, and cost nothing but copying. Those in files are read
    /// and verified each time.
    fn is_in_memory(&self) -> bool {
        true
    }

    /// Says whether the engine may have a hand in the batches, so that how it is set decides
    /// their bytes. Of what only copies samples it has none.
    fn is_made_by_engine(&self) -> bool {
        true
    }

    /// Builds the batches of several micro-batches.
    ///
    /// # Errors
    /// That they cannot be read.
    fn batches(&self, micro_batches: Chunks<'_, u32>) -> Result<Vec<Batch>, DataError> {
        micro_batches.map(|samples| self.batch(samples)).collect()
    }
}

/// Says why samples cannot be read: the file and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DataError(pub String);
