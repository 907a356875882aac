//! What a gate has accepted, and the judgement of what it finds: no process, no file, no
//! clock, no terminal.
//!
//! ```text
//! NAME.toml            the spec
//! NAME.lock            what was accepted of it: one entry a class of device
//! NAME.CLASS.trace     the accepted steps, a line each, so that `git diff` shows where bits moved
//! NAME.CLASS.journal   the beginning of the recording of these steps, which names tensors
//! ```
//!
//! A [`Lock`] is reviewed like code, so it has one canonical text and no other is read.
//!
//! `replay-specs/README.md` is normative for all three formats.

mod class;
mod date;
mod enforce;
mod entry;
mod final_loss;
mod lock;
mod lock_error;
mod lock_text;
mod spoilt;

pub use class::{ClassError, ClassId};
pub use date::{Date, DateError};
pub use enforce::Enforce;
pub use entry::{Accepted, Entry, FactDifference};
pub use final_loss::FinalLoss;
pub use lock::{ENTRIES_MAX, LOCK_FORMAT, Lock, OLD_MAX, STEPS_MAX};
pub use lock_error::LockError;
pub use lock_text::LOCK_BYTES_MAX;
pub use spoilt::Spoilt;
