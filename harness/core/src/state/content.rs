//! The bytes of a tensor: owned, or lent by whoever brought them from a device.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Memory that somebody else manages, such as pages that a GPU copies to.
pub type Lent = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Holds the bytes of one tensor. Some are large, so what was brought from a device is not
/// copied once more.
#[derive(Clone)]
pub enum Content {
    /// They are this state's.
    Owned(Vec<u8>),
    /// They are read where they lie.
    Lent(Lent),
}

impl Content {
    /// Returns the bytes, to change them; lent ones are copied first.
    pub(super) fn to_mut(&mut self) -> &mut [u8] {
        if let Self::Lent(_) = self {
            *self = Self::Owned(self.to_vec());
        }
        match self {
            Self::Owned(bytes) => bytes,
            Self::Lent(_) => &mut [],
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Lent(bytes) => bytes.as_ref().as_ref(),
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_read_in_place_and_changed_in_a_copy() {
        let memory: Arc<Vec<u8>> = Arc::new(vec![1, 2, 3]);
        let mut content = Content::Lent(memory.clone());
        assert!(std::ptr::eq(&*content, memory.as_slice()));
        assert_eq!(content, Content::from(vec![1, 2, 3]));
        content.to_mut()[0] = 9;
        assert_eq!((&*content, &memory[..]), (&[9, 2, 3][..], &[1, 2, 3][..]));
    }
}
