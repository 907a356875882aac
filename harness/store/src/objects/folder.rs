//! Objects in a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::{Creation, Listed, Objects, ObjectsError, check_name};
use crate::plain_file::never_follow_nor_wait;

/// Folders in folders that are listed.
const DEPTH_MAX: usize = 8;
/// How the name of a file begins that is being written; no object's does.
const UNFINISHED: &str = ".unfinished-";
/// Compared at once with what lies there.
const PIECE_BYTES: usize = 1 << 16;

/// Holds objects as files of a folder. A file that is being written has another name, and takes
/// its own by a hard link, which fails where there is one: on one machine and, by NFS, on many.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens a folder, which is made if it is not there.
    pub fn open(root: &Path) -> Result<Self, ObjectsError> {
        fs::create_dir_all(root).map_err(|error| ObjectsError::Place {
            place: root.display().to_string(),
            problem: format!("the folder cannot be made: {error}"),
        })?;
        Ok(Self { root: root.into() })
    }

    fn path(&self, name: &str) -> Result<PathBuf, ObjectsError> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    /// Writes a file beside where it is to lie.
    fn written(&self, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)?;
        let mut builder = Builder::new();
        readable_to_others(&mut builder);
        let mut file = builder.prefix(UNFINISHED).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    fn same(&self, name: &str, bytes: &[u8]) -> Result<bool, ObjectsError> {
        if self.byte_len(name)? != Some(bytes.len() as u64) {
            return Ok(false);
        }
        let mut piece = vec![0; PIECE_BYTES];
        for (number, expected) in bytes.chunks(PIECE_BYTES).enumerate() {
            let found = &mut piece[..expected.len()];
            self.read_at(name, (number * PIECE_BYTES) as u64, found)?;
            if found != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn collect(
        &self,
        folder: &Path,
        prefix: &str,
        list: &mut List<'_>,
        depth: usize,
    ) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let (name, kind) = (format!("{prefix}{name}"), entry.file_type()?);
            // Links lead elsewhere, and what is being written is no object yet.
            if check_name(&name).is_err() || kind.is_symlink() || list.is_full() {
                continue;
            }
            if kind.is_file() {
                list.found.push(Listed { name, bytes: entry.metadata()?.len() });
            } else if kind.is_dir() && depth < DEPTH_MAX {
                self.collect(&entry.path(), &format!("{name}/"), list, depth + 1)?;
            }
        }
        Ok(())
    }
}

struct List<'a> {
    found: &'a mut Vec<Listed>,
    limit: usize,
}

impl List<'_> {
    fn is_full(&self) -> bool {
        self.found.len() > self.limit
    }
}

impl Objects for Folder {
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, ObjectsError> {
        let path = self.path(name)?;
        let refuse = |problem| ObjectsError::Io { name: name.into(), problem };
        let written = self.written(&path, bytes).map_err(refuse)?;
        match written.persist_noclobber(&path) {
            Ok(_) => Ok(Creation::New),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(if self.same(name, bytes)? { Creation::Same } else { Creation::Other })
            }
            Err(refused) => Err(refuse(refused.error)),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ObjectsError> {
        let path = self.path(name)?;
        let refuse = |problem| ObjectsError::Io { name: name.into(), problem };
        let written = self.written(&path, bytes).map_err(refuse)?;
        written.persist(&path).map(drop).map_err(|refused| refuse(refused.error))
    }

    fn byte_len(&self, name: &str) -> Result<Option<u64>, ObjectsError> {
        match self.path(name)?.symlink_metadata() {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => {
                let problem = io::Error::other("a folder or a link is there, and no file");
                Err(ObjectsError::Io { name: name.into(), problem })
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(problem) => Err(ObjectsError::Io { name: name.into(), problem }),
        }
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ObjectsError> {
        let path = self.path(name)?;
        let missing = || ObjectsError::Missing { name: name.into() };
        let refuse = |problem: io::Error| match is_absent(&problem) {
            true => missing(),
            false => ObjectsError::Io { name: name.into(), problem },
        };
        let mut options = OpenOptions::new();
        never_follow_nor_wait(options.read(true));
        let file = options.open(&path).map_err(refuse)?;
        if !file.metadata().map_err(refuse)?.is_file() {
            return Err(refuse(io::Error::other("a folder or a device is there, and no file")));
        }
        read_exact_at(&file, buffer, offset).map_err(refuse)
    }

    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, ObjectsError> {
        let mut found = Vec::new();
        let mut list = List { found: &mut found, limit };
        let folder = self.root.join(prefix);
        self.collect(&folder, prefix, &mut list, 0)
            .map_err(|problem| ObjectsError::Io { name: prefix.into(), problem })?;
        if found.len() > limit {
            return Err(ObjectsError::TooMany { prefix: prefix.into(), limit });
        }
        found.sort();
        Ok(found)
    }

    fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        match fs::remove_file(self.path(name)?) {
            Err(error) if !is_absent(&error) => {
                Err(ObjectsError::Io { name: name.into(), problem: error })
            }
            _ => Ok(()),
        }
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

/// Workers under other names are to read what lies in a shared folder.
#[cfg(unix)]
fn readable_to_others(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_to_others(_: &mut Builder<'_, '_>) {}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}
