//! Re-executing one segment on another class of device.

use crate::digest::Digest;
use crate::trainer::Trainer;
use crate::verify::deviation::SegmentDeviation;
use crate::verify::divergence::{Divergence, StepDivergence};
use crate::verify::launched::Launched;
use crate::verify::recording::{Recording, Segment};
use crate::verify::replaying::{
    Replay, ReplayError, initial_differences, load, state_limit, take_steps,
};
use crate::verify::unrecorded::Unrecorded;

/// Replays a segment from its committed opening state, as
/// [`replay`](crate::verify::replay()) does, and measures how far the closing
/// state ends from the recorded one.
///
/// What is equal on every class is compared exactly. Losses, gradients and the
/// states within the segment are recorded as digests or not at all, so they are
/// not compared. `key` folds the residuals ([`crate::verify::sketch::sketch_key`]).
pub fn replay_within(
    recording: &Recording<'_>,
    trainer: &mut dyn Trainer,
    segment: Segment,
    key: Digest,
    progress: &mut dyn FnMut(u64),
) -> Result<Replay, ReplayError> {
    let initial_state = trainer.capture(0)?;
    let limit = state_limit(&initial_state);
    let (initial, initial_unread) = initial_differences(recording, &initial_state, limit)?;
    let opening = load(recording, segment.step_start, limit)?;
    trainer.restore(&opening)?;
    let compare = StepDivergence::of_what_is_exact;
    let taken = take_steps(recording, trainer, segment, compare, progress)?;
    let closing = trainer.capture(segment.step_end)?;
    let recorded = load(recording, segment.step_end, limit)?;
    let (deviation, unequal) = SegmentDeviation::measure(&opening, &recorded, &closing, key);
    let diverges = taken.first.is_some() || !unequal.is_empty();
    Ok(Replay {
        segment,
        closing_root: closing.root(),
        divergence: diverges.then_some(Divergence {
            step: taken.first,
            closing: unequal,
            closing_unread: None,
        }),
        initial,
        declares_inputs: trainer.declares_inputs(),
        initial_unread,
        course: taken.course,
        // Those of another class of device are none of this one's.
        unrecorded: Unrecorded::default(),
        launched: Launched::default(),
        deviation: Some(deviation),
    })
}
