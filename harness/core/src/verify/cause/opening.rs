//! Was the stored opening state replaced?

use super::trial::Trial;
use super::{Divergent, Inquiry};
use crate::trainer::Request;
use crate::verify::explanation::Cause;
use crate::verify::replaying::{ReplayError, load};

impl Inquiry<'_> {
    /// Replays the segment before, and tries the state that it really ends in.
    pub(super) fn seek_opening(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let Some(index) = self.segment.index.checked_sub(1) else { return Ok(None) };
        let before = self.recording.segment(index);
        self.trainer.restore(&load(self.recording, before.step_start, self.limit)?)?;
        for step in before.step_start..before.step_end {
            self.take(step, &Request::default())?;
        }
        let state = self.trainer.capture(divergent.step)?;
        if state == divergent.before {
            return Ok(None);
        }
        let trial = Trial::edited_before(Cause::OpeningReplaced, Box::new(move |_| state.clone()));
        Ok(self.attempt(divergent, &trial)?.then_some(trial))
    }
}
