//! What an audit was of.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::state::{ModelRoot, StateRoot};
use crate::verify::recording::Recording;

/// Names what was audited, so that nobody can take the report for one of
/// another recording, nor other weights for those that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Digest of the spec.
    pub spec: Digest,
    /// Digest of the commitment, which binds everything else.
    pub commitment: Digest,
    /// Root of the state that the run ends with; none if it has no end.
    pub state: Option<StateRoot>,
    /// Root of the model in that state; none if it cannot be read any more.
    pub model: Option<ModelRoot>,
}

impl Audited {
    /// Reads what a recording ends with. The model counts only if the state that
    /// it is read from still is the committed one.
    pub fn of(recording: &Recording<'_>) -> Self {
        let end = recording.steps();
        let state = recording.history.checkpoints.get(&end).copied();
        let read = recording.checkpoint(end).and_then(|checkpoint| checkpoint.root_and_model());
        let model = read.ok().filter(|(root, _)| Some(*root) == state).map(|(_, model)| model);
        Self { spec: recording.history.spec, commitment: recording.commitment, state, model }
    }
}
