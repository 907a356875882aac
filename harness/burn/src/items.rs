//! burn's data sets and batchers.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::tensor::Device;
use reenact_core::data::{Batch, DataError, DataSet};
use reenact_core::digest::{Digest, Hasher};

use crate::IntoTensors;

/// Is a data set of burn's, or why it cannot be opened.
pub type Opened<D> = Result<D, Box<dyn Error + Send + Sync>>;

/// Samples are digested in batches of so many.
const DIGESTED: u32 = 256;

/// Makes batches of the items of burn's `Dataset` with burn's `Batcher`, on the processor.
///
/// burn's own loader is not used: with two workers or more it gives another order each time.
pub struct Items<I, B> {
    items: Arc<dyn Dataset<I>>,
    batcher: Arc<dyn Batcher<I, B>>,
}

impl<I, B> Items<I, B> {
    /// Makes batches of these items.
    pub fn new(items: Arc<dyn Dataset<I>>, batcher: Arc<dyn Batcher<I, B>>) -> Self {
        Self { items, batcher }
    }
}

impl<I, B> fmt::Debug for Items<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("samples", &self.items.len()).finish()
    }
}

impl<I, B> DataSet for Items<I, B>
where
    I: Send + Sync + 'static,
    B: IntoTensors + 'static,
{
    fn len(&self) -> u64 {
        self.items.len() as u64
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        let indices = samples.iter().map(|&sample| sample as usize).collect();
        let items = self.items.get_many(indices).map_err(|error| DataError(error.to_string()))?;
        Ok(Batch { tensors: self.batcher.batch(items, &Device::flex()).into_tensors() })
    }

    /// Digests what the batcher makes of all samples in their order, so that a batcher that
    /// makes something else is another data set.
    fn digest(&self) -> Result<Digest, DataError> {
        let samples = u32::try_from(self.items.len())
            .map_err(|_| DataError("it has more samples than can be numbered".into()))?;
        let mut hasher = Hasher::new("reenact v1 data of a batcher");
        hasher.u64(samples.into());
        for first in (0..samples).step_by(DIGESTED as usize) {
            let end = first.saturating_add(DIGESTED).min(samples);
            let batch = self.batch(&(first..end).collect::<Vec<_>>())?;
            for tensor in batch.tensors {
                hasher.bytes(tensor.name.as_bytes()).bytes(tensor.dtype.name().as_bytes());
                hasher.u64(tensor.shape.len() as u64);
                for &size in &tensor.shape {
                    hasher.u64(size as u64);
                }
                hasher.bytes(&tensor.bytes);
            }
        }
        Ok(hasher.finish())
    }
}
