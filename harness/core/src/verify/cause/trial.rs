//! One hypothesis about one step, as something that can be tried.

use crate::state::State;
use crate::trainer::Request;
use crate::variation::Variation;
use crate::verify::divergence::StepDivergence;
use crate::verify::explanation::Cause;

/// Edits a state.
pub(super) type Edit = Box<dyn Fn(&State) -> State>;

/// Says what to do otherwise, and what that would mean.
pub(super) struct Trial {
    pub(super) cause: Cause,
    /// The step to take in its place.
    pub(super) request: Request,
    /// Edits the state before the step.
    pub(super) before: Option<Edit>,
    /// Edits the state after the step.
    pub(super) after: Option<Edit>,
    /// Bits of the learning rate that is recorded, if not the declared ones.
    pub(super) recorded_rate_bits: Option<u64>,
}

/// Says what a trial gave.
pub(super) enum Outcome {
    /// Everything that was recorded of the step came out.
    Holds,
    /// This did not.
    Differs(StepDivergence),
    /// The search had ended before.
    NotTried,
}

impl Trial {
    /// Varies the step itself.
    pub(super) fn varied(cause: Cause, variation: Variation) -> Self {
        let request = Request::varied(variation);
        Self { cause, request, before: None, after: None, recorded_rate_bits: None }
    }

    /// Edits the state that the step begins with.
    pub(super) fn edited_before(cause: Cause, edit: Edit) -> Self {
        Self { before: Some(edit), ..Self::varied(cause, Variation::default()) }
    }

    /// Edits the state that the step ends in.
    pub(super) fn edited_after(cause: Cause, edit: Edit) -> Self {
        Self { after: Some(edit), ..Self::varied(cause, Variation::default()) }
    }
}
