//! Who vouches for a recording, and how independent the audit of it is.

pub(in crate::verify) mod allowed_signers;
pub(in crate::verify) mod independence;
pub(in crate::verify) mod trusted_builds;
pub(in crate::verify) mod vouched;
