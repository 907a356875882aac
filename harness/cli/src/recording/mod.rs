//! Recording a training: the rehearsal before, the room that it takes, the steps, and what is
//! said of it.

mod pushing;
mod recorded;
mod rehearsal;
mod space;
mod training;
mod watchdog;

pub(crate) use pushing::Pushing;
pub(crate) use recorded::{Recorded, say_symptom};
pub(crate) use rehearsal::Rehearsed;
pub(crate) use space::Space;
pub(crate) use training::{Trained, train, train_or_stop};
pub(crate) use watchdog::Watchdog;

/// Threads that a recording is made with unless the user says otherwise: as many as
/// a replay has.
pub(crate) const RECORDING_THREADS: usize = 1;
