//! What a worker does with a segment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reenact_core::attack::{InRunAttack, start};
use reenact_core::data::DataSet;
use reenact_core::format::SoFar;
use reenact_core::trainer::{Program, Setting, Trainer};
use reenact_core::verify::{
    Recording, ReplayError, Search, Segment, SegmentOutcome, explain, open_recording, open_so_far,
    replay_within,
};
use reenact_store::open_run;

use super::message::Message;
use super::selections;
use super::task::{Replay, Seek};
use crate::data::open_data;
use crate::failure::Failure;
use crate::programs::Programs;

/// Replays a segment.
pub(super) fn replay(
    programs: &Programs,
    task: &Replay,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    with_trainer(programs, task, |recording, trainer, _, segment| {
        let replayed = match task.within {
            Some(key) => replay_within(recording, trainer, segment, key, step),
            None => reenact_core::verify::replay(recording, trainer, segment, step),
        };
        if let Some(path) = task.kernels_file().filter(|path| !path.exists()) {
            selections::keep(&path, &trainer.selections()?)?;
        }
        Ok(Message::Outcome(SegmentOutcome::of(replayed)))
    })
}

/// Seeks the cause of a segment's divergence.
pub(super) fn seek(
    programs: &Programs,
    task: &Replay,
    seek: &Seek,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    with_trainer(programs, task, |recording, trainer, data, segment| {
        let search = seek.known.as_deref().map_or_else(Search::full, Search::brief);
        let found = explain(recording, trainer, data, segment, seek.step, &search, step);
        match found {
            Err(error) if ReplayError::is_a_change(&error) => Ok(changed(&error)),
            found => found.map(Message::Explanation).map_err(Failure::inconclusive),
        }
    })
}

impl Replay {
    fn so_far(&self) -> Result<Option<SoFar>, Failure> {
        let parsed = self.so_far.as_ref().map(|text| SoFar::parse(text.as_bytes()));
        parsed.transpose().map_err(|error| Failure::usage(format!("its commitment: {error}")))
    }

    fn kernels_file(&self) -> Option<PathBuf> {
        self.kernels.as_ref().map(PathBuf::from)
    }

    fn attack(&self) -> Result<Option<InRunAttack>, Failure> {
        let attack = self.attack.as_ref().map(|text| text.parse());
        attack.transpose().map_err(|error| Failure::usage(format!("its attack: {error}")))
    }

    fn setting(&self, recording: &Recording<'_>) -> Result<Setting, Failure> {
        let mut setting = self.device.setting(&recording.spec, 1);
        if !self.free_kernels {
            setting.selections = Arc::new(recording.history.selections.to_vec());
        }
        if let Some(path) = self.kernels_file().filter(|path| path.exists()) {
            setting.selections = Arc::new(selections::read(&path)?);
        }
        Ok(setting)
    }
}

/// Opens the recording, which the audit has read before, and starts a trainer.
fn with_trainer(
    programs: &Programs,
    task: &Replay,
    act: impl FnOnce(
        &Recording<'_>,
        &mut dyn Trainer,
        Arc<dyn DataSet>,
        Segment,
    ) -> Result<Message, Failure>,
) -> Result<Message, Failure> {
    let store = match open_run(Path::new(&task.run)) {
        Ok(store) => store,
        Err(error) => return Ok(changed(&error)),
    };
    let opened = match task.so_far()? {
        Some(so_far) => open_so_far(store.as_ref(), so_far),
        None => open_recording(store.as_ref()),
    };
    let recording = match opened {
        Ok(recording) => recording,
        Err(finding) => return Ok(changed(&finding)),
    };
    if recording.commitment != task.commitment {
        return Ok(changed(&"its commitment is another one"));
    }
    let spec = &recording.spec;
    let (mut setting, attack) = (task.setting(&recording)?, task.attack()?);
    let program = programs.find(&spec.program.name)?;
    let data = open_data(program, spec, &mut setting)?;
    if let Some(refused) = too_large(program, &recording, data.as_ref(), &setting)? {
        return Ok(refused);
    }
    let mut trainer = start(program, spec, data.clone(), &setting, attack.as_ref())?;
    act(&recording, trainer.as_mut(), data, recording.segment(task.segment))
}

/// What the audit has found whole cannot be used now.
fn changed(problem: &dyn std::fmt::Display) -> Message {
    Message::Outcome(SegmentOutcome::Changed { problem: problem.to_string() })
}

/// A spec may ask for a model of any size; one that the recording does not hold
/// is not built.
fn too_large(
    program: &dyn Program,
    recording: &Recording<'_>,
    data: &dyn DataSet,
    setting: &Setting,
) -> Result<Option<Message>, Failure> {
    let Some(parameters) = program.parameter_count(&recording.spec, data, setting)? else {
        return Ok(None);
    };
    Ok(match recording.can_hold(parameters) {
        Err(error) => Some(changed(&error)),
        Ok(true) => None,
        Ok(false) => Some(Message::Outcome(SegmentOutcome::Refused {
            problem: format!(
                "the spec declares {parameters} parameters, more than the recorded states hold"
            ),
        })),
    })
}
