//! One night at a time on one ledger.
//!
//! The lease is a lock of the operating system on a file beside the ledger: it is given back
//! when its holder dies, however it dies, so a dead one never has to be guessed at.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use reenact_core::sanitize::plain;

/// How much of what a holder says of itself is read.
const WORDS_BYTES_MAX: u64 = 512;

/// Holds the right to be the one night on a ledger, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

/// Says why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another night runs.
    #[error("another night runs on this ledger: {0}")]
    Held(String),
    /// The file cannot be used.
    #[error("{path}: {problem}")]
    File {
        /// Its path.
        path: String,
        /// What the operating system said.
        problem: std::io::Error,
    },
}

impl Lease {
    /// Takes the lease of a ledger, and leaves there who holds it.
    pub fn take(ledger: &Path, holder: &str) -> Result<Self, LeaseError> {
        let path = Self::path(ledger);
        let refuse = |problem| LeaseError::File { path: path.display().to_string(), problem };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(refuse)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(refuse)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut words = String::new();
                let _ = file.take(WORDS_BYTES_MAX).read_to_string(&mut words);
                return Err(LeaseError::Held(plain(words.trim())));
            }
            Err(TryLockError::Error(problem)) => return Err(refuse(problem)),
        }
        let written = file.set_len(0).and_then(|()| file.rewind());
        written.and_then(|()| file.write_all(holder.as_bytes())).map_err(refuse)?;
        Ok(Self { file })
    }

    fn path(ledger: &Path) -> PathBuf {
        let mut name = ledger.as_os_str().to_owned();
        name.push(".night");
        name.into()
    }
}

impl Drop for Lease {
    /// A worker that is being started may hold the same file open: the lock goes at once.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_a_dead_one_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("state/ledger.sqlite");
        let first = Lease::take(&ledger, "process 1 on a, since 2026-11-26").unwrap();
        let said = Lease::take(&ledger, "b").unwrap_err().to_string();
        assert!(said.contains("process 1 on a"), "{said}");
        drop(first);
        let second = Lease::take(&ledger, "b").unwrap();
        assert!(Lease::take(&ledger, "c").unwrap_err().to_string().ends_with(": b"));
        drop(second);
    }
}
