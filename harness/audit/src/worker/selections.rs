//! Kernel selections that one process of ours leaves to another.

use std::path::Path;

use reenact_core::format::KernelSelection;

use crate::failure::Failure;

/// Reads them.
pub(super) fn read(path: &Path) -> Result<Vec<KernelSelection>, Failure> {
    let bytes = std::fs::read(path).map_err(Failure::inconclusive)?;
    serde_json::from_slice(&bytes).map_err(Failure::inconclusive)
}

/// Leaves them.
pub(super) fn keep(path: &Path, chosen: &[KernelSelection]) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(chosen).map_err(Failure::inconclusive)?;
    std::fs::write(path, bytes).map_err(Failure::inconclusive)
}
