//! What people see: results, messages, progress, reports.

pub(crate) mod interruption;
pub(crate) mod json;
mod local;
pub(crate) mod manner;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod signal;
mod watch;

pub(crate) use local::local;
pub(crate) use manner::Manner;
pub(crate) use watch::Watch;
