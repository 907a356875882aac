//! Work that is done beside the training, by the threads of the pool.

use std::sync::mpsc::{Receiver, sync_channel};

/// Holds a result that may still be on its way.
pub(crate) enum Beside<R> {
    /// It was computed at once.
    Done(R),
    /// A thread of the pool computes it.
    Waiting(Receiver<R>),
}

impl<R: Send + 'static> Beside<R> {
    /// Gives work to the pool, which must not depend on what the training does
    /// in the meantime. A single thread is left to the training.
    pub(crate) fn start(threads: usize, work: impl FnOnce() -> R + Send + 'static) -> Self {
        if threads < 2 {
            return Self::Done(work());
        }
        let (sender, receiver) = sync_channel(1);
        // Who waits may have failed and gone.
        rayon::spawn(move || drop(sender.send(work())));
        Self::Waiting(receiver)
    }

    /// Waits for the result.
    pub(crate) fn finish(self) -> R {
        match self {
            Self::Done(result) => result,
            Self::Waiting(receiver) => {
                receiver.recv().expect("a panic in the pool ends the process")
            }
        }
    }
}
