//! Where two trainings part, and by how much.

pub(in crate::verify) mod delta;
pub(in crate::verify) mod deviation;
pub(in crate::verify) mod divergence;
pub(in crate::verify) mod explain;
pub(in crate::verify) mod figure;
pub(in crate::verify) mod sketch;
