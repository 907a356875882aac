//! What the replay of a segment came to.

pub(in crate::verify) mod note;
mod outcome;
pub(in crate::verify) mod segment_report;
pub(in crate::verify) mod witness;
