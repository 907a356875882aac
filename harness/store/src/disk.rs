//! What is done to the files of a recording.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use reenact_core::format::{Object, StoreError};

pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// Returns where an object lies.
pub(crate) fn path_of(root: &Path, object: Object) -> PathBuf {
    // The path of an object is made of fixed names and hex digits only.
    root.join(object.to_string())
}

/// Returns where an object lies until it is complete. One recorder holds the
/// lock, so one name is enough; what a killed recorder left under it is
/// overwritten.
pub(crate) fn unfinished(root: &Path) -> PathBuf {
    root.join("unfinished")
}

/// Makes the file for an object that is not complete yet.
pub(crate) fn start_file(root: &Path) -> io::Result<File> {
    let path = unfinished(root);
    let _ = fs::remove_file(&path);
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Changes the files of one recording, each call at once.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// Open and locked.
    journal: File,
    /// What would not survive a power failure.
    unsynced: Unsynced,
}

#[derive(Debug, Default)]
struct Unsynced {
    journal: bool,
    /// The list of checkpoints.
    checkpoints: bool,
}

impl Drop for Disk {
    /// Gives the lock back at once: a process that is being started beside this one holds
    /// the same file open until it runs its own program, and with it the lock.
    fn drop(&mut self) {
        let _ = self.journal.unlock();
    }
}

impl Disk {
    /// Takes over a folder with its journal.
    pub(crate) fn new(root: &Path, journal: File) -> Self {
        // A resumed journal may hold what was never synced.
        let unsynced = Unsynced { journal: true, checkpoints: true };
        Self { root: root.into(), journal, unsynced }
    }

    /// Appends to the journal with one write.
    pub(crate) fn append(&mut self, frames: &[u8]) -> Result<(), StoreError> {
        self.unsynced.journal = true;
        self.journal.write_all(frames).map_err(|problem| refuse(Object::Journal, problem))
    }

    /// Drops what stands in the journal from `byte_len` on.
    pub(crate) fn cut_journal(&mut self, byte_len: u64) -> Result<(), StoreError> {
        self.unsynced.journal = true;
        let cut = self.journal.set_len(byte_len);
        cut.and_then(|()| self.journal.seek(SeekFrom::End(0)))
            .map(drop)
            .map_err(|problem| refuse(Object::Journal, problem))
    }

    /// Writes a whole object and gives it its name. Returns its file, which is
    /// still to be synced.
    pub(crate) fn put(&mut self, object: Object, content: &[u8]) -> Result<File, StoreError> {
        // It takes the place of one that an auditor may have read already. So neither it nor
        // the journal that it commits to may be lost by a power failure.
        let binds = object == Object::SoFar;
        if binds {
            self.sync()?;
        }
        let written = start_file(&self.root).and_then(|mut file| {
            file.write_all(content)?;
            if binds {
                file.sync_data()?;
            }
            Ok(file)
        });
        let file = written.map_err(|problem| self.discard(object, problem))?;
        self.give_name(object)?;
        Ok(file)
    }

    /// Gives the complete file its name.
    pub(crate) fn give_name(&mut self, object: Object) -> Result<(), StoreError> {
        self.unsynced.checkpoints |= matches!(object, Object::Checkpoint(_));
        fs::rename(unfinished(&self.root), path_of(&self.root, object))
            .map_err(|problem| self.discard(object, problem))
    }

    /// Removes an object as well as it can: what stays disturbs nothing.
    pub(crate) fn remove(&mut self, object: Object) {
        let _ = fs::remove_file(path_of(&self.root, object));
    }

    fn discard(&self, object: Object, problem: io::Error) -> StoreError {
        let _ = fs::remove_file(unfinished(&self.root));
        refuse(object, problem)
    }

    /// Waits until the journal and the lists of files would survive a power
    /// failure. Objects are synced one by one, after they were put.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        let journal = |problem| refuse(Object::Journal, problem);
        if self.unsynced.journal {
            self.journal.sync_data().map_err(journal)?;
        }
        if self.unsynced.checkpoints {
            sync_folder(&self.root.join(CHECKPOINTS)).map_err(journal)?;
        }
        sync_folder(&self.root).map_err(journal)?;
        self.unsynced = Unsynced::default();
        Ok(())
    }
}

/// Waits until a file would survive a power failure.
pub(crate) fn sync_file(object: Object, file: &File) -> Result<(), StoreError> {
    file.sync_data().map_err(|problem| refuse(object, problem))
}

fn refuse(object: Object, problem: io::Error) -> StoreError {
    StoreError::Io { object, problem }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
