//! Reading a recording and checking it without replaying anything.

pub(in crate::verify) mod agreed;
pub(in crate::verify) mod batches;
pub(in crate::verify) mod boundary;
pub(in crate::verify) mod derivation;
pub(in crate::verify) mod devices;
pub(in crate::verify) mod examination;
pub(in crate::verify) mod expected;
pub(in crate::verify) mod far;
pub(in crate::verify) mod pruned;
pub(in crate::verify) mod recording;
pub(in crate::verify) mod so_far;
pub(in crate::verify) mod tally;
