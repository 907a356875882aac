//! What earlier audits saw, drew and proved.

pub(in crate::verify) mod coverage;
pub(in crate::verify) mod debt;
pub(in crate::verify) mod proven;
pub(in crate::verify) mod recall;
pub(in crate::verify) mod remembered;
