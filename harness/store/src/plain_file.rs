//! Opening the files of a recording, of which none may lead out of its folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use reenact_core::format::{Instead, Object, POINTER_BYTES, ReadAt, StoreError};

use crate::disk::{CHECKPOINTS, path_of};

/// Opens a plain file. Symbolic links are refused, and nothing blocks on a
/// named pipe.
pub(crate) fn open_object(
    root: &Path,
    object: Object,
    options: &mut OpenOptions,
) -> Result<File, StoreError> {
    if matches!(object, Object::Checkpoint(_)) {
        let folder = root.join(CHECKPOINTS);
        if let Some(instead) = in_place_of_folder(&folder) {
            return Err(StoreError::NotAFile { object, instead });
        }
    }
    never_follow_nor_wait(options);
    let path = path_of(root, object);
    let file = options.open(&path).map_err(|problem| refuse_open(object, &path, problem))?;
    match file.metadata() {
        Ok(found) if found.is_file() => Ok(file),
        Ok(found) => {
            let instead = if found.is_dir() { Instead::Folder } else { Instead::Special };
            Err(StoreError::NotAFile { object, instead })
        }
        Err(problem) => Err(StoreError::Io { object, problem }),
    }
}

#[cfg(unix)]
pub(crate) fn never_follow_nor_wait(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
}

#[cfg(unix)]
fn never_wait(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(libc::O_NONBLOCK);
}

#[cfg(not(unix))]
pub(crate) fn never_follow_nor_wait(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn never_wait(_: &mut OpenOptions) {}

fn refuse_open(object: Object, path: &Path, problem: io::Error) -> StoreError {
    // Systems have many words for a link, a socket or a folder.
    if let Some(instead) = in_place_of_file(path) {
        return StoreError::NotAFile { object, instead };
    }
    match problem.kind() {
        io::ErrorKind::NotFound if is_kept_by_dvc(path) => {
            StoreError::NotAFile { object, instead: Instead::DvcFile }
        }
        io::ErrorKind::NotFound if is_in_other_case(path) => {
            StoreError::NotAFile { object, instead: Instead::OtherCase }
        }
        io::ErrorKind::NotFound => StoreError::Missing { object },
        _ => StoreError::Io { object, problem },
    }
}

fn in_place_of_folder(path: &Path) -> Option<Instead> {
    let found = path.symlink_metadata().ok().filter(|found| !found.is_dir())?;
    Some(if found.is_symlink() {
        link(path)
    } else if found.is_file() {
        Instead::NoFolder
    } else {
        Instead::Special
    })
}

fn in_place_of_file(path: &Path) -> Option<Instead> {
    let found = path.symlink_metadata().ok().filter(|found| !found.is_file())?;
    Some(if found.is_symlink() {
        link(path)
    } else if found.is_dir() {
        Instead::Folder
    } else {
        Instead::Special
    })
}

/// Says whose link it is. Nothing is asked of the place where it leads.
fn link(path: &Path) -> Instead {
    let target = path.read_link();
    target.map_or(Instead::Link, |target| Instead::of_link(&target.to_string_lossy()))
}

/// DVC leaves `FILE.dvc` or `FOLDER.dvc` where it has not fetched the content.
fn is_kept_by_dvc(path: &Path) -> bool {
    let beside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dvc");
        Path::new(&name).symlink_metadata().is_ok_and(|found| found.is_file())
    };
    let folder = path.parent().filter(|folder| folder.ends_with(CHECKPOINTS));
    beside(path) || folder.is_some_and(|folder| beside(folder) && !folder.exists())
}

/// Looks for the names that disks and archives without small letters leave. No folder is
/// listed for that: a hostile one may hold any number of files.
fn is_in_other_case(path: &Path) -> bool {
    let Some((folder, name)) = path.parent().zip(path.file_name().and_then(|name| name.to_str()))
    else {
        return false;
    };
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(&folder.join(name.to_ascii_uppercase())) {
        return true;
    }
    let others = ["CHECKPOINTS", "Checkpoints"];
    folder.ends_with(CHECKPOINTS)
        && !folder.exists()
        && others.iter().any(|other| is_there(&folder.with_file_name(other)))
}

/// Opens a single checkpoint file anywhere, to read it. It is named by the
/// user, so links are followed. Nothing blocks on a named pipe: it may be one that a
/// recording brought along.
pub fn open_file(path: &Path) -> io::Result<Box<dyn ReadAt>> {
    let mut options = OpenOptions::new();
    never_wait(options.read(true));
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let opened = OpenObject::of(file, Object::Checkpoint(Default::default()));
    let opened = opened.map_err(io::Error::other)?;
    match opened.pointer().map_err(io::Error::other)? {
        Some(instead) => Err(io::Error::other(format!("it is {instead}"))),
        None => Ok(Box::new(opened)),
    }
}

/// Holds an open file.
pub(crate) struct OpenObject {
    file: File,
    object: Object,
    byte_len: u64,
}

impl OpenObject {
    /// Takes over a file, as long as it is now.
    pub(crate) fn of(file: File, object: Object) -> Result<Self, StoreError> {
        let found = file.metadata().map_err(|problem| StoreError::Io { object, problem })?;
        Ok(Self { file, object, byte_len: found.len() })
    }

    /// Says whether the file only stands for another that was not fetched.
    pub(crate) fn pointer(&self) -> Result<Option<Instead>, StoreError> {
        let mut beginning = vec![0; self.byte_len.min(POINTER_BYTES as u64) as usize];
        self.read_exact_at(0, &mut beginning)?;
        Ok(Instead::of_beginning(&beginning))
    }
}

impl ReadAt for OpenObject {
    fn byte_len(&self) -> u64 {
        self.byte_len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let refuse = |problem| StoreError::Io { object: self.object, problem };
        read_exact_at(&self.file, buffer, offset).map_err(refuse)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}
