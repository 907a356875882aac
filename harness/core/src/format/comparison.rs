//! Comparing two stored states, in pieces: memory does not grow with their size.

use std::ops::ControlFlow::{self, Break, Continue};

use super::pieces::Pieces;
use super::{Checkpoint, CheckpointError};
use crate::state::{LayoutPair, Scan, TensorDifference, layout_pairs, wider};

/// Says how two stored states differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Every tensor that differs, in canonical order; last those that only the other state has.
    pub differences: Vec<TensorDifference>,
    /// Largest absolute difference of two elements; none where all are the same, or where one
    /// of two that differ is not finite.
    pub absolute_max: Option<f64>,
}

impl Checkpoint {
    /// Compares two checkpoints tensor by tensor.
    ///
    /// # Errors
    /// That one of them cannot be read.
    pub fn differences(&self, replayed: &Self) -> Result<Vec<TensorDifference>, CheckpointError> {
        self.compare(replayed).map(|found| found.differences)
    }

    /// Compares two checkpoints tensor by tensor, and says by how much they differ at most.
    ///
    /// # Errors
    /// That one of them cannot be read.
    pub fn compare(&self, replayed: &Self) -> Result<Comparison, CheckpointError> {
        let mut found = Comparison::default();
        let mut most = 0f64;
        let mut pieces = (Pieces::new(self.source.as_ref()), Pieces::new(replayed.source.as_ref()));
        for pair in layout_pairs(&self.layout, &replayed.layout) {
            found.differences.extend(match pair {
                LayoutPair::Comparable(spec, index, other) => {
                    let starts = (self.offsets[index], replayed.offsets[other]);
                    let mut scan = Scan::new(spec.dtype);
                    let all = |a: &[u8], b: &[u8]| {
                        scan.update(a, b);
                        Continue(())
                    };
                    // To the end, as what differs is counted.
                    let _ = pieces.0.zip(&mut pieces.1, starts, spec.byte_len(), all)?;
                    most = wider(most, scan.absolute_max());
                    scan.finish(spec).map(|difference| TensorDifference::new(spec, difference))
                }
                LayoutPair::Different(difference) => Some(difference),
            });
        }
        found.absolute_max = Some(most).filter(|most| most.is_finite() && *most > 0.0);
        Ok(found)
    }

    /// Says whether two checkpoints hold the same tensors, bit for bit. It reads no further than
    /// the first piece that differs.
    ///
    /// # Errors
    /// That one of them cannot be read.
    pub fn is_same(&self, other: &Self) -> Result<bool, CheckpointError> {
        if self.layout != other.layout {
            return Ok(false);
        }
        let mut pieces = (Pieces::new(self.source.as_ref()), Pieces::new(other.source.as_ref()));
        for (index, spec) in self.layout.tensors().iter().enumerate() {
            let starts = (self.offsets[index], other.offsets[index]);
            let equal = |a: &[u8], b: &[u8]| if a == b { Continue(()) } else { Break(()) };
            let came: ControlFlow<()> =
                pieces.0.zip(&mut pieces.1, starts, spec.byte_len(), equal)?;
            if came.is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
