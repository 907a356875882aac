//! Where the kernel selections of a training lie while it runs.

use std::path::Path;

use tempfile::TempDir;

/// Holds a private folder, which goes when the training does.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Makes an empty folder that only this user can enter.
    pub(crate) fn make() -> Result<Self, String> {
        let made = tempfile::Builder::new().prefix("reenact-kernels-").tempdir();
        made.map(Self).map_err(|error| format!("no folder for kernel selections: {error}"))
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
