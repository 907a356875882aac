//! What a recording consists of, and how it is reached.
//!
//! Disk comes in through these traits; `reenact-store` implements them.

use std::fmt;
use std::io::Write;

use super::Instead;
use crate::state::StateRoot;

/// Names one object of a recording. The path of each is fixed by its kind, so
/// that no recording can name a place outside its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// The spec, as canonical text.
    Spec,
    /// The journal.
    Journal,
    /// The commitment.
    Commitment,
    /// The signature of the commitment.
    Signature,
    /// The commitment to what is recorded so far, of a run that still trains.
    SoFar,
    /// The state with this root.
    Checkpoint(StateRoot),
    /// What stands in the place of a state that was pruned.
    Pruned(StateRoot),
    /// Where a recorder that was asked to stop goes on; no part of the recording.
    ResumePoint,
    /// The state there.
    ResumeState,
}

impl fmt::Display for Object {
    /// Writes the path inside the recording, with `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec => f.write_str("spec.toml"),
            Self::Journal => f.write_str("journal"),
            Self::Commitment => f.write_str("commitment"),
            Self::Signature => f.write_str("commitment.sig"),
            Self::SoFar => f.write_str("commitment.so-far"),
            Self::Checkpoint(root) => write!(f, "checkpoints/{root}.safetensors"),
            Self::Pruned(root) => write!(f, "pruned/{root}"),
            Self::ResumePoint => f.write_str("resume"),
            Self::ResumeState => f.write_str("resume.safetensors"),
        }
    }
}

/// Says why an object cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object does not exist.
    #[error("{object} is missing")]
    Missing {
        /// The object.
        object: Object,
    },
    /// The object is something else than a plain file.
    #[error("{object} is {instead}")]
    NotAFile {
        /// The object.
        object: Object,
        /// What lies there.
        instead: Instead,
    },
    /// The folder of checkpoints is a link, so that nothing in it would be read.
    #[error("{path} is a link, and links of a recording are not followed")]
    LinkedCheckpoints {
        /// Where.
        path: String,
    },
    /// The operating system refused.
    #[error("{object}: {problem}")]
    Io {
        /// The object.
        object: Object,
        /// What it said.
        problem: std::io::Error,
    },
    /// The object is larger than anything of its kind.
    #[error("{object} has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// The object.
        object: Object,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The recording exists already.
    #[error("{path} already holds a recording")]
    Exists {
        /// Where.
        path: String,
    },
    /// The recording does not exist.
    #[error("{path} is not a recording: {problem}")]
    NoRecording {
        /// Where.
        path: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// The folder of the recording cannot be looked into.
    #[error("{path} cannot be read: {problem}")]
    Unreadable {
        /// Where.
        path: String,
        /// What the operating system said.
        problem: std::io::Error,
    },
    /// Another process records into the same place.
    #[error("{path} is in use by another recorder; wait for it to end")]
    Locked {
        /// Where.
        path: String,
    },
}

/// Gives the bytes of one object at any offset.
pub trait ReadAt: Send + Sync {
    /// Returns the size in bytes, as it was when the object was opened.
    fn byte_len(&self) -> u64;

    /// Fills `buffer` from `offset` on. An object that has become shorter than
    /// it was is an error.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError>;
}

/// Reads a recording.
pub trait ReadRun: Send + Sync {
    /// Opens an object.
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError>;

    /// Reads a whole object of at most `limit` bytes.
    fn read(&self, object: Object, limit: u64) -> Result<Vec<u8>, StoreError> {
        let source = self.open(object)?;
        let bytes = source.byte_len();
        if bytes > limit {
            return Err(StoreError::TooLarge { object, bytes, limit });
        }
        let mut content = vec![0; bytes as usize];
        source.read_exact_at(0, &mut content)?;
        Ok(content)
    }

    /// Returns where the recording lies, for messages.
    fn place(&self) -> String;

    /// Waits until what was read of an unfinished journal would survive a power failure: it
    /// must not take back what an audit remembers to have seen.
    fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Says whether reading it is dear, as it lies on other machines: nobody reads then what is
    /// not needed.
    fn is_far(&self) -> bool {
        false
    }
}

/// Writes what an object holds.
pub type WriteContent<'a> = &'a mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// Writes a recording.
///
/// A store may write later than it is asked to, but only in the order of the
/// calls: whatever a killed process leaves is what some of them, from the first
/// on, have made; the last of these may be an append in part. What was written
/// can be read after [`WriteRun::sync`]. An error may be that of an earlier
/// call; nothing is written after it.
pub trait WriteRun: ReadRun {
    /// Writes a whole object, so that it is either complete or absent.
    fn put(&mut self, object: Object, write: WriteContent<'_>) -> Result<(), StoreError>;

    /// Appends to the journal.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Removes an object that is no part of the recording, if it is there and
    /// can be removed.
    fn remove(&mut self, object: Object) -> Result<(), StoreError>;

    /// Cuts the journal to `byte_len`, to drop a frame that was written in part.
    fn cut_journal(&mut self, byte_len: u64) -> Result<(), StoreError>;

    /// Waits until everything would survive a power failure.
    fn sync(&mut self) -> Result<(), StoreError>;
}
