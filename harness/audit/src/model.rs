//! Comparing a file with the model of a run.

use std::path::Path;

use reenact_core::format::Checkpoint;
use reenact_core::verify::{ModelFile, Recording};
use reenact_store::open_file;

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
/// of another one. What cannot be read is said, and decides nothing.
pub(crate) fn compare(
    recording: Option<&Recording<'_>>,
    file: &Path,
    given: Checkpoint,
) -> ModelFile {
    let mut found = ModelFile::new(file.display().to_string());
    let compared = match recording {
        Some(recording) => Search { recording }.fill(&mut found, given),
        None => Err("the recording cannot be read".into()),
    };
    found.problem = compared.err();
    found
}

struct Search<'a> {
    recording: &'a Recording<'a>,
}

impl Search<'_> {
    fn fill(&self, found: &mut ModelFile, given: Checkpoint) -> Result<(), String> {
        let end = self.recording.steps();
        found.step_last = Some(end);
        let last = self.open(end)?;
        let model = last.model(false).map_err(|error| error.to_string())?;
        let given = given.named_like(&model);
        let differences = model.compare(&given).map_err(|error| error.to_string())?;
        let same = differences.differences.is_empty();
        let place = if same { Some((end, false)) } else { self.find(&given) };
        // What was read has to be what the run is committed to: it may have changed since it
        // was examined, and neither an accusation nor a pass rests on that.
        self.confirm(end, &last)?;
        match place {
            Some((step, averaged)) => {
                if step != end {
                    self.confirm(step, &self.open(step)?)?;
                    found.take(differences);
                }
                (found.step, found.averaged) = (Some(step), averaged);
            }
            None => found.take(differences),
        }
        Ok(())
    }

    /// Opens a committed state, unless it has other tensors than its step left.
    fn open(&self, step: u64) -> Result<Checkpoint, String> {
        let checkpoint = self.recording.checkpoint(step);
        let checkpoint =
            checkpoint.map_err(|error| format!("the state of step {step}: {error}"))?;
        match self.recording.has_layout_of(step, &checkpoint) {
            Some(false) => Err(other_state(step)),
            _ => Ok(checkpoint),
        }
    }

    fn confirm(&self, step: u64, checkpoint: &Checkpoint) -> Result<(), String> {
        let root =
            checkpoint.root().map_err(|error| format!("the state of step {step}: {error}"))?;
        match self.recording.history.checkpoints.get(&step) {
            Some(committed) if *committed == root => Ok(()),
            _ => Err(other_state(step)),
        }
    }

    /// Returns the latest step whose opening state has this model, and whether it is the
    /// averaged one. A state that cannot be read is passed over: the examination names it.
    fn find(&self, given: &Checkpoint) -> Option<(u64, bool)> {
        self.recording.history.checkpoints.keys().rev().find_map(|&step| {
            let state = self.open(step).ok()?;
            let kinds = if state.has_averages() { &[false, true][..] } else { &[false] };
            let is = |averaged: bool| state.model(averaged).and_then(|model| model.is_same(given));
            let averaged = kinds.iter().find(|averaged| is(**averaged).is_ok_and(|same| same))?;
            Some((step, *averaged))
        })
    }
}

fn other_state(step: u64) -> String {
    format!("the stored state of step {step} is not the one that the run is committed to")
}
