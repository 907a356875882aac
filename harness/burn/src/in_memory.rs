//! Data sets that fit into memory.

use std::fmt;

use reenact_core::data::{Batch, BatchTensor, DataError, DataSet};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::state::DType;

/// Holds one tensor of a data set: the same for every sample.
#[derive(Clone, PartialEq, Eq)]
pub struct Column {
    /// What it is to the model, such as `images` or `labels`.
    pub name: &'static str,
    /// Element type.
    pub dtype: DType,
    /// Shape of one sample; empty for one number a sample.
    pub shape: Vec<usize>,
    /// Elements of all samples, one after the other, little-endian.
    pub bytes: Vec<u8>,
}

/// Holds a data set in memory and gathers batches from it.
#[derive(Clone)]
pub struct InMemory {
    columns: Vec<Column>,
    samples: usize,
}

impl Column {
    fn sample_bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size() as usize
    }

    fn gather(&self, samples: &[u32]) -> BatchTensor {
        let size = self.sample_bytes();
        let mut bytes = Vec::with_capacity(size * samples.len());
        for &sample in samples {
            bytes.extend_from_slice(&self.bytes[sample as usize * size..][..size]);
        }
        let shape = [&[samples.len()], self.shape.as_slice()].concat();
        BatchTensor { name: self.name, dtype: self.dtype, shape, bytes }
    }
}

impl InMemory {
    /// Holds `columns`, which must have the same number of samples.
    ///
    /// # Errors
    /// What is wrong with the columns.
    pub fn new(columns: Vec<Column>) -> Result<Self, String> {
        let first = columns.first().ok_or("the data set has no column")?;
        let samples = first.bytes.len() / first.sample_bytes().max(1);
        for column in &columns {
            if column.sample_bytes() == 0 || column.sample_bytes() * samples != column.bytes.len() {
                let problem = "has not the samples of the first one";
                return Err(format!("column `{}` {problem}: {samples}", column.name));
            }
        }
        Ok(Self { columns, samples })
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        f.debug_struct("InMemory").field("columns", &names).field("samples", &self.samples).finish()
    }
}

impl DataSet for InMemory {
    fn len(&self) -> u64 {
        self.samples as u64
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        Ok(Batch { tensors: self.columns.iter().map(|column| column.gather(samples)).collect() })
    }

    fn is_made_by_engine(&self) -> bool {
        false
    }

    fn digest(&self) -> Result<Digest, DataError> {
        let mut hasher = Hasher::new("reenact v1 data in memory");
        hasher.u64(self.columns.len() as u64);
        for column in &self.columns {
            hasher.bytes(column.name.as_bytes()).bytes(column.dtype.name().as_bytes());
            hasher.u64(column.shape.len() as u64);
            for &size in &column.shape {
                hasher.u64(size as u64);
            }
            hasher.bytes(&column.bytes);
        }
        Ok(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &'static str, shape: &[usize], bytes: &[u8]) -> Column {
        Column { name, dtype: DType::U8, shape: shape.to_vec(), bytes: bytes.to_vec() }
    }

    #[test]
    fn gathers_samples_in_the_asked_order() {
        let columns =
            vec![column("images", &[2], &[0, 1, 2, 3, 4, 5]), column("labels", &[], &[7, 8, 9])];
        let batch = InMemory::new(columns).unwrap().batch(&[2, 0]).unwrap();
        assert_eq!(batch.tensors[0].bytes, [4, 5, 0, 1]);
        assert_eq!(batch.tensors[0].shape, [2, 2]);
        assert_eq!(batch.tensors[1].bytes, [9, 7]);
        assert_eq!(batch.tensors[1].shape, [2]);
    }

    #[test]
    fn refuses_columns_of_different_length() {
        assert!(InMemory::new(vec![]).is_err());
        let columns = vec![column("a", &[2], &[0, 1, 2, 3]), column("b", &[], &[7])];
        assert!(InMemory::new(columns).unwrap_err().contains("`b`"));
        assert!(InMemory::new(vec![column("a", &[2], &[0, 1, 2])]).is_err());
        assert!(InMemory::new(vec![column("a", &[0], &[])]).is_err());
    }
}
