//! How much a recording will take, told beforehand.

use serde::Serialize;

use crate::format::checkpoint_bytes;
use crate::spec::Spec;
use crate::state::Layout;
use crate::steering::ValidationSteps;
use crate::trainer::Trainer;

/// Bytes around the payload of a frame.
const FRAME_BYTES: u64 = 46;
/// Bytes of a step's payload without its fingerprints.
const STEP_BYTES: u64 = 100;
/// Bytes of a validation with three figures, a usual number; how many there are is known only
/// when the first are there.
const VALIDATION_BYTES: u64 = 9 + 3 * 32;
/// Bytes of a checkpoint's payload, and of its line in the commitment at most.
const NAMED_BYTES: u64 = 40 + 96;
/// Bytes of environments, layouts and spec: a usual amount, as they are small.
const AROUND_BYTES: u64 = 4096;

/// Says how many bytes a recording will take from a step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Checkpoints that are still to be written.
    pub checkpoints: u64,
    /// What the largest of them takes.
    pub checkpoint_bytes: u64,
    /// What all of them take.
    pub checkpoints_bytes: u64,
    /// What the journal takes, with all that is small.
    pub journal_bytes: u64,
    /// Everything.
    pub total_bytes: u64,
}

/// Names the tensors of a training.
pub struct Tensors<'a> {
    /// Of the state that opens the first step.
    pub opening: &'a Layout,
    /// Of the states after it: most optimizers have their moments then.
    pub later: &'a Layout,
    /// Of the gradients.
    pub gradient: &'a Layout,
}

impl Forecast {
    /// Foretells a whole recording by the tensors that a training begins with: a
    /// lower bound, as moments mostly come with the first step.
    pub fn at_start(spec: &Spec, trainer: &dyn Trainer) -> Self {
        let (state, gradient) = (trainer.layout(), trainer.gradient_layout());
        let tensors = Tensors { opening: &state, later: &state, gradient: &gradient };
        Self::of(spec, 0, &tensors)
    }

    /// Foretells a recording of the steps from `first_step` on; from 0 on with
    /// the state that opens it.
    pub fn of(spec: &Spec, first_step: u64, tensors: &Tensors<'_>) -> Self {
        let later = spec.boundaries().filter(|&step| step > first_step).count() as u64;
        let opening = u64::from(first_step == 0);
        let bytes = [tensors.opening, tensors.later].map(checkpoint_bytes);
        let fingerprints = tensors.later.tensors().len() + tensors.gradient.tensors().len();
        let step_bytes = FRAME_BYTES + STEP_BYTES + 8 * fingerprints as u64;
        let checkpoints = opening + later;
        let checkpoints_bytes =
            opening.saturating_mul(bytes[0]).saturating_add(later.saturating_mul(bytes[1]));
        let steps = spec.steps - first_step;
        let validations = ValidationSteps::of(spec).map_or(0, |due| due.left(first_step));
        let journal_bytes = steps
            .saturating_mul(step_bytes)
            .saturating_add(validations.saturating_mul(VALIDATION_BYTES))
            .saturating_add(checkpoints * (FRAME_BYTES + NAMED_BYTES) + AROUND_BYTES);
        Self {
            checkpoints,
            checkpoint_bytes: bytes[0].max(bytes[1]),
            checkpoints_bytes,
            journal_bytes,
            total_bytes: checkpoints_bytes.saturating_add(journal_bytes),
        }
    }
}
