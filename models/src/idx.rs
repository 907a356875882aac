//! The IDX format, in which MNIST and its relatives come.
//!
//! Big-endian: two zero bytes, a type (8: unsigned bytes), the number of
//! dimensions, one `u32` a dimension, then the elements. Exactly that many
//! bytes are accepted, no fewer and no more.

/// Limits the elements of a file: 2^30, twenty times the full MNIST.
const ELEMENTS_MAX: u64 = 1 << 30;

const UNSIGNED_BYTE: u8 = 8;

/// Holds an IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Sizes of the dimensions; the first counts the items.
    pub dims: Vec<usize>,
    /// Elements, row-major.
    pub bytes: Vec<u8>,
}

/// Says why bytes are no IDX file of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdxError {
    /// The first four bytes are not those of unsigned bytes in this many
    /// dimensions.
    Magic {
        /// The number of dimensions that was expected.
        dimensions: u8,
    },
    /// The file ends within its header.
    Header,
    /// The dimensions multiply to more than is accepted, or one is zero.
    Size,
    /// The elements do not fill the dimensions, or bytes follow them.
    Length {
        /// The number of bytes that the header announces.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
}

impl std::fmt::Display for IdxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Magic { dimensions } => {
                write!(f, "no IDX file of unsigned bytes in {dimensions} dimensions")
            }
            Self::Header => write!(f, "the file ends within its header"),
            Self::Size => write!(f, "a dimension is zero, or there are more than 2^30 elements"),
            Self::Length { expected, found } => {
                write!(f, "the header announces {expected} bytes of data, the file has {found}")
            }
        }
    }
}

impl std::error::Error for IdxError {}

impl Idx {
    /// Reads a file of unsigned bytes in `dimensions` dimensions.
    pub fn parse(file: &[u8], dimensions: u8) -> Result<Self, IdxError> {
        let rest = file
            .strip_prefix(&[0, 0, UNSIGNED_BYTE, dimensions])
            .ok_or(IdxError::Magic { dimensions })?;
        let (header, bytes) =
            rest.split_at_checked(4 * usize::from(dimensions)).ok_or(IdxError::Header)?;
        let sizes = header.as_chunks::<4>().0.iter().map(|size| u32::from_be_bytes(*size));
        let dims: Vec<usize> = sizes.map(|size| size as usize).collect();
        let expected = elements(&dims).ok_or(IdxError::Size)?;
        let found = bytes.len() as u64;
        if expected != found {
            return Err(IdxError::Length { expected, found });
        }
        Ok(Self { dims, bytes: bytes.to_vec() })
    }
}

fn elements(dims: &[usize]) -> Option<u64> {
    let product = dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64))?;
    (1..=ELEMENTS_MAX).contains(&product).then_some(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [u8; 14] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9];

    #[test]
    fn reads_what_is_well_formed() {
        let idx = Idx::parse(&GOOD, 2).unwrap();
        assert_eq!((idx.dims, idx.bytes), (vec![2, 1], vec![7, 9]));
    }

    #[test]
    fn refuses_every_truncation_and_any_excess() {
        for length in 0..GOOD.len() {
            assert!(Idx::parse(&GOOD[..length], 2).is_err(), "{length} bytes");
        }
        let longer = [&GOOD[..], &[0]].concat();
        assert_eq!(Idx::parse(&longer, 2), Err(IdxError::Length { expected: 2, found: 3 }));
    }

    #[test]
    fn refuses_another_type_rank_or_absurd_size() {
        assert_eq!(Idx::parse(&GOOD, 3), Err(IdxError::Magic { dimensions: 3 }));
        let mut floats = GOOD;
        floats[2] = 13;
        assert!(Idx::parse(&floats, 2).is_err());
        let mut huge = GOOD;
        huge[4..12].fill(0xff);
        assert_eq!(Idx::parse(&huge, 2), Err(IdxError::Size));
        let mut empty = GOOD;
        empty[7] = 0;
        assert_eq!(Idx::parse(&empty[..12], 2), Err(IdxError::Size));
    }
}
