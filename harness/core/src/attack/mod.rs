//! Attacks: what an audit has to withstand, as values that can be planted.
//!
//! They exist to be caught: the tests, the drill and the demonstration plant
//! one and show where an audit finds it.
//!
//! - [`InRunAttack`]: the training process misbehaves while its journal claims
//!   honesty. [`start`] plants it into the trainer of any program.
//! - [`PostHocAttack`]: an insider edits a finished recording and recomputes
//!   every digest that he can. [`plant`] writes the edited recording.

mod edit;
mod forge;
mod in_run;
mod plant;
mod post_hoc;
mod saboteur;
mod tamper;
mod text;

pub use edit::{forget_moments, push_weights, scale_moments};
pub use in_run::{InRunAttack, InRunKind};
pub use plant::{Change, Planted, plant};
pub use post_hoc::{PostHocAttack, PostHocKind};
pub use saboteur::start;
pub use tamper::{is_label, relabel};

use crate::codec::CodecError;
use crate::format::{CheckpointError, HistoryError, JournalError, StoreError};

/// Says why an attack cannot be read or planted.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// The text names no attack.
    #[error("`{text}` is no attack: write {usage}, where ID is one of {known}")]
    Unknown {
        /// The text.
        text: String,
        /// How an attack is written.
        usage: &'static str,
        /// Every known ID.
        known: String,
    },
    /// The recording has no place for the attack.
    #[error("attack `{attack}` has no place in this recording: {problem}")]
    NoPlace {
        /// The attack.
        attack: String,
        /// Why not.
        problem: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal of the recording cannot be read.
    #[error("journal: {0}")]
    History(#[from] HistoryError),
    /// A frame of the journal cannot be read.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// A checkpoint of the recording cannot be read.
    #[error("checkpoint of step {step}: {problem}")]
    Checkpoint {
        /// The step that it opens.
        step: u64,
        /// Why.
        problem: CheckpointError,
    },
    /// A frame is too large to be written.
    #[error("the journal cannot be written: {0}")]
    Frame(#[from] CodecError),
}
