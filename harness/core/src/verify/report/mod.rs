//! What an audit comes to: evidence, weighed, and the verdict.

pub(in crate::verify) mod audited;
pub(in crate::verify) mod evidence;
mod finish;
mod judged;
pub(in crate::verify) mod model_file;
mod proof;
pub(in crate::verify) mod reach;
pub(in crate::verify) mod weighing;
pub(in crate::verify) mod whole;
