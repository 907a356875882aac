//! Reading a checkpoint's header in bounded memory.
//!
//! What is read here is written again and compared byte for byte; so this only
//! has to take what it needs, and to hold little on the way.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{CHECKPOINT_HEADER_BYTES_MAX, CheckpointError, ReadAt};
use crate::state::{DType, RANK_MAX, TENSORS_MAX, TensorSpec};

/// Reads the bytes of a header, whose length stands before it.
pub(super) fn read_header(source: &dyn ReadAt) -> Result<Vec<u8>, CheckpointError> {
    let found = source.byte_len();
    if found < 8 {
        return Err(CheckpointError::Length { expected: 8, found });
    }
    let mut claimed = [0; 8];
    source.read_exact_at(0, &mut claimed)?;
    let claimed = u64::from_le_bytes(claimed);
    let room = (found - 8).min(CHECKPOINT_HEADER_BYTES_MAX);
    if claimed > room {
        return Err(CheckpointError::HeaderLength { claimed, room });
    }
    let mut header = vec![0; claimed as usize];
    source.read_exact_at(8, &mut header)?;
    Ok(header)
}

/// Lists the tensors of a header, in its order, and where their elements lie.
pub(super) struct Header(pub(super) Vec<(TensorSpec, [u64; 2])>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: DType,
    shape: Shape,
    data_offsets: [u64; 2],
}

struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut specs = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if specs.len() == TENSORS_MAX {
                return Err(A::Error::custom(format!("more than {TENSORS_MAX} tensors")));
            }
            let Entry { dtype, shape: Shape(shape), data_offsets } = map.next_value()?;
            specs.push((TensorSpec { name, dtype, shape }, data_offsets));
        }
        Ok(Header(specs))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {RANK_MAX} dimensions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut shape = Vec::new();
        while let Some(size) = seq.next_element()? {
            if shape.len() == RANK_MAX {
                return Err(A::Error::invalid_length(RANK_MAX + 1, &self));
            }
            shape.push(size);
        }
        Ok(Shape(shape))
    }
}
