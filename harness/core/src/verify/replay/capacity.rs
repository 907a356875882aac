//! Whether a recording can be of the model that its spec asks for.

use crate::format::Object;
use crate::verify::recording::Recording;
use crate::verify::replaying::ReplayError;

impl Recording<'_> {
    /// Says whether a model of so many parameters, of at least one byte each,
    /// can be the recorded one.
    ///
    /// # Errors
    /// The first checkpoint cannot be read, or is not the committed one any more.
    pub fn can_hold(&self, parameters: u64) -> Result<bool, ReplayError> {
        let refuse = |problem| ReplayError::Checkpoint { step: 0, problem };
        let first = self.checkpoint(0).map_err(refuse)?;
        if parameters <= first.byte_len() {
            return Ok(true);
        }
        let root = self.history.checkpoints.get(&0).copied().unwrap_or_default();
        match first.root().map_err(refuse)? == root {
            true => Ok(false),
            false => Err(ReplayError::Changed(Object::Checkpoint(root))),
        }
    }
}
