//! The IDX format, in which MNIST and its relatives come.
//!
//! Big-endian: two zero bytes, a type, the number of dimensions, one `u32` a dimension, then
//! the elements. The first dimension counts the samples. Exactly the announced bytes are
//! accepted, no fewer and no more.

use std::sync::Arc;

use reenact_core::state::DType;

use crate::column::{Column, Place};
use crate::file::VerifiedFile;
use crate::problem::FileError;

/// Limits the dimensions; real files have up to four.
const DIMENSIONS_MAX: usize = 8;

/// Holds what stands before the elements of an IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxHeader {
    /// Element type.
    pub dtype: DType,
    /// Sizes of the dimensions; the first counts the samples. None is zero.
    pub dims: Vec<usize>,
    /// Where the elements begin, in bytes.
    pub start: usize,
}

impl IdxHeader {
    /// Reads a header from the beginning of a file of `file_bytes`: its first 36 bytes are
    /// enough.
    ///
    /// # Errors
    /// Why it is no IDX file.
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Self, String> {
        let [0, 0, code, count, rest @ ..] = head else {
            return Err("no IDX file: it does not begin with two zero bytes, a type and the \
                        number of dimensions"
                .into());
        };
        let dtype = dtype(*code).ok_or_else(|| format!("no IDX file: {code} is no type"))?;
        let count = usize::from(*count);
        if !(1..=DIMENSIONS_MAX).contains(&count) {
            let problem = "1 to 8 are possible";
            return Err(format!("no IDX file: {count} dimensions; {problem}"));
        }
        let sizes = rest.get(..4 * count).ok_or("it ends within its header")?;
        let sizes = sizes.as_chunks::<4>().0.iter().map(|size| u32::from_be_bytes(*size));
        let dims: Vec<usize> = sizes.map(|size| size as usize).collect();
        let bytes = dims.iter().try_fold(dtype.size(), |all, &size| all.checked_mul(size as u64));
        let bytes = bytes.filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or_else(|| format!("its dimensions are {dims:?}"))?;
        let start = 4 + 4 * count;
        let found = file_bytes.saturating_sub(start as u64);
        if bytes != found {
            let announced = format!("the header announces {bytes} bytes of data");
            return Err(format!("{announced}, the file has {found}"));
        }
        Ok(Self { dtype, dims, start })
    }
}

fn dtype(code: u8) -> Option<DType> {
    Some(match code {
        0x08 => DType::U8,
        0x09 => DType::I8,
        0x0b => DType::I16,
        0x0c => DType::I32,
        0x0d => DType::F32,
        0x0e => DType::F64,
        _ => return None,
    })
}

/// Opens an IDX file: one column.
#[derive(Clone, Debug)]
pub struct Idx {
    file: Arc<VerifiedFile>,
    header: IdxHeader,
}

impl Idx {
    /// Reads the header.
    ///
    /// # Errors
    /// That it cannot be read, or is none.
    pub fn open(file: Arc<VerifiedFile>) -> Result<Self, FileError> {
        let mut head = vec![0; file.bytes().min(4 + 4 * DIMENSIONS_MAX as u64) as usize];
        file.read_at(0, &mut head)?;
        let header = IdxHeader::parse(&head, file.bytes())
            .map_err(|problem| FileError::Format { path: file.path().to_owned(), problem })?;
        Ok(Self { file, header })
    }

    /// Returns the header.
    pub fn header(&self) -> &IdxHeader {
        &self.header
    }

    /// Gives the elements as a column: one sample for each of the first dimension.
    ///
    /// # Errors
    /// That a sample or their number is too large.
    pub fn column(&self, name: &'static str) -> Result<Column, FileError> {
        let IdxHeader { dtype, dims, start } = &self.header;
        let (samples, shape) = (dims[0] as u64, &dims[1..]);
        let step = shape.iter().map(|size| *size as u64).product::<u64>() * dtype.size();
        let place = Place { samples, start: *start as u64, step, is_big_endian: true };
        Column::new(name, Arc::clone(&self.file), *dtype, shape, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [u8; 14] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9];

    fn parse(file: &[u8]) -> Result<IdxHeader, String> {
        IdxHeader::parse(file, file.len() as u64)
    }

    #[test]
    fn reads_what_is_well_formed() {
        let expected = IdxHeader { dtype: DType::U8, dims: vec![2, 1], start: 12 };
        assert_eq!(parse(&GOOD), Ok(expected));
    }

    #[test]
    fn refuses_every_truncation_and_any_excess() {
        for length in 0..GOOD.len() {
            assert!(parse(&GOOD[..length]).is_err(), "{length} bytes");
        }
        let longer = [&GOOD[..], &[0]].concat();
        assert!(parse(&longer).unwrap_err().contains("announces 2 bytes of data, the file has 3"));
    }

    #[test]
    fn refuses_another_type_rank_or_absurd_size() {
        let with = |at: usize, value: u8| {
            let mut file = GOOD;
            file[at] = value;
            parse(&file)
        };
        assert!(with(0, 1).is_err() && with(2, 10).is_err());
        assert!(with(2, 13).unwrap_err().contains("8 bytes of data"), "floats are longer");
        assert!(with(3, 0).is_err() && with(3, 9).is_err());
        assert!(with(7, 0).unwrap_err().contains("[0, 1]"));
        let huge = [&[0, 0, 14, 8][..], &[0xff; 40]].concat();
        assert!(parse(&huge).is_err());
    }
}
