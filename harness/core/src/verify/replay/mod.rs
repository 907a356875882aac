//! Re-executing segments, and the first steps of a training.

mod capacity;
pub(in crate::verify) mod curve;
mod instability;
pub(in crate::verify) mod launched;
pub(in crate::verify) mod rehearsal;
pub(in crate::verify) mod replaying;
pub(in crate::verify) mod thinned_steps;
pub(in crate::verify) mod unrecorded;
