//! Stopping between two steps, so that a resumption goes on with the next one.
//!
//! The state is left beside the recording, not in it: a replay takes the whole
//! segment again, from the checkpoint that opens it.

use super::{RecordError, Recorder};
use crate::format::{Event, Object, ResumePoint, write_checkpoint};

/// Says how a recording was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The step that would have come next.
    pub step: u64,
    /// The step that a resumption starts from.
    pub resumes_at: u64,
    /// Why that is an earlier one.
    pub problem: Option<String>,
}

const NEEDS_A_CHECKPOINT: &str = "on this device a training goes on from checkpoints only, as \
                                  kernels are chosen by how tensors lie in memory";

impl Recorder<'_> {
    /// Records that training was asked to stop, and leaves the state for
    /// `resume` to go on from.
    ///
    /// # Errors
    /// If the journal cannot be written. Where only the state cannot, a
    /// resumption starts from the last checkpoint.
    pub fn interrupt(mut self) -> Result<Stopped, RecordError> {
        self.record_selections()?;
        self.append(&Event::RunInterrupted { step: self.next_step })?;
        // Whatever becomes of the state, the steps up to here are kept.
        self.store.sync()?;
        let step = self.next_step;
        let checkpoint = self.checkpoints.last_key_value().map_or(0, |(&step, _)| step);
        if checkpoint == step {
            return Ok(Stopped { step, resumes_at: step, problem: None });
        }
        Ok(match self.leave_resume_state() {
            Ok(()) => Stopped { step, resumes_at: step, problem: None },
            Err(problem) => Stopped { step, resumes_at: checkpoint, problem: Some(problem) },
        })
    }

    fn leave_resume_state(&mut self) -> Result<(), String> {
        if !self.trainer.resumes_anywhere() {
            return Err(NEEDS_A_CHECKPOINT.into());
        }
        let step = self.next_step;
        let state = self.trainer.capture(step).map_err(|error| error.to_string())?;
        let (frames, head) = (self.journal.frames(), self.journal.head());
        let point = ResumePoint { step, frames, head, root: state.root() };
        let text = point.encode();
        let store = &mut self.store;
        // The point last: without it, the state is not believed.
        let written = store
            .put(Object::ResumeState, &mut |out| write_checkpoint(&state, out))
            .and_then(|()| {
                store.put(Object::ResumePoint, &mut |out| out.write_all(text.as_bytes()))
            })
            .and_then(|()| store.sync());
        written.map_err(|error| error.to_string())
    }

    /// Removes what an earlier stop has left, once a later checkpoint is safe.
    pub(super) fn forget_resume_state(&mut self) -> Result<(), RecordError> {
        if !self.resume_state_is_left {
            return Ok(());
        }
        self.store.sync()?;
        self.store.remove(Object::ResumePoint)?;
        self.store.remove(Object::ResumeState)?;
        self.resume_state_is_left = false;
        Ok(())
    }
}
