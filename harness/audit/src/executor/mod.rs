//! Where tasks are done.

mod in_process;
mod processes;

pub use in_process::InProcess;
pub use processes::{Processes, STALL};

use crate::worker::{Message, Task};

/// Does tasks somewhere: in processes of this machine, on other machines.
pub trait Executor: Sync {
    /// Does a task and returns the last message of whoever did it; `step` is called at each
    /// step that is reported. The error says, as the end of a sentence that begins with a
    /// name, why there is none: it is never held against a recording.
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String>;

    /// Returns how many tasks are done at a time.
    fn width(&self) -> usize;
}
