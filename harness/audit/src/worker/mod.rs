//! Both ends of the conversation with a worker: the [`Task`] that it reads from standard
//! input, the [`Message`]s that it writes to standard output, and what it does in between.

mod cost;
mod message;
mod probe;
mod replay;
mod selections;
mod serve;
mod take;
mod task;

pub use cost::Cost;
pub use message::{Message, Taken};
pub use probe::rehearsals;
pub use serve::serve;
pub(crate) use serve::work;
pub use task::{End, Operate, Rehearse, Replay, Seek, Take, Task};
