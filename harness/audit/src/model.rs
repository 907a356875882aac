//! Comparing a file with the model of a run.

use std::path::Path;

use reenact_core::format::{COMMITMENT_BYTES_MAX, Checkpoint, Commitment, Object, ReadRun};
use reenact_core::state::{StateRoot, TensorDifference};
use reenact_core::verify::ModelFile;
use reenact_store::{Directory, open_file};

use crate::failure::Failure;

/// Opens a safetensors file that may be a model.
///
/// # Errors
/// That it cannot be read.
pub(crate) fn open(file: &Path) -> Result<Checkpoint, Failure> {
    let refuse = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {error}", file.display()))
            .hint("give a safetensors file with the model's tensors, as `export` writes it")
    };
    let source = open_file(file).map_err(|error| refuse(&error))?;
    Checkpoint::open_model(source).map_err(|error| refuse(&error))
}

/// Says whether a file is the model of a run: that of its last committed state, or else that
/// of another one.
///
/// # Errors
/// That the recording cannot be read.
pub(crate) fn compare(run: &Path, file: &Path, given: &Checkpoint) -> Result<ModelFile, Failure> {
    let store = Directory::open(run)?;
    let text = store.read(Object::Commitment, COMMITMENT_BYTES_MAX)?;
    let commitment = Commitment::parse(&text).map_err(Failure::inconclusive)?;
    let mut checkpoints = commitment.checkpoints.into_iter().rev();
    let last = checkpoints.next();
    let (step_last, root) =
        last.ok_or_else(|| Failure::inconclusive("the recording holds no checkpoint"))?;
    let mut found = ModelFile {
        file: file.display().to_string(),
        step_last,
        step: None,
        averaged: false,
        differences: differences(&store, root, given, false)?,
    };
    for (step, root) in [(step_last, root)].into_iter().chain(checkpoints) {
        for averaged in [false, true] {
            if differences(&store, root, given, averaged)?.is_empty() {
                (found.step, found.averaged) = (Some(step), averaged);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn differences(
    store: &Directory,
    root: StateRoot,
    given: &Checkpoint,
    averaged: bool,
) -> Result<Vec<TensorDifference>, Failure> {
    let source = store.open(Object::Checkpoint(root))?;
    let model = Checkpoint::open(source).and_then(|checkpoint| checkpoint.model(averaged));
    let found = model.and_then(|model| model.differences(given));
    found.map_err(Failure::inconclusive)
}
