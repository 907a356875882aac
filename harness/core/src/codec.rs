//! The only place that knows bincode.
//!
//! bincode 2.0.1 is unmaintained (RUSTSEC-2025-0141); it is pinned, bounded and
//! kept behind these two functions, so that it can be replaced in one file.
//! Integers are fixed-width little-endian, so a value has one encoding and a
//! reader in another language needs no varint rules. What is hashed and signed
//! are always the stored bytes, never a re-encoding.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::{Serialize, de::DeserializeOwned};

use crate::sanitize::plain;

/// Limits one encoded value: a journal frame of a model with 100,000 tensors
/// stays below it.
pub const VALUE_BYTES_MAX: usize = 1 << 23;

/// Says why bytes are not the encoding of a value.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value does not fit the limit.
    #[error("the value takes more bytes than one of its kind may; at most {VALUE_BYTES_MAX}")]
    TooLarge,
    /// The bytes do not decode.
    #[error("the bytes do not decode: {0}")]
    Malformed(String),
    /// Bytes are left over after the value.
    #[error("{0} bytes are left over after the value")]
    Trailing(usize),
}

fn config() -> Configuration<LittleEndian, Fixint, Limit<VALUE_BYTES_MAX>> {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<VALUE_BYTES_MAX>()
}

/// Encodes a value.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    // At once as long as most frames of a journal are.
    let mut bytes = Vec::with_capacity(1 << 10);
    bincode::serde::encode_into_std_write(value, &mut bytes, config())
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(CodecError::TooLarge);
    }
    Ok(bytes)
}

/// Decodes a value that fills `bytes` exactly.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(CodecError::TooLarge);
    }
    let (value, used) = bincode::serde::decode_from_slice(bytes, config())
        .map_err(|error| CodecError::Malformed(plain(&error.to_string())))?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(CodecError::Trailing(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_trailing_bytes() {
        let mut bytes = encode(&7u32).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<u32>(&bytes), Err(CodecError::Trailing(1))));
    }

    #[test]
    fn refuses_a_length_beyond_the_input() {
        let claim = (1u64 << 60).to_le_bytes();
        assert!(decode::<Vec<u8>>(&claim).is_err());
        assert!(decode::<Vec<u64>>(&claim).is_err());
        assert!(decode::<String>(&claim).is_err());
    }

    #[test]
    fn layout_is_fixed_width_little_endian() {
        let bytes = encode(&(1u32, "ab".to_owned())).unwrap();
        assert_eq!(bytes, [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
    }

    proptest! {
        #[test]
        fn what_decodes_is_encoded_again(
            bytes in prop::collection::vec(prop_oneof![3 => Just(0), 1 => 1u8..4], 0..80),
        ) {
            if let Ok(value) = decode::<(Vec<String>, Option<u16>, bool)>(&bytes) {
                prop_assert_eq!(encode(&value).unwrap(), bytes);
            }
        }
    }
}
