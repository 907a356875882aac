//! The Merkle root over the tensors of a state.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TensorSpec;
use crate::digest::{Digest, Domain, Hasher};

/// What the names of a model's tensors begin with.
const MODEL_PREFIX: &str = "model.";

/// Identifies a whole state, bit for bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateRoot(pub Digest);

impl fmt::Display for StateRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StateRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies what a model computes with, bit for bit: the tensors of a state
/// whose names begin with `model.`, without the optimizer's and the run's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelRoot(pub Digest);

impl fmt::Display for ModelRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ModelRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Hashes one tensor: its name, element type and shape, then its bytes, which
/// may come in pieces.
pub struct LeafHasher(Hasher);

impl LeafHasher {
    /// Starts the leaf of a tensor.
    pub fn new(spec: &TensorSpec) -> Self {
        static DOMAIN: Domain = Domain::new("reenact v1 state leaf");
        let mut hasher = DOMAIN.hasher();
        hasher.bytes(spec.name.as_bytes()).bytes(spec.dtype.name().as_bytes());
        hasher.u64(spec.shape.len() as u64);
        for &size in &spec.shape {
            hasher.u64(size);
        }
        hasher.u64(spec.byte_len());
        Self(hasher)
    }

    /// Returns how many bytes fill what is hashed so far up to a multiple of
    /// `unit`.
    pub(crate) fn room(&self, unit: u64) -> u64 {
        unit - self.0.byte_count() % unit
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.fixed(bytes);
    }

    /// Ends the leaf.
    pub fn finish(&self) -> Digest {
        self.0.finish()
    }
}

/// Joins leaves, in canonical order, into the root: a tree whose left part
/// takes the largest power of two of leaves below their number (RFC 6962), so
/// that one tensor can later be proved against the root. The number of leaves
/// is hashed with the top.
pub fn merkle_root(leaves: &[Digest]) -> StateRoot {
    let top = subtree(leaves);
    let mut hasher = Hasher::new("reenact v1 state root");
    StateRoot(hasher.u64(leaves.len() as u64).fixed(&top.0).finish())
}

/// Joins the leaves of a state that are the model's, in canonical order, into
/// its root: the same tree under a context of its own.
pub fn model_root<'a>(leaves: impl IntoIterator<Item = (&'a TensorSpec, Digest)>) -> ModelRoot {
    let ours = leaves.into_iter().filter(|(spec, _)| spec.name.starts_with(MODEL_PREFIX));
    let leaves: Vec<Digest> = ours.map(|(_, leaf)| leaf).collect();
    let mut hasher = Hasher::new("reenact v1 model root");
    ModelRoot(hasher.u64(leaves.len() as u64).fixed(&subtree(&leaves).0).finish())
}

fn subtree(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::default(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            static DOMAIN: Domain = Domain::new("reenact v1 state node");
            let mut hasher = DOMAIN.hasher();
            hasher.fixed(&subtree(left).0).fixed(&subtree(right).0).finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u64) -> Digest {
        Hasher::new("reenact test").u64(number).finish()
    }

    #[test]
    fn every_leaf_and_their_number_count() {
        let leaves: Vec<_> = (0..5).map(leaf).collect();
        let root = merkle_root(&leaves);
        for i in 0..5 {
            let mut changed = leaves.clone();
            changed[i] = leaf(99);
            assert_ne!(merkle_root(&changed), root);
        }
        assert_ne!(merkle_root(&leaves[..4]), root);
        assert_ne!(merkle_root(&[]), merkle_root(&[Digest::default()]));
    }

    #[test]
    fn left_part_is_a_power_of_two() {
        let node = |a: Digest, b: Digest| {
            Hasher::new("reenact v1 state node").fixed(&a.0).fixed(&b.0).finish()
        };
        let leaves: Vec<_> = (0..3).map(leaf).collect();
        assert_eq!(subtree(&leaves), node(node(leaves[0], leaves[1]), leaves[2]));
    }
}
