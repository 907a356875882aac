//! Names, types and shapes of the tensors of a state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::DType;

/// Limits the tensors of a state.
pub const TENSORS_MAX: usize = 100_000;

/// Limits a tensor's name in bytes.
pub(super) const NAME_BYTES_MAX: usize = 256;

/// Limits a tensor's rank.
pub(crate) const RANK_MAX: usize = 16;

/// Limits one tensor's size: 2^46 bytes.
pub(super) const TENSOR_BYTES_MAX: u64 = 1 << 46;

/// Describes one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Module path.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape; empty for a scalar.
    pub shape: Vec<u64>,
}

impl TensorSpec {
    /// Returns the number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Returns the size in bytes.
    pub fn byte_len(&self) -> u64 {
        self.elements() * self.dtype.size()
    }

    /// Writes element type and shape for a person, as `F32 [64, 10]`.
    pub fn type_and_shape(&self) -> String {
        format!("{} {:?}", self.dtype.name(), self.shape)
    }

    fn check(&self) -> Result<(), LayoutError> {
        let printable =
            self.name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        // Safetensors keeps one name for itself.
        let free = printable && self.name != "__metadata__";
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !free {
            return Err(LayoutError::Name(self.name.escape_debug().take(NAME_BYTES_MAX).collect()));
        }
        let bytes = self.shape.iter().try_fold(self.dtype.size(), |size, &dim| {
            size.checked_mul(dim).filter(|&size| size <= TENSOR_BYTES_MAX)
        });
        if self.shape.len() > RANK_MAX || bytes.is_none() {
            return Err(LayoutError::Shape { name: self.name.clone() });
        }
        Ok(())
    }
}

/// Lists the tensors of a state in canonical order: by name, bytewise. A copy shares the list,
/// so comparing the two reads no names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<TensorSpec>", into = "Vec<TensorSpec>")]
pub struct Layout(Arc<Vec<TensorSpec>>);

/// Says why tensors make no state.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A name is empty, too long, not printable ASCII, or `__metadata__`.
    #[error(
        "`{0}` is no tensor name: 1 to {NAME_BYTES_MAX} printable ASCII characters are expected"
    )]
    Name(String),
    /// A shape is too deep or too large.
    #[error("tensor `{name}`: the shape has more than {RANK_MAX} dimensions or 2^46 bytes")]
    Shape {
        /// The tensor.
        name: String,
    },
    /// Names are not in strictly ascending order.
    #[error("tensor `{name}` stands twice or out of order")]
    Order {
        /// The tensor.
        name: String,
    },
    /// There are too many tensors.
    #[error("the state has {found} tensors, where {expected} are expected or allowed")]
    Count {
        /// The number wanted or allowed.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// The bytes do not fill the shape.
    #[error("tensor `{name}`: {bytes} bytes do not fill its shape")]
    Bytes {
        /// The tensor.
        name: String,
        /// What was given.
        bytes: u64,
    },
}

impl Layout {
    /// Checks names, shapes and order.
    pub fn new(tensors: Vec<TensorSpec>) -> Result<Self, LayoutError> {
        if tensors.len() > TENSORS_MAX {
            return Err(LayoutError::Count { expected: TENSORS_MAX, found: tensors.len() });
        }
        tensors.iter().try_for_each(TensorSpec::check)?;
        for pair in tensors.windows(2) {
            if pair[0].name >= pair[1].name {
                return Err(LayoutError::Order { name: pair[1].name.clone() });
            }
        }
        Ok(Self(Arc::new(tensors)))
    }

    /// Returns the tensors in canonical order.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.0
    }

    /// Finds a tensor by name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|spec| spec.name.as_str().cmp(name)).ok()
    }
}

impl TryFrom<Vec<TensorSpec>> for Layout {
    type Error = LayoutError;

    fn try_from(tensors: Vec<TensorSpec>) -> Result<Self, LayoutError> {
        Self::new(tensors)
    }
}

impl From<Layout> for Vec<TensorSpec> {
    fn from(layout: Layout) -> Self {
        Arc::unwrap_or_clone(layout.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, shape: &[u64]) -> TensorSpec {
        TensorSpec { name: name.into(), dtype: DType::F32, shape: shape.into() }
    }

    #[test]
    fn order_is_strict() {
        assert!(Layout::new(vec![spec("a", &[1]), spec("b", &[1])]).is_ok());
        assert!(Layout::new(vec![spec("b", &[1]), spec("a", &[1])]).is_err());
        assert!(Layout::new(vec![spec("a", &[1]), spec("a", &[1])]).is_err());
    }

    #[test]
    fn absurd_shapes_are_refused() {
        assert!(Layout::new(vec![spec("a", &[u64::MAX, 2])]).is_err());
        assert!(Layout::new(vec![spec("a", &[1 << 45])]).is_err());
        assert!(Layout::new(vec![spec("a", &[1; 17])]).is_err());
        assert!(Layout::new(vec![spec("a", &[0, 5])]).is_ok());
    }

    #[test]
    fn names_are_printable() {
        for name in ["", "__metadata__", "a b", "a\"b", "é", "a\\b", "\n"] {
            assert!(Layout::new(vec![spec(name, &[1])]).is_err(), "{name:?}");
        }
    }
}
