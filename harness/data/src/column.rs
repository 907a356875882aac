//! Samples of one shape at equal distances in a file.

use std::ops::Range;
use std::sync::Arc;

use reenact_core::data::{BatchTensor, DataError};
use reenact_core::digest::Hasher;
use reenact_core::spec::SAMPLES_MAX;
use reenact_core::state::DType;

use crate::file::VerifiedFile;
use crate::problem::FileError;

/// Limits one sample: a batch of them is held in memory.
const SAMPLE_BYTES_MAX: u64 = 1 << 30;

/// How much of a column is read at once when all of it is.
const SCAN_BYTES: u64 = 1 << 20;

/// Says where the samples of a column lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of samples.
    pub samples: u64,
    /// Offset of the first one, in bytes.
    pub start: u64,
    /// From one sample to the next, in bytes; less than a sample where they overlap.
    pub step: u64,
    /// Whether elements are stored with their highest byte first. A batch never is.
    pub is_big_endian: bool,
}

/// Gives one tensor of a data set from a file.
#[derive(Clone, Debug)]
pub struct Column {
    name: &'static str,
    dtype: DType,
    shape: Vec<usize>,
    place: Place,
    sample_bytes: u64,
    file: Arc<VerifiedFile>,
}

impl Column {
    /// Takes samples of `shape` (without the samples; empty for one number each) from `place`
    /// in a file. The column is `name` to the model.
    ///
    /// # Errors
    /// That the samples do not lie in the file, or that there are none or too many.
    pub fn new(
        name: &'static str,
        file: Arc<VerifiedFile>,
        dtype: DType,
        shape: &[usize],
        place: Place,
    ) -> Result<Self, FileError> {
        let refuse = |problem: String| FileError::Format { path: file.path().to_owned(), problem };
        let elements = shape.iter().try_fold(1u64, |all, &size| all.checked_mul(size as u64));
        let bytes = elements.and_then(|elements| elements.checked_mul(dtype.size()));
        let possible = 1..=SAMPLE_BYTES_MAX;
        let Some(sample_bytes) = bytes.filter(|bytes| possible.contains(bytes)) else {
            return Err(refuse(format!(
                "a sample of `{name}` has the shape {shape:?}; 1 to {SAMPLE_BYTES_MAX} bytes are \
                 possible"
            )));
        };
        if !(1..=SAMPLES_MAX).contains(&place.samples) {
            let problem = format!("`{name}` has {} samples; 1 to {SAMPLES_MAX}", place.samples);
            return Err(refuse(format!("{problem} are possible")));
        }
        let last = place.step.checked_mul(place.samples - 1);
        let end = last.and_then(|last| last.checked_add(place.start)?.checked_add(sample_bytes));
        if end.is_none_or(|end| end > file.bytes()) {
            let problem = format!("{} samples of `{name}` do not lie in it", place.samples);
            return Err(refuse(format!("{problem}: it has {} bytes", file.bytes())));
        }
        Ok(Self { name, dtype, shape: shape.to_vec(), place, sample_bytes, file })
    }

    /// Takes a part of the samples: those for training, say.
    ///
    /// # Errors
    /// That the part is empty or reaches beyond the samples.
    pub fn part(&self, samples: Range<u64>) -> Result<Self, FileError> {
        if samples.is_empty() || samples.end > self.place.samples {
            let problem = format!(
                "`{}` has {} samples, {} to {} are none of them",
                self.name, self.place.samples, samples.start, samples.end
            );
            return Err(FileError::Format { path: self.file.path().to_owned(), problem });
        }
        let start = self.place.start + samples.start * self.place.step;
        let place = Place { samples: samples.end - samples.start, start, ..self.place };
        Ok(Self { place, ..self.clone() })
    }

    /// Returns what it is to the model.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Returns the shape of one sample.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of samples.
    pub fn samples(&self) -> u64 {
        self.place.samples
    }

    /// Returns the bytes of one sample.
    pub(crate) fn sample_bytes(&self) -> u64 {
        self.sample_bytes
    }

    /// Reads samples into one tensor, in the asked order.
    pub(crate) fn gather(&self, samples: &[u32]) -> Result<BatchTensor, DataError> {
        let size = self.sample_bytes as usize;
        let mut bytes = vec![0; size * samples.len()];
        for (&sample, place) in samples.iter().zip(bytes.chunks_exact_mut(size)) {
            self.read(sample.into(), place)?;
        }
        let shape = [&[samples.len()], self.shape.as_slice()].concat();
        Ok(BatchTensor { name: self.name, dtype: self.dtype, shape, bytes })
    }

    /// Adds the column to a digest as if it lay in memory.
    pub(crate) fn hash_into(&self, hasher: &mut Hasher) -> Result<(), DataError> {
        hasher.bytes(self.name.as_bytes()).bytes(self.dtype.name().as_bytes());
        hasher.u64(self.shape.len() as u64);
        self.shape.iter().for_each(|&size| {
            hasher.u64(size as u64);
        });
        hasher.u64(self.sample_bytes * self.place.samples);
        let is_dense = self.place.step == self.sample_bytes;
        let at_once = if is_dense { (SCAN_BYTES / self.sample_bytes).max(1) } else { 1 };
        let mut bytes = vec![0; (self.sample_bytes * at_once.min(self.place.samples)) as usize];
        for first in (0..self.place.samples).step_by(at_once as usize) {
            let count = at_once.min(self.place.samples - first);
            let part = &mut bytes[..(count * self.sample_bytes) as usize];
            self.read(first, part)?;
            hasher.fixed(part);
        }
        Ok(())
    }

    /// Reads from the beginning of a sample.
    fn read(&self, sample: u64, bytes: &mut [u8]) -> Result<(), DataError> {
        if sample >= self.place.samples {
            let problem = format!("there is no sample {sample}");
            return Err(DataError(format!("{}: {problem}", self.file.path().display())));
        }
        self.file.read_at(self.place.start + sample * self.place.step, bytes)?;
        if self.place.is_big_endian {
            bytes.chunks_exact_mut(self.dtype.size() as usize).for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}
