//! Re-executing one segment.

use serde::{Deserialize, Serialize};

use crate::format::{CheckpointError, JournalError, Object, StepLayouts};
use crate::state::{Layout, State, StateRoot, TensorDifference, state_differences};
use crate::trainer::{Request, StepTrace, Trainer, TrainerError};
use crate::verify::deviation::SegmentDeviation;
use crate::verify::divergence::{Divergence, StepDivergence};
use crate::verify::launched::Launched;
use crate::verify::recording::{Recording, Segment};
use crate::verify::thinned_steps::{Course, CourseKeeper};
use crate::verify::unrecorded::Unrecorded;

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
    /// Why the recorded initial state could not be compared tensor by tensor, where its
    /// committed root alone shows that it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_unread: Option<String>,
    /// What it did step by step, thinned out.
    #[serde(default)]
    pub course: Course,
    /// Kernels that it computed with and that the recording does not hold.
    #[serde(default, skip_serializing_if = "Unrecorded::is_empty")]
    pub unrecorded: Unrecorded,
    /// How many of its steps launched other kernels than the recorded ones.
    #[serde(default, skip_serializing_if = "Launched::is_empty")]
    pub launched: Launched,
    /// How far it ends from the recorded state; only where the recording is of
    /// another class of device and is compared within a tolerance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<SegmentDeviation>,
}

impl Replay {
    /// Says whether everything agreed: bit for bit, or within the tolerance where
    /// one is measured.
    pub fn agrees(&self) -> bool {
        !self.leaves_recording() && self.begins_as_declared()
    }

    /// Says whether the recorded initial state is the one that the spec's seed gives.
    pub fn begins_as_declared(&self) -> bool {
        self.initial.is_empty() && self.initial_unread.is_none()
    }

    /// Says whether it leaves the recording, wherever it began.
    pub fn leaves_recording(&self) -> bool {
        let beyond = self.deviation.as_ref().is_some_and(|found| !found.beyond.is_empty());
        self.divergence.is_some() || beyond
    }

    /// Says whether another replay computed the same, with whatever kernels. Where one
    /// of them could not read a recorded state any more, what both computed decides.
    pub fn repeats(&self, other: &Self) -> bool {
        let (unrecorded, launched) = (self.unrecorded.clone(), self.launched.clone());
        let mut other = Self { unrecorded, launched, ..other.clone() };
        let mut own = self.clone();
        if own.initial_unread.is_some() || other.initial_unread.is_some() {
            if own.begins_as_declared() != other.begins_as_declared() {
                return false;
            }
            other.initial.clone_from(&own.initial);
            other.initial_unread.clone_from(&own.initial_unread);
        }
        if let (Some(own), Some(other)) = (&mut own.divergence, &mut other.divergence)
            && (own.closing_unread.is_some() || other.closing_unread.is_some())
        {
            other.closing.clone_from(&own.closing);
            other.closing_unread.clone_from(&own.closing_unread);
        }
        own == other
    }
}

impl Replay {
    /// Says in one sentence where it leaves the recording, and whether the
    /// recording held what it needed; none if it does not leave it.
    pub fn explain(&self) -> Option<String> {
        let place = self.divergence.as_ref()?.explain();
        if self.unrecorded.is_empty() {
            return Some(place);
        }
        Some(format!("{place}; {}", self.unrecorded.explain_divergence()))
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
    /// A committed state is larger than its program can have made it.
    #[error(
        "checkpoint of step {step}: its tensors have {bytes} bytes; at most {limit} are loaded"
    )]
    TooLarge {
        /// The step that it opens.
        step: u64,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A stored state is whole, but not the committed one.
    #[error("{0} does not hold the committed state any more")]
    Changed(Object),
    /// The journal lacks a step.
    #[error("the journal holds no step {0}")]
    NoStep(u64),
}

impl ReplayError {
    /// Says whether the recording is to blame: what it commits to cannot be what its own
    /// program leaves.
    pub(in crate::verify) fn is_in_the_recording(&self) -> bool {
        matches!(
            self,
            Self::Trainer(TrainerError::Restore(_)) | Self::NoStep(_) | Self::TooLarge { .. }
        )
    }

    /// Says whether a file is to blame that was whole when the recording was examined.
    pub fn is_a_change(&self) -> bool {
        matches!(self, Self::Checkpoint { .. } | Self::Journal(_) | Self::Changed(_))
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
    let (initial, initial_unread) = initial_differences(recording, &initial_state, limit)?;
    trainer.restore(&opening(recording, segment, initial_state, limit)?)?;
    let taken = take_steps(recording, trainer, segment, StepDivergence::of, progress)?;
    let closing_state = trainer.capture(segment.step_end)?;
    let closing_root = closing_state.root();
    let (closing, closing_unread) =
        closing_differences(recording, &closing_state, closing_root, segment, limit)?;
    let diverges = taken.first.is_some() || !closing.is_empty() || closing_unread.is_some();
    let divergence = diverges.then_some(Divergence { step: taken.first, closing, closing_unread });
    let unrecorded = Unrecorded::of(&recording.history.selections, trainer.selections()?);
    let deviation = None;
    Ok(Replay {
        segment,
        closing_root,
        divergence,
        initial,
        declares_inputs: trainer.declares_inputs(),
        initial_unread,
        course: taken.course,
        unrecorded,
        launched: taken.launched,
        deviation,
    })
}

/// Says where a replayed step leaves the recorded one: recorded, replayed, the
/// recorded layouts and those of the replay.
type CompareStep =
    fn(&StepTrace, &StepTrace, &StepLayouts, (&Layout, &Layout)) -> Option<StepDivergence>;

/// Holds what the steps of a segment gave.
pub(in crate::verify) struct Taken {
    /// The first difference.
    pub(in crate::verify) first: Option<StepDivergence>,
    /// What was done step by step.
    pub(in crate::verify) course: Course,
    /// What was launched.
    pub(in crate::verify) launched: Launched,
}

/// Takes the steps of a segment from the state that was restored.
pub(in crate::verify) fn take_steps(
    recording: &Recording<'_>,
    trainer: &mut dyn Trainer,
    segment: Segment,
    compare: CompareStep,
    progress: &mut dyn FnMut(u64),
) -> Result<Taken, ReplayError> {
    let (mut first, mut launched) = (None, Launched::default());
    let mut course = CourseKeeper::new(segment);
    for step in segment.step_start..segment.step_end {
        let replayed = trainer.step(step, &Request::default())?;
        let recorded = recording.history.step(step)?.ok_or(ReplayError::NoStep(step))?;
        let layouts = recording.history.layouts(step).ok_or(ReplayError::NoStep(step))?;
        let ours = (trainer.layout(), trainer.gradient_layout());
        launched.take(&recorded, &replayed);
        if course.wants(step) {
            let found = compare(&recorded, &replayed, layouts, (&ours.0, &ours.1));
            course.push(&recorded, &replayed, found.as_ref());
            first = first.or(found);
        }
        progress(step);
    }
    Ok(Taken { first, course: course.finish(), launched })
}

/// Names the tensors that differ from a recorded state, or says why that cannot be told.
type Unlike = (Vec<TensorDifference>, Option<String>);

/// The run has to begin where its seed says; a run that began with other
/// weights could be honest from there on.
pub(in crate::verify) fn initial_differences(
    recording: &Recording<'_>,
    derived: &State,
    limit: u64,
) -> Result<Unlike, ReplayError> {
    unlike(recording, 0, derived, derived.root(), limit)
}

fn closing_differences(
    recording: &Recording<'_>,
    replayed: &State,
    root: StateRoot,
    segment: Segment,
    limit: u64,
) -> Result<Unlike, ReplayError> {
    unlike(recording, segment.step_end, replayed, root, limit)
}

/// Compares with a committed state. Its root alone decides whether the two are equal:
/// whoever deletes or alters the file while it is audited takes back only where they
/// differ.
fn unlike(
    recording: &Recording<'_>,
    step: u64,
    found: &State,
    root: StateRoot,
    limit: u64,
) -> Result<Unlike, ReplayError> {
    if recording.history.checkpoints.get(&step) == Some(&root) {
        return Ok(Unlike::default());
    }
    match load(recording, step, limit) {
        Ok(recorded) => Ok((state_differences(&recorded, found), None)),
        Err(error) if error.is_a_change() => Ok((Vec::new(), Some(error.to_string()))),
        Err(error) => Err(error),
    }
}

/// Returns the state to begin with. That of step 0 is there twice, if it is the derived
/// one.
fn opening(
    recording: &Recording<'_>,
    segment: Segment,
    derived: State,
    limit: u64,
) -> Result<State, ReplayError> {
    let first = segment.step_start == 0;
    match load(recording, segment.step_start, limit) {
        Err(error)
            if first
                && error.is_a_change()
                && recording.history.checkpoints.get(&0) == Some(&derived.root()) =>
        {
            Ok(derived)
        }
        loaded => loaded,
    }
}

/// Limits a state by the initial one.
pub(in crate::verify) fn state_limit(initial: &State) -> u64 {
    STATE_GROWTH_MAX * initial.byte_len() + STATE_SLACK_BYTES
}

/// Loads a committed state; its root is taken from the very bytes that are
/// used.
pub(in crate::verify) fn load(
    recording: &Recording<'_>,
    step: u64,
    limit: u64,
) -> Result<State, ReplayError> {
    let refuse = |problem| ReplayError::Checkpoint { step, problem };
    let checkpoint = recording.checkpoint(step).map_err(refuse)?;
    let state = match checkpoint.load(limit) {
        Err(CheckpointError::TooLarge { bytes, limit })
            if recording.is_as_committed(step, &checkpoint) =>
        {
            return Err(ReplayError::TooLarge { step, bytes, limit });
        }
        loaded => loaded.map_err(refuse)?,
    };
    match recording.history.checkpoints.get(&step) {
        Some(root) if *root == state.root() => Ok(state),
        root => Err(ReplayError::Changed(Object::Checkpoint(root.copied().unwrap_or_default()))),
    }
}
