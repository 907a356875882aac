//! The gate: what was accepted of a spec, what a build computes, and whose doing it is where
//! the two differ.
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
//! [`run`] takes trainings in worker processes and asks the questions, each an [`Arm`];
//! [`Locked`] and [`Pending`] are files. Everything else knows no process, file or clock.
//!
//! `replay-specs/README.md` is normative for all three formats.

mod accepted;
mod arm;
mod class;
mod date;
mod enforce;
mod entry;
mod evidence;
mod files;
mod final_loss;
mod found;
mod journal;
mod judgement;
mod lock;
mod lock_error;
mod lock_text;
mod moved;
mod pending;
pub mod run;
mod spoilt;
mod trace;
#[cfg(test)]
mod training;
mod whose;

pub use accepted::AcceptedBits;
pub use arm::Arm;
pub use class::{ClassError, ClassId};
pub use date::{Date, DateError};
pub use enforce::Enforce;
pub use entry::{Accepted, Entry, FactDifference};
pub use evidence::{Evidence, EvidenceError};
pub use files::{Locked, find_specs, lock_path, read_spec};
pub use final_loss::FinalLoss;
pub use found::{ArmFound, GATE_FORMAT, GateFound, MovedFound, SpecFound};
pub use journal::{JOURNAL_BYTES_MAX, Journal, StoredJournalError};
pub use judgement::Judgement;
pub use lock::{ENTRIES_MAX, LOCK_FORMAT, Lock, OLD_MAX, STEPS_MAX};
pub use lock_error::LockError;
pub use lock_text::LOCK_BYTES_MAX;
pub use moved::{Incomparable, Moved, Place};
pub use pending::{Change, Pending};
pub use spoilt::Spoilt;
pub use trace::{JournalBinding, TRACE_BYTES_MAX, TRACE_FORMAT, Trace, TraceError, TraceStep};
pub use whose::{Compared, Comparisons, Listed, Verdict};
