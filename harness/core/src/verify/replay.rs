//! Re-executing one segment.

use serde::{Deserialize, Serialize};

use super::course::{Course, CourseKeeper};
use super::divergence::{Divergence, StepDivergence};
use super::recording::{Recording, Segment};
use super::tolerance::SegmentDeviation;
use super::unrecorded::Unrecorded;
use crate::format::{CheckpointError, JournalError, Object, StepLayouts, StoreError};
use crate::state::{Layout, State, StateRoot, TensorDifference, state_differences};
use crate::trainer::{StepTrace, Trainer, TrainerError};

/// Allows an opening state this many times the size of the initial one:
/// moments, averages and counters, but not whatever a hostile header claims.
const STATE_GROWTH_MAX: u64 = 8;
const STATE_SLACK_BYTES: u64 = 1 << 20;

/// Holds the outcome of one replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The segment.
    pub segment: Segment,
    /// Root of the state that the replay ended in.
    pub closing_root: StateRoot,
    /// Where it leaves the recording; none if it agrees in everything.
    pub divergence: Option<Divergence>,
    /// Tensors in which the recorded initial state differs from the one that
    /// the spec's seed gives.
    pub initial: Vec<TensorDifference>,
    /// Whether the program says that its initial state depends on nothing undeclared
    /// ([`Trainer::declares_inputs`]).
    /// Without that, `initial` accuses nobody.
    #[serde(default)]
    pub declares_inputs: bool,
    /// What it did step by step, thinned out.
    #[serde(default)]
    pub course: Course,
    /// Kernels that it computed with and that the recording does not hold.
    #[serde(default, skip_serializing_if = "Unrecorded::is_empty")]
    pub unrecorded: Unrecorded,
    /// How far it ends from the recorded state; only where the recording is of
    /// another class of device and is compared within a tolerance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<SegmentDeviation>,
}

impl Replay {
    /// Says whether everything agreed: bit for bit, or within the tolerance where
    /// one is measured.
    pub fn agrees(&self) -> bool {
        !self.leaves_recording() && self.initial.is_empty()
    }

    /// Says whether it leaves the recording, wherever it began.
    pub fn leaves_recording(&self) -> bool {
        let beyond = self.deviation.as_ref().is_some_and(|found| !found.beyond.is_empty());
        self.divergence.is_some() || beyond
    }

    /// Says whether another replay computed the same, with whatever kernels.
    pub fn repeats(&self, other: &Self) -> bool {
        let unrecorded = self.unrecorded.clone();
        *self == Self { unrecorded, ..other.clone() }
    }
}

/// Says why a segment cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The training failed.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// A checkpoint cannot be read.
    #[error("checkpoint of step {step}: {problem}")]
    Checkpoint {
        /// The step that it opens.
        step: u64,
        /// Why.
        problem: CheckpointError,
    },
    /// The journal cannot be read.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// The recording was changed while it was audited.
    #[error("{0} was changed during the audit")]
    Changed(Object),
    /// The journal lacks a step.
    #[error("the journal holds no step {0}")]
    NoStep(u64),
}

impl ReplayError {
    /// Says whether the recording is to blame: it claims a state that its own
    /// program cannot hold, or that is not there.
    pub fn is_in_the_recording(&self) -> bool {
        match self {
            Self::Trainer(TrainerError::Restore(_)) | Self::NoStep(_) => true,
            Self::Checkpoint { problem, .. } => {
                !matches!(problem, CheckpointError::Store(StoreError::Io { .. }))
            }
            Self::Trainer(_) | Self::Journal(_) | Self::Changed(_) => false,
        }
    }
}

/// Replays a segment from its committed opening state with `trainer`, which
/// has just been started with the recorded kernel selections pinned, and compares
/// every step and the whole closing state. `progress` is told each step done.
pub fn replay(
    recording: &Recording<'_>,
    trainer: &mut dyn Trainer,
    segment: Segment,
    progress: &mut dyn FnMut(u64),
) -> Result<Replay, ReplayError> {
    let initial_state = trainer.capture(0)?;
    let limit = state_limit(&initial_state);
    let initial = initial_differences(recording, &initial_state, limit)?;
    trainer.restore(&load(recording, segment.step_start, limit)?)?;
    let (first, course) = take_steps(recording, trainer, segment, StepDivergence::of, progress)?;
    let closing_state = trainer.capture(segment.step_end)?;
    let closing_root = closing_state.root();
    let closing = closing_differences(recording, &closing_state, closing_root, segment, limit)?;
    let diverges = first.is_some() || !closing.is_empty();
    let divergence = diverges.then_some(Divergence { step: first, closing });
    let unrecorded = Unrecorded::of(&recording.history.selections, trainer.selections()?);
    let deviation = None;
    Ok(Replay {
        segment,
        closing_root,
        divergence,
        initial,
        declares_inputs: trainer.declares_inputs(),
        course,
        unrecorded,
        deviation,
    })
}

/// Says where a replayed step leaves the recorded one: recorded, replayed, the
/// recorded layouts and those of the replay.
type CompareStep =
    fn(&StepTrace, &StepTrace, &StepLayouts, (&Layout, &Layout)) -> Option<StepDivergence>;

/// Takes the steps of a segment from the state that was restored; returns the first
/// difference, and what was done step by step.
pub(super) fn take_steps(
    recording: &Recording<'_>,
    trainer: &mut dyn Trainer,
    segment: Segment,
    compare: CompareStep,
    progress: &mut dyn FnMut(u64),
) -> Result<(Option<StepDivergence>, Course), ReplayError> {
    let mut first = None;
    let mut course = CourseKeeper::new(segment);
    for step in segment.step_start..segment.step_end {
        let replayed = trainer.step(step)?;
        let recorded = recording.history.step(step)?.ok_or(ReplayError::NoStep(step))?;
        let layouts = recording.history.layouts(step).ok_or(ReplayError::NoStep(step))?;
        let ours = (trainer.layout(), trainer.gradient_layout());
        if course.wants(step) {
            let found = compare(&recorded, &replayed, layouts, (&ours.0, &ours.1));
            course.push(&recorded, &replayed, found.as_ref());
            first = first.or(found);
        }
        progress(step);
    }
    Ok((first, course.finish()))
}

/// The run has to begin where its seed says; a run that began with other
/// weights could be honest from there on.
pub(super) fn initial_differences(
    recording: &Recording<'_>,
    derived: &State,
    limit: u64,
) -> Result<Vec<TensorDifference>, ReplayError> {
    if recording.history.checkpoints.get(&0) == Some(&derived.root()) {
        return Ok(Vec::new());
    }
    Ok(state_differences(&load(recording, 0, limit)?, derived))
}

fn closing_differences(
    recording: &Recording<'_>,
    replayed: &State,
    root: StateRoot,
    segment: Segment,
    limit: u64,
) -> Result<Vec<TensorDifference>, ReplayError> {
    if recording.history.checkpoints.get(&segment.step_end) == Some(&root) {
        return Ok(Vec::new());
    }
    Ok(state_differences(&load(recording, segment.step_end, limit)?, replayed))
}

/// Limits a state by the initial one.
pub(super) fn state_limit(initial: &State) -> u64 {
    STATE_GROWTH_MAX * initial.byte_len() + STATE_SLACK_BYTES
}

/// Loads a committed state; its root is taken from the very bytes that are
/// used.
pub(super) fn load(recording: &Recording<'_>, step: u64, limit: u64) -> Result<State, ReplayError> {
    let refuse = |problem| ReplayError::Checkpoint { step, problem };
    let state = recording.checkpoint(step).and_then(|found| found.load(limit)).map_err(refuse)?;
    match recording.history.checkpoints.get(&step) {
        Some(root) if *root == state.root() => Ok(state),
        root => Err(ReplayError::Changed(Object::Checkpoint(root.copied().unwrap_or_default()))),
    }
}
