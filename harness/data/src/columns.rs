//! A data set of columns from one or several files.

use reenact_core::data::{Batch, DataError, DataSet};
use reenact_core::digest::{Digest, Hasher};

use crate::column::Column;

/// Puts columns together: images from one file and labels from another, say.
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Column>,
    samples: u64,
}

impl Columns {
    /// Puts `columns` together, which must have the same number of samples.
    ///
    /// # Errors
    /// What is wrong with the columns.
    pub fn new(columns: Vec<Column>) -> Result<Self, String> {
        let samples = columns.first().ok_or("the data set has no column")?.samples();
        let other = columns.iter().find(|column| column.samples() != samples);
        if let (Some(other), Some(first)) = (other, columns.first()) {
            let (count, first) = (other.samples(), first.name());
            let problem = format!("column `{}` has {count} samples", other.name());
            return Err(format!("{problem}, column `{first}` has {samples}"));
        }
        Ok(Self { columns, samples })
    }

    /// Returns the columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the bytes of one sample, in all columns.
    pub fn sample_bytes(&self) -> u64 {
        self.columns.iter().map(Column::sample_bytes).sum()
    }
}

impl DataSet for Columns {
    fn len(&self) -> u64 {
        self.samples
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        let tensors = self.columns.iter().map(|column| column.gather(samples));
        Ok(Batch { tensors: tensors.collect::<Result<_, _>>()? })
    }

    fn is_in_memory(&self) -> bool {
        false
    }

    fn is_made_by_engine(&self) -> bool {
        false
    }

    /// Reads everything once. It is the digest that the same columns have in memory, so that
    /// it does not matter to a spec where samples lie.
    fn digest(&self) -> Result<Digest, DataError> {
        let mut hasher = Hasher::new("reenact v1 data in memory");
        hasher.u64(self.columns.len() as u64);
        self.columns.iter().try_for_each(|column| column.hash_into(&mut hasher))?;
        Ok(hasher.finish())
    }
}
