//! Where tasks are done.

mod in_process;
mod processes;

pub use in_process::InProcess;
pub use processes::{Processes, STALL};

use reenact_core::verify::Witness;

use crate::worker::{Message, Task};

/// Does tasks somewhere: in processes of this machine, on other machines.
pub trait Executor: Sync {
    /// Does a task and returns the last message of whoever did it; `step` is called at each
    /// step that is reported. The error says, as the end of a sentence that begins with a
    /// name, why there is none: it is never held against a recording.
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String>;

    /// Returns how many tasks are done at a time.
    fn width(&self) -> usize;

    /// Hears which tasks are going to come first, before any of them does: who hands them to
    /// a queue elsewhere hands in all at once.
    fn prepare(&self, _tasks: &[Task]) {}

    /// Does the same as [`Executor::execute`], and says what did it, where that is not this
    /// process and its device.
    fn done(&self, task: &Task, step: &dyn Fn()) -> Result<Done, String> {
        self.execute(task, step).map(Done::from)
    }
}

/// Holds what came of a task, and what did it.
pub struct Done {
    /// What came of it.
    pub message: Message,
    /// What did it; none for this process and its device.
    pub by: Option<Witness>,
    /// How long it took there; none if that is as long as it was waited for.
    pub seconds: Option<f64>,
    /// What else is to be known of it, if anything.
    pub note: Option<String>,
}

impl From<Message> for Done {
    fn from(message: Message) -> Self {
        Self { message, by: None, seconds: None, note: None }
    }
}
