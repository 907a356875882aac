//! How much room the disk of a recording has.

use std::path::Path;

/// Returns the bytes that a folder's disk has left for the user; none if that
/// cannot be told. Of a folder that is still to be made, those of the nearest
/// one above it.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let nearest = folder.ancestors().find(|above| above.is_dir())?;
    on_disk_of(nearest)
}

#[cfg(unix)]
fn on_disk_of(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn on_disk_of(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_to_be_made_is_on_the_disk_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let found = free_bytes(&folder.path().join("a/b/run"));
        assert_eq!(found.is_some(), cfg!(unix));
        assert_eq!(found.is_some(), free_bytes(folder.path()).is_some());
    }
}
