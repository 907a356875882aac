//! Tasks that are done by whoever asks.

use super::Executor;
use crate::programs::Programs;
use crate::worker::{Message, Task, work};

/// Does one task at a time in this process. What two tasks agree on says less here than
/// where each has a process of its own: for tests, and for programs that carry nothing over.
pub struct InProcess<'a>(pub &'a Programs);

impl Executor for InProcess<'_> {
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String> {
        work(self.0, task, &mut |_| step()).map_err(|failure| failure.said())
    }

    fn width(&self) -> usize {
        1
    }
}
