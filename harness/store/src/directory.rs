//! A recording in a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use reenact_core::format::{Object, ReadAt, ReadRun, StoreError, WriteContent, WriteRun};

use crate::disk::{CHECKPOINTS, path_of};
use crate::plain_file::{OpenObject, open_object};
use crate::write_behind::Behind;

/// Reads and writes a recording in a folder.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// Holds the journal, open and locked, while recording.
    behind: Option<Behind>,
}

impl Directory {
    /// Prepares a folder for a new recording.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it holds one already; nothing is changed then.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let refuse = |problem| StoreError::Io { object: Object::Journal, problem };
        fs::create_dir_all(root.join(CHECKPOINTS)).map_err(|error| StoreError::NoRecording {
            path: root.display().to_string(),
            problem: format!("the folder cannot be made: {error}"),
        })?;
        Self::check_vacant(root)?;
        let journal = OpenOptions::new().append(true).create_new(true).open(root.join("journal"));
        Self::locked(root, journal.map_err(refuse)?)
    }

    /// Checks that a folder, if there is one, holds no recording.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it does.
    pub fn check_vacant(root: &Path) -> Result<(), StoreError> {
        let parts = [Object::Spec, Object::Journal, Object::Commitment, Object::Signature];
        if parts.iter().any(|&object| path_of(root, object).symlink_metadata().is_ok()) {
            return Err(StoreError::Exists { path: root.display().to_string() });
        }
        check_checkpoints(root)
    }

    /// Opens a recording to go on with it.
    pub fn resume(root: &Path) -> Result<Self, StoreError> {
        Self::open(root)?;
        check_checkpoints(root)?;
        let journal =
            open_object(root, Object::Journal, OpenOptions::new().read(true).append(true))?;
        Self::locked(root, journal)
    }

    fn locked(root: &Path, journal: File) -> Result<Self, StoreError> {
        match journal.try_lock() {
            Ok(()) => {
                let behind = Some(Behind::start(root, journal));
                Ok(Self { root: root.into(), behind })
            }
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Locked { path: root.display().to_string() })
            }
            Err(TryLockError::Error(problem)) => {
                Err(StoreError::Io { object: Object::Journal, problem })
            }
        }
    }

    /// Opens a recording to read it.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let refuse = |problem: String| {
            Err(StoreError::NoRecording { path: root.display().to_string(), problem })
        };
        let unreadable =
            |problem| Err(StoreError::Unreadable { path: root.display().to_string(), problem });
        match fs::metadata(root) {
            Err(error) if is_elsewhere(&error) => return refuse(error.to_string()),
            Err(problem) => return unreadable(problem),
            Ok(found) if !found.is_dir() => return refuse("it is no folder".into()),
            Ok(_) => {}
        }
        // A commitment alone is a recording that withholds its journal.
        for object in [Object::Journal, Object::Commitment] {
            match path_of(root, object).symlink_metadata() {
                Ok(_) => return Ok(Self { root: root.into(), behind: None }),
                Err(error) if is_elsewhere(&error) => {}
                Err(problem) => return unreadable(problem),
            }
        }
        refuse("it holds no journal".into())
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn behind(&mut self) -> Result<&mut Behind, StoreError> {
        let closed = || io::Error::other("the recording was opened for reading only");
        let refuse = |problem| StoreError::Io { object: Object::Journal, problem };
        self.behind.as_mut().ok_or_else(|| refuse(closed()))
    }
}

/// Refuses to write checkpoints through a link, where no audit would read them, or where
/// there is no folder for them.
fn check_checkpoints(root: &Path) -> Result<(), StoreError> {
    let path = root.join(CHECKPOINTS);
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => {
            Err(StoreError::LinkedCheckpoints { path: path.display().to_string() })
        }
        Ok(found) if !found.is_dir() => Err(StoreError::NoRecording {
            path: root.display().to_string(),
            problem: format!("`{CHECKPOINTS}` is there and is no folder; remove it"),
        }),
        _ => Ok(()),
    }
}

/// Says whether the user has named a wrong place; else the place cannot be looked into.
fn is_elsewhere(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
}

impl ReadRun for Directory {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        let opened = open_object(&self.root, object, OpenOptions::new().read(true))?;
        let opened = OpenObject::of(opened, object)?;
        match opened.pointer()? {
            Some(instead) => Err(StoreError::NotAFile { object, instead }),
            None => Ok(Box::new(opened)),
        }
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn settle(&self) -> Result<(), StoreError> {
        let object = Object::Journal;
        let journal = open_object(&self.root, object, OpenOptions::new().read(true))?;
        journal.sync_data().map_err(|problem| StoreError::Io { object, problem })
    }
}

/// Written behind the caller, in order: what was put or appended can be read
/// after [`WriteRun::sync`].
impl WriteRun for Directory {
    fn put(&mut self, object: Object, write: WriteContent<'_>) -> Result<(), StoreError> {
        self.behind()?.put(object, write)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.behind()?.append(bytes)
    }

    fn remove(&mut self, object: Object) -> Result<(), StoreError> {
        self.behind()?.remove(object)
    }

    fn cut_journal(&mut self, byte_len: u64) -> Result<(), StoreError> {
        self.behind()?.cut_journal(byte_len)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.behind()?.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_folder_is_free_once_it_is_left_whoever_still_holds_its_journal_open() {
        let folder = folder();
        let (mut options, path) = (OpenOptions::new(), folder.path().join("journal"));
        let journal = options.append(true).create_new(true).open(path).unwrap();
        // As a process that is being started holds what this one has open.
        let held = journal.try_clone().unwrap();
        let run = Directory::locked(folder.path(), journal).unwrap();
        assert!(matches!(Directory::resume(folder.path()), Err(StoreError::Locked { .. })));
        drop(run);
        Directory::resume(folder.path()).unwrap();
        drop(held);
    }

    #[test]
    fn writes_and_reads_objects() {
        let folder = folder();
        let mut run = Directory::create(folder.path()).unwrap();
        run.put(Object::Spec, &mut |out| out.write_all(b"abc")).unwrap();
        run.append(b"one").unwrap();
        run.append(b"two").unwrap();
        run.cut_journal(4).unwrap();
        run.append(b"!").unwrap();
        run.sync().unwrap();
        assert_eq!(run.read(Object::Spec, 10).unwrap(), b"abc");
        assert_eq!(run.read(Object::Journal, 10).unwrap(), b"onet!");
        assert!(matches!(run.read(Object::Spec, 2), Err(StoreError::TooLarge { bytes: 3, .. })));
        assert!(matches!(run.read(Object::Commitment, 9), Err(StoreError::Missing { .. })));
    }

    #[test]
    fn what_is_removed_is_gone_and_what_cannot_be_stops_nothing() {
        let folder = folder();
        let mut run = Directory::create(folder.path()).unwrap();
        run.put(Object::ResumePoint, &mut |out| out.write_all(b"abc")).unwrap();
        fs::create_dir(folder.path().join("resume.safetensors")).unwrap();
        for object in [Object::ResumePoint, Object::ResumePoint, Object::ResumeState] {
            run.remove(object).unwrap();
        }
        run.append(b"on").unwrap();
        run.sync().unwrap();
        assert!(matches!(run.open(Object::ResumePoint), Err(StoreError::Missing { .. })));
        assert_eq!(run.read(Object::Journal, 10).unwrap(), b"on");
    }

    #[test]
    fn a_recording_is_never_overwritten() {
        let folder = folder();
        let mut first = Directory::create(folder.path()).unwrap();
        first.append(b"history").unwrap();
        first.sync().unwrap();
        assert!(matches!(Directory::create(folder.path()), Err(StoreError::Exists { .. })));
        assert_eq!(first.read(Object::Journal, 10).unwrap(), b"history");
    }

    #[test]
    fn one_recorder_at_a_time() {
        let folder = folder();
        let first = Directory::create(folder.path()).unwrap();
        assert!(matches!(Directory::resume(folder.path()), Err(StoreError::Locked { .. })));
        drop(first);
        assert!(Directory::resume(folder.path()).is_ok());
    }

    #[test]
    fn what_is_opened_to_be_read_is_not_written() {
        let folder = folder();
        drop(Directory::create(folder.path()).unwrap());
        let mut run = Directory::open(folder.path()).unwrap();
        let put = run.put(Object::Spec, &mut |out| out.write_all(b"abc"));
        let remove = run.remove(Object::ResumePoint);
        for refused in [put, remove, run.append(b"x"), run.cut_journal(0), run.sync()] {
            assert!(refused.unwrap_err().to_string().contains("reading only"));
        }
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = folder();
        let mut run = Directory::create(folder.path()).unwrap();
        let full = run.put(Object::Spec, &mut |_| Err(io::ErrorKind::StorageFull.into()));
        assert!(matches!(full, Err(StoreError::Io { .. })));
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name == "unfinished" || name == "spec.toml"), "{left:?}");
    }

    #[cfg(unix)]
    #[test]
    fn links_sockets_and_folders_are_refused() {
        let folder = folder();
        let outside = folder.path().join("outside");
        fs::write(&outside, b"secret").unwrap();
        let root = folder.path().join("run");
        drop(Directory::create(&root).unwrap());
        std::os::unix::fs::symlink(&outside, root.join("spec.toml")).unwrap();
        fs::create_dir(root.join("commitment")).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("commitment.sig")).unwrap();
        let run = Directory::open(&root).unwrap();
        assert!(matches!(run.open(Object::Spec), Err(StoreError::NotAFile { .. })));
        assert!(matches!(run.open(Object::Commitment), Err(StoreError::NotAFile { .. })));
        assert!(matches!(run.open(Object::Signature), Err(StoreError::NotAFile { .. })));
        fs::remove_dir(root.join(CHECKPOINTS)).unwrap();
        std::os::unix::fs::symlink(folder.path(), root.join(CHECKPOINTS)).unwrap();
        let checkpoint = Object::Checkpoint(Default::default());
        assert!(matches!(run.open(checkpoint), Err(StoreError::NotAFile { .. })));
    }

    #[test]
    fn what_is_no_recording_says_so() {
        let folder = folder();
        for path in [folder.path().to_owned(), folder.path().join("none")] {
            assert!(matches!(Directory::open(&path), Err(StoreError::NoRecording { .. })));
        }
    }
}
