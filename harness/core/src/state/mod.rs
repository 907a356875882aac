//! The whole state of a training run at one step: what it holds, its names,
//! its root, its fingerprints, and where two states differ.
//!
//! A state is a list of tensors in canonical order: parameters, buffers,
//! optimizer moments and counters, each under its module path
//! (`model.fc1.weight`, `optimizer.fc1.weight.moment_1`, `run.step`).

mod block;
mod content;
mod difference;
mod dtype;
mod fingerprint;
mod layout;
mod length;
mod root;

pub use content::{Content, Lent};
pub use difference::{Difference, TensorDifference, state_differences, ulp_distance};
pub(crate) use difference::{LayoutPair, Scan, layout_pairs};
pub use dtype::DType;
pub use fingerprint::{
    FINGERPRINT_BLOCK_BYTES, Fingerprint, Fingerprinter, fingerprint, fingerprint_keys,
    fingerprint_of_sums,
};
pub(crate) use layout::RANK_MAX;
pub use layout::{Layout, LayoutError, TENSORS_MAX, TensorSpec};
pub(crate) use length::wider;
pub use root::{LeafHasher, ModelRoot, StateRoot, merkle_root, model_root};

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, available_parallelism};

/// A state from this size on is hashed by several threads.
const SHARED_BYTES_MIN: u64 = 1 << 24;
/// At most so many: they wait for the memory then.
const HASHING_THREADS_MAX: usize = 8;

/// Holds the whole state at one step, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    layout: Arc<Layout>,
    tensors: Vec<Content>,
}

impl State {
    /// Joins a layout and the bytes of its tensors (row-major, little-endian),
    /// in the layout's order.
    ///
    /// # Errors
    /// [`LayoutError::Bytes`] if a tensor's bytes do not fill its shape.
    pub fn new<C: Into<Content>>(
        layout: Arc<Layout>,
        tensors: Vec<C>,
    ) -> Result<Self, LayoutError> {
        let tensors: Vec<Content> = tensors.into_iter().map(C::into).collect();
        if tensors.len() != layout.tensors().len() {
            return Err(LayoutError::Count {
                expected: layout.tensors().len(),
                found: tensors.len(),
            });
        }
        for (spec, bytes) in layout.tensors().iter().zip(&tensors) {
            if bytes.len() as u64 != spec.byte_len() {
                return Err(LayoutError::Bytes {
                    name: spec.name.clone(),
                    bytes: bytes.len() as u64,
                });
            }
        }
        Ok(Self { layout, tensors })
    }

    /// Sorts named tensors into canonical order.
    pub fn from_named(named: Vec<(TensorSpec, Vec<u8>)>) -> Result<Self, LayoutError> {
        let mut named = named;
        named.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (specs, tensors): (Vec<TensorSpec>, Vec<Vec<u8>>) = named.into_iter().unzip();
        Self::new(Arc::new(Layout::new(specs)?), tensors)
    }

    /// Returns the names, types and shapes.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Returns every tensor with its bytes, in canonical order.
    pub fn tensors(&self) -> impl Iterator<Item = (&TensorSpec, &[u8])> {
        self.layout.tensors().iter().zip(self.tensors.iter().map(|bytes| &**bytes))
    }

    /// Returns the bytes of one tensor.
    pub fn tensor(&self, name: &str) -> Option<(&TensorSpec, &[u8])> {
        let index = self.layout.position(name)?;
        Some((&self.layout.tensors()[index], &self.tensors[index]))
    }

    /// Returns the bytes of one tensor, to change them.
    pub fn tensor_mut(&mut self, name: &str) -> Option<&mut [u8]> {
        let index = self.layout.position(name)?;
        Some(self.tensors[index].to_mut())
    }

    /// Returns the memory of one tensor, if it is lent.
    pub fn lent(&self, name: &str) -> Option<Lent> {
        match &self.tensors[self.layout.position(name)?] {
            Content::Lent(memory) => Some(memory.clone()),
            Content::Owned(_) => None,
        }
    }

    /// Returns the total size of the tensors in bytes.
    pub fn byte_len(&self) -> u64 {
        self.layout.tensors().iter().map(TensorSpec::byte_len).sum()
    }

    /// Returns the root over the whole state. A large one is hashed by several threads, a tensor
    /// each: a training on a GPU waits for this at each checkpoint.
    pub fn root(&self) -> StateRoot {
        let tensors: Vec<(&TensorSpec, &[u8])> = self.tensors().collect();
        let leaf = |&(spec, bytes): &(&TensorSpec, &[u8])| {
            let mut leaf = LeafHasher::new(spec);
            leaf.update(bytes);
            leaf.finish()
        };
        let threads = match self.byte_len() {
            SHARED_BYTES_MIN.. => available_parallelism().map_or(1, NonZero::get),
            _ => 1,
        };
        merkle_root(&mapped(&tensors, leaf, threads.min(HASHING_THREADS_MAX)))
    }

    /// Returns the fingerprint of each tensor, in canonical order.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.tensors.iter().map(|bytes| fingerprint(bytes)).collect()
    }
}

/// Maps items by some threads, each of which takes the next one that is left; the results stand
/// in the order of the items.
fn mapped<T: Sync, R: Send>(items: &[T], map: impl Fn(&T) -> R + Sync, threads: usize) -> Vec<R> {
    if threads <= 1 {
        return items.iter().map(map).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return found };
            found.push((at, map(item)));
        }
    };
    let mut all = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let found =
            threads.into_iter().map(|thread| thread.join().expect("hashing does not panic"));
        found.flatten().collect::<Vec<_>>()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_gives_one_order() {
        let items: Vec<u32> = (0..1000).collect();
        let alone = mapped(&items, |item| item * 2, 1);
        for threads in [2, 3, 8] {
            assert_eq!(mapped(&items, |item| item * 2, threads), alone, "{threads}");
        }
        assert!(mapped(&[], |item: &u32| *item, 4).is_empty());
    }
}
