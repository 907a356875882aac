//! The whole state of a training run at one step: what it holds, its names,
//! its root, its fingerprints, and where two states differ.
//!
//! A state is a list of tensors in canonical order: parameters, buffers,
//! optimizer moments and counters, each under its module path
//! (`model.fc1.weight`, `optimizer.fc1.weight.moment_1`, `run.step`).

mod block;
mod difference;
mod dtype;
mod fingerprint;
mod layout;
mod length;
mod root;

pub use difference::{Difference, TensorDifference, state_differences, ulp_distance};
pub(crate) use difference::{LayoutPair, Scan, layout_pairs};
pub use dtype::DType;
pub use fingerprint::{
    FINGERPRINT_BLOCK_BYTES, Fingerprint, Fingerprinter, fingerprint, fingerprint_keys,
    fingerprint_of_sums,
};
pub(crate) use layout::RANK_MAX;
pub use layout::{Layout, LayoutError, TENSORS_MAX, TensorSpec};
pub use root::{LeafHasher, ModelRoot, StateRoot, merkle_root, model_root};

use std::sync::Arc;

/// Holds the whole state at one step, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    layout: Arc<Layout>,
    tensors: Vec<Vec<u8>>,
}

impl State {
    /// Joins a layout and the bytes of its tensors (row-major, little-endian),
    /// in the layout's order.
    ///
    /// # Errors
    /// [`LayoutError::Bytes`] if a tensor's bytes do not fill its shape.
    pub fn new(layout: Arc<Layout>, tensors: Vec<Vec<u8>>) -> Result<Self, LayoutError> {
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
        let (specs, tensors) = named.into_iter().unzip();
        Self::new(Arc::new(Layout::new(specs)?), tensors)
    }

    /// Returns the names, types and shapes.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Returns every tensor with its bytes, in canonical order.
    pub fn tensors(&self) -> impl Iterator<Item = (&TensorSpec, &[u8])> {
        self.layout.tensors().iter().zip(self.tensors.iter().map(Vec::as_slice))
    }

    /// Returns the bytes of one tensor.
    pub fn tensor(&self, name: &str) -> Option<(&TensorSpec, &[u8])> {
        let index = self.layout.position(name)?;
        Some((&self.layout.tensors()[index], &self.tensors[index]))
    }

    /// Returns the bytes of one tensor, to change them.
    pub fn tensor_mut(&mut self, name: &str) -> Option<&mut [u8]> {
        let index = self.layout.position(name)?;
        Some(&mut self.tensors[index])
    }

    /// Returns the total size of the tensors in bytes.
    pub fn byte_len(&self) -> u64 {
        self.layout.tensors().iter().map(TensorSpec::byte_len).sum()
    }

    /// Returns the root over the whole state.
    pub fn root(&self) -> StateRoot {
        let leaves = self.tensors().map(|(spec, bytes)| {
            let mut leaf = LeafHasher::new(spec);
            leaf.update(bytes);
            leaf.finish()
        });
        merkle_root(&leaves.collect::<Vec<_>>())
    }

    /// Returns the fingerprint of each tensor, in canonical order.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.tensors.iter().map(|bytes| fingerprint(bytes)).collect()
    }
}
