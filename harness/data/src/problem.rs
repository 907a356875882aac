//! What prevents reading a declared file.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use reenact_core::data::DataError;
use reenact_core::digest::Digest;

/// Says why a file, or a part of it, cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name would lead out of the data folder.
    #[error("{name:?} is no plain name of a file: declared files lie in the data folder itself")]
    Name {
        /// The name.
        name: String,
    },
    /// The file cannot be opened.
    #[error("{}: {error}; put it there, or name its folder with --data-dir", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something else lies there.
    #[error("{}: it is not a regular file", path.display())]
    NotAFile {
        /// The place.
        path: PathBuf,
    },
    /// It is another file than the declared one.
    #[error(
        "{}: its BLAKE3 hash is {found}, and {declared} is declared: restore the file, or correct \
         the hash; `reenact data digest` and `b3sum` print it",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// The hash that was declared.
        declared: Digest,
        /// The hash that it has.
        found: Digest,
    },
    /// Bytes are not the declared ones.
    #[error(
        "{}: bytes {} to {} are not those of the declared file, it was changed: restore it",
        path.display(), range.start, range.end
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Where the change lies, in whole pieces.
        range: Range<u64>,
    },
    /// The file is shorter than when it was opened.
    #[error(
        "{}: it ends before byte {}, though it was longer when it was opened: restore it",
        path.display(), range.end
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What was read.
        range: Range<u64>,
    },
    /// Bytes are asked for that the file does not have.
    #[error("{}: bytes {} to {} are asked for, it has {bytes}", path.display(), range.start, range.end)]
    Beyond {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        range: Range<u64>,
        /// Size of the file.
        bytes: u64,
    },
    /// The system cannot read.
    #[error("{}: bytes {} to {} cannot be read: {error}", path.display(), range.start, range.end)]
    Read {
        /// The file.
        path: PathBuf,
        /// What was read.
        range: Range<u64>,
        /// What the system says.
        error: io::Error,
    },
    /// The hashes of the file's pieces cannot be kept.
    #[error(
        "the hashes of the pieces of {} cannot be kept: {error}; make room, or name another \
         folder for them",
        path.display()
    )]
    Outboard {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The content is not what the program reads.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl From<FileError> for DataError {
    fn from(error: FileError) -> Self {
        Self(error.to_string())
    }
}
