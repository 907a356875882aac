//! burn's random stream, and the numbers of dropout.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use reenact_core::spec::Spec;

/// Whose turn it is.
static STREAM: Mutex<()> = Mutex::new(());

/// Where the masks of the step that has its turn stand; none where burn draws them.
///
/// As burn's own generator it belongs to the process and not to a thread: a step is computed
/// by another thread than the one that takes the turn.
static MASKS: Mutex<Option<Draw>> = Mutex::new(None);

/// Says who draws the masks of [`crate::Dropout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Masks {
    /// burn, from the stream of its backend: other ones on every kind of device.
    Burn,
    /// A counter-based generator: the same ones on all devices.
    Counter,
}

impl Masks {
    /// Returns what a spec's format says: burn up to 1, so that what was recorded so stays the
    /// same.
    pub(crate) fn of(spec: &Spec) -> Self {
        if spec.format > 1 { Self::Counter } else { Self::Burn }
    }
}

/// Names the numbers of one mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    /// Seed of the step.
    pub(crate) seed: u64,
    /// Masks that were drawn before in the same step.
    pub(crate) call: u32,
}

/// Holds burn's random stream and the numbers of dropout for one step of one trainer.
#[must_use = "the stream is held only as long as the guard lives"]
pub(crate) struct Turn {
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Turn {
    // Runs before the turn itself is given on.
    fn drop(&mut self) {
        *masks() = None;
    }
}

/// Seeds burn's random stream and the numbers of dropout, and keeps both for the caller until
/// the guard is dropped.
///
/// burn has one generator a process. Two trainers in one process would draw
/// from each other's stream and be irreproducible, so they take turns.
pub(crate) fn hold_seeded(device: &Device, seed: u64, drawn_by: Masks) -> Turn {
    let turn = STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    *masks() = (drawn_by == Masks::Counter).then_some(Draw { seed, call: 0 });
    Turn { _turn: turn }
}

/// Says which numbers the next mask of the step has. None where burn draws it, or where no
/// trainer takes a step.
pub(crate) fn next_mask() -> Option<Draw> {
    let mut masks = masks();
    let next = masks.as_mut()?;
    let draw = *next;
    next.call = next.call.wrapping_add(1);
    Some(draw)
}

fn masks() -> MutexGuard<'static, Option<Draw>> {
    MASKS.lock().unwrap_or_else(PoisonError::into_inner)
}
