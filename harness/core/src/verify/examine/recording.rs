//! A recording that has been read and is whole enough to be replayed.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::format::{Checkpoint, CheckpointError, History, Object, ReadRun, SoFar};
use crate::spec::Spec;

/// Holds what a recording claims.
pub struct Recording<'a> {
    /// Where its objects are.
    pub run: &'a dyn ReadRun,
    /// What it declared.
    pub spec: Spec,
    /// What its journal says.
    pub history: History,
    /// Digest of its commitment, which keys the challenge.
    pub commitment: Digest,
    /// What was committed to, if the run still trains.
    pub so_far: Option<SoFar>,
}

/// Names the steps between two committed checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Number of the segment; the first is 0.
    pub index: u64,
    /// First step.
    pub step_start: u64,
    /// The step after the last.
    pub step_end: u64,
}

impl Recording<'_> {
    /// Returns the number of steps that are committed to: fewer than the declared ones, if the
    /// run still trains or has ended early.
    pub fn steps(&self) -> u64 {
        match &self.so_far {
            Some(so_far) => so_far.step.min(self.spec.steps),
            None if self.history.ended_early => self.history.step_count().min(self.spec.steps),
            None => self.spec.steps,
        }
    }

    /// Returns the number of segments that are committed to.
    pub fn segment_count(&self) -> u64 {
        self.steps().div_ceil(self.spec.checkpoint_every)
    }

    /// Returns one segment.
    pub fn segment(&self, index: u64) -> Segment {
        let every = self.spec.checkpoint_every;
        let step_start = index * every;
        Segment { index, step_start, step_end: (step_start + every).min(self.steps()) }
    }

    /// Says whether a checkpoint that is too large to be loaded is the committed one.
    /// Nobody hashes terabytes for that: which tensors a step left is in the journal.
    pub(in crate::verify) fn is_as_committed(&self, step: u64, found: &Checkpoint) -> bool {
        self.has_layout_of(step, found)
            .unwrap_or_else(|| found.root().ok().as_ref() == self.history.checkpoints.get(&step))
    }

    /// Says whether a checkpoint has the tensors that the step before `step` left, by the
    /// journal; none where no step came before. It is asked before the content is read: a
    /// sparse file may claim terabytes.
    pub fn has_layout_of(&self, step: u64, found: &Checkpoint) -> Option<bool> {
        let layouts = self.history.layouts(step.checked_sub(1)?)?;
        Some(layouts.state == **found.layout())
    }

    /// Opens the checkpoint that opens `step`.
    pub fn checkpoint(&self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let root = self.history.checkpoints.get(&step).copied().unwrap_or_default();
        Checkpoint::open(self.run.open(Object::Checkpoint(root))?)
    }
}
