//! Why a text is no lock, or a lock has no text.

use reenact_core::digest::Digest;

use crate::Spoilt;
use crate::lock::LOCK_FORMAT;

/// Says why a text is no lock; names the line or the key.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Something befell the text.
    #[error(transparent)]
    Spoilt(#[from] Spoilt),
    /// It is something else.
    #[error("line 1: this is no lock, which `reenact gate accept` writes")]
    Foreign,
    /// An older reenact wrote it, in a format that is not read.
    #[error("`format = {found}` is older than {LOCK_FORMAT}: read it with an older reenact")]
    TooOld {
        /// What it says.
        found: u64,
    },
    /// A newer reenact wrote it.
    #[error("`format = {found}` is newer than {LOCK_FORMAT}: use a newer reenact")]
    TooNew {
        /// What it says.
        found: u64,
    },
    /// It is no TOML, or has other keys.
    #[error("{}{problem}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
    Syntax {
        /// Where, if the reader of TOML says.
        line: Option<usize>,
        /// What it says.
        problem: String,
    },
    /// A value is out of its range.
    #[error("`{key}`: {problem}")]
    Value {
        /// Where.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// It is spelled in another way than the one that there is.
    #[error("line {line} is `{found}`, where `reenact gate accept` writes `{expected}`")]
    Spelling {
        /// The first such line.
        line: usize,
        /// What belongs there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// It is of another spec, or of what the spec was before.
    #[error(
        "it was accepted for the spec {}, and the spec is now {}", locked.short(), spec.short()
    )]
    Spec {
        /// What the lock says.
        locked: Digest,
        /// The spec's.
        spec: Digest,
    },
}

impl LockError {
    pub(crate) fn value(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Value { key: key.into(), problem: problem.into() }
    }
}

pub(crate) fn check(
    holds: bool,
    key: impl FnOnce() -> String,
    problem: &str,
) -> Result<(), LockError> {
    if holds { Ok(()) } else { Err(LockError::value(key(), problem)) }
}
