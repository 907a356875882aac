//! Why a command could not do what it was asked to, and what to do about it.

use reenact_core::format::StoreError;
use reenact_core::record::RecordError;
use reenact_core::sanitize::{one_line, plain, plain_lines};
use reenact_core::spec::SpecError;
use reenact_core::trainer::TrainerError;
use reenact_store::LedgerError;

/// Says why a command failed.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the message has lines of its own, each made plain where it was made.
    has_lines: bool,
}

/// Says who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Whoever asked.
    Usage,
    /// The machine, or the state of a recording, stands in the way.
    Inconclusive,
}

impl Failure {
    /// The user asked for something impossible.
    pub fn usage(message: impl ToString) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The machine, or the state of a recording, stands in the way.
    pub fn inconclusive(message: impl ToString) -> Self {
        Self::new(Kind::Inconclusive, message)
    }

    fn new(kind: Kind, message: impl ToString) -> Self {
        Self { kind, message: message.to_string(), hint: None, has_lines: false }
    }

    /// Says that the message has lines of its own.
    pub fn in_lines(mut self) -> Self {
        self.has_lines = true;
        self
    }

    /// Returns the message as it may be shown: names of files and what is quoted in it break
    /// no line.
    pub fn said(&self) -> String {
        if self.has_lines { plain_lines(&self.message) } else { plain(&self.message) }
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Says what was being done.
    pub fn context(mut self, context: impl std::fmt::Display) -> Self {
        self.message = format!("{}: {}", plain(&context.to_string()), self.message);
        self
    }

    /// Says whether whoever asked can do something about it.
    pub fn is_usage(&self) -> bool {
        self.kind == Kind::Usage
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Self {
        Self::usage(error).in_lines()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists { .. } => {
                Self::usage(error).hint("choose another folder, or go on with `record --resume`")
            }
            StoreError::NoRecording { .. } => Self::usage(error),
            StoreError::LinkedCheckpoints { .. } => Self::usage(error)
                .hint("make `checkpoints` a folder, or record into a folder on the other disk"),
            StoreError::Io { ref problem, .. } | StoreError::Unreadable { ref problem, .. } => {
                let hint = hint_for(problem.kind());
                let failure = Self::inconclusive(&error);
                hint.into_iter().fold(failure, Self::hint)
            }
            _ => Self::inconclusive(error),
        }
    }
}

fn hint_for(kind: std::io::ErrorKind) -> Option<&'static str> {
    use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, StorageFull};
    match kind {
        StorageFull | QuotaExceeded | FileTooLarge => Some(
            "make room, then go on with `record --resume`: it takes up the last state that \
                  was written, and says which step that is",
        ),
        PermissionDenied => Some("check who may read and write there"),
        _ => None,
    }
}

impl From<TrainerError> for Failure {
    fn from(error: TrainerError) -> Self {
        match error {
            TrainerError::Program { .. } => Self::usage(one_line(&error.to_string()))
                .hint("correct the program; RUST_BACKTRACE=1 shows how it came there"),
            TrainerError::Hyperparameter(_)
            | TrainerError::Data { .. }
            | TrainerError::File { .. }
            | TrainerError::Attack(_)
            | TrainerError::AttackSteps { .. } => Self::usage(error),
            TrainerError::Device { .. }
            | TrainerError::Samples { .. }
            | TrainerError::Restore(_)
            | TrainerError::Engine { .. } => Self::inconclusive(error),
        }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            RecordError::Trainer(error) => error.into(),
            RecordError::OtherSpec(_) => Self::usage(error).hint(
                "a recording goes on with the spec it began with: leave the spec out, or record \
                 the other one into another folder",
            ),
            RecordError::SignedByAnother(_) => {
                Self::usage(error).hint("a recording holds one signature")
            }
            error => Self::inconclusive(error),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Foreign { .. } => Self::inconclusive(error),
            error => Self::inconclusive(error)
                .hint("name another file with --ledger, or audit with --no-ledger"),
        }
    }
}
