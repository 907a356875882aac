//! A file that a spec declares.

use std::path::Path;
use std::sync::Arc;

use reenact_core::spec::Spec;
use reenact_core::trainer::Setting;

use crate::file::VerifiedFile;
use crate::outboard::Outboards;
use crate::problem::FileError;

/// Folder in the data folder, in which outboards are kept.
pub const OUTBOARDS: &str = "outboards";

/// A spec of this format, or a later one, declares a file by its plain BLAKE3 hash.
const FORMAT_MIN: u32 = 2;

/// Opens the file `name` that a spec declares under `[files]`, in the data folder. Its outboard
/// is kept in [`OUTBOARDS`] there, if that can be written.
///
/// # Errors
/// That it is not declared so, or cannot be used.
pub fn declared(
    spec: &Spec,
    setting: &Setting,
    name: &str,
) -> Result<Arc<VerifiedFile>, FileError> {
    let refuse = |problem: &str| {
        let path = Path::new(name).to_owned();
        Err(FileError::Format { path, problem: problem.into() })
    };
    let Some(&hash) = spec.files.get(name) else {
        return refuse("the spec does not declare it under [files]; `reenact data digest` does");
    };
    if spec.format < FORMAT_MIN {
        return refuse("a spec of format 1 declares no plain BLAKE3 hash; write it in format 2");
    }
    let outboards = Outboards::new(Vec::new(), Some(setting.data_dir.join(OUTBOARDS)));
    VerifiedFile::open(&setting.data_dir, name, hash, &outboards).map(Arc::new)
}
