//! Waiting for the disk, beside the training.

use std::fs::File;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use reenact_core::format::{Object, StoreError};

/// Files that wait to be synced; each holds a descriptor open. With more, the
/// training waits for the disk.
const WAITING_MAX: usize = 8;

/// Syncs files in a thread of its own, in the order in which they come: a sync
/// takes milliseconds, in which the training goes on.
#[derive(Debug)]
pub(crate) struct Syncing {
    files: SyncSender<(Object, File)>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Syncing {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        let (files, waiting) = sync_channel::<(Object, File)>(WAITING_MAX);
        let sync = |(object, file): (Object, File)| {
            file.sync_data().map_err(|problem| StoreError::Io { object, problem })
        };
        let thread = thread::spawn(move || waiting.into_iter().try_for_each(sync));
        Self { files, thread }
    }

    /// Has a file synced. Returns the thread with the file; if it has failed,
    /// why.
    pub(crate) fn push(self, object: Object, file: File) -> Result<Self, StoreError> {
        match self.files.send((object, file)) {
            Ok(()) => Ok(self),
            // The thread ends early only when it fails.
            Err(_) => Err(self.finish().expect_err("the thread was still needed")),
        }
    }

    /// Waits until every file is synced.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        drop(self.files);
        self.thread.join().expect("syncing a file does not panic")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn takes_more_files_than_may_wait() {
        let mut syncing = Syncing::start();
        for _ in 0..3 * WAITING_MAX {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"x").unwrap();
            syncing = syncing.push(Object::Journal, file).unwrap();
        }
        syncing.finish().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn says_which_file_failed() {
        // A pipe cannot be synced.
        let pipe = || File::from(std::os::fd::OwnedFd::from(std::io::pipe().unwrap().1));
        let mut syncing = Syncing::start().push(Object::Spec, pipe()).unwrap();
        let failed = loop {
            match syncing.push(Object::Journal, pipe()) {
                Ok(going_on) => syncing = going_on,
                Err(failed) => break failed,
            }
        };
        assert!(matches!(failed, StoreError::Io { object: Object::Spec, .. }), "{failed}");
    }
}
