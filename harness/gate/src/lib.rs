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
//! A [`Lock`] is reviewed like code, so it has one canonical text and no other is read. Its
//! entry binds the [`Trace`], and that the [`Journal`]. An [`Evidence`] is the last two, read
//! or just recorded; [`Moved`] is where two of them part. [`Verdict`] says whose doing that is,
//! and [`Judgement`] with which exit code a gate ends.
//!
//! `replay-specs/README.md` is normative for all three formats.

mod class;
mod date;
mod enforce;
mod entry;
mod evidence;
mod final_loss;
mod journal;
mod judgement;
mod lock;
mod lock_error;
mod lock_text;
mod moved;
mod spoilt;
mod trace;
#[cfg(test)]
mod training;
mod whose;

pub use class::{ClassError, ClassId};
pub use date::{Date, DateError};
pub use enforce::Enforce;
pub use entry::{Accepted, Entry, FactDifference};
pub use evidence::{Evidence, EvidenceError};
pub use final_loss::FinalLoss;
pub use journal::{JOURNAL_BYTES_MAX, Journal, StoredJournalError};
pub use judgement::Judgement;
pub use lock::{ENTRIES_MAX, LOCK_FORMAT, Lock, OLD_MAX, STEPS_MAX};
pub use lock_error::LockError;
pub use lock_text::LOCK_BYTES_MAX;
pub use moved::{Incomparable, Moved, Place};
pub use spoilt::Spoilt;
pub use trace::{JournalBinding, TRACE_BYTES_MAX, TRACE_FORMAT, Trace, TraceError, TraceStep};
pub use whose::{Compared, Comparisons, Listed, Verdict};
