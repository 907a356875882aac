//! Replacing a state by its tombstone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use reenact_core::format::{Object, StoreError};
use reenact_core::state::StateRoot;

use crate::disk::{CHECKPOINTS, path_of};

/// Writes a tombstone and removes the state that it is of; returns the bytes that are free then.
/// One that lies there already, of a call that was killed, is replaced.
pub fn prune(run: &Path, root: StateRoot, tombstone: &[u8]) -> Result<u64, StoreError> {
    let object = Object::Pruned(root);
    let refuse = |problem| StoreError::Io { object, problem };
    let path = path_of(run, object);
    let folder = path.parent().unwrap_or(run);
    // A link there would lead a write of the auditor's out of the recording.
    if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
        return Err(refuse(io::Error::other("a link or a file is in the place of its folder")));
    }
    fs::create_dir_all(folder).map_err(refuse)?;
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(tombstone)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|refused| refused.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(refuse)?;
    let object = Object::Checkpoint(root);
    let refuse = |problem| StoreError::Io { object, problem };
    let state = path_of(run, object);
    let found = state.symlink_metadata().map_err(refuse)?;
    fs::remove_file(&state).map_err(refuse)?;
    File::open(run.join(CHECKPOINTS)).and_then(|folder| folder.sync_all()).map_err(refuse)?;
    Ok(found.len())
}
