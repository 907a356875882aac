//! Committing to what is recorded so far.

use super::{RecordError, Recorder};
use crate::format::{Object, SecretKey, SoFar};

impl<'a> Recorder<'a> {
    /// Signs what is committed to from now on, boundary by boundary. The whole recording is
    /// signed by [`sign`](super::sign).
    pub fn sign_so_far(&mut self, key: &'a SecretKey) {
        self.key = Some(key);
    }

    /// Commits to the boundary that was reached. The first one has no segment before it, and
    /// at the last one the whole is committed to.
    pub(super) fn commit_so_far(&mut self) -> Result<(), RecordError> {
        if self.next_step == 0 || self.is_done() {
            return Ok(());
        }
        let so_far = SoFar {
            spec: self.spec_digest,
            frames: self.journal.frames(),
            head: self.journal.head(),
            step: self.next_step,
        };
        let file = so_far.file(self.key);
        Ok(self.store.put(Object::SoFar, &mut |out| out.write_all(file.as_bytes()))?)
    }
}
