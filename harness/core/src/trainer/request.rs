//! What is asked of a step.

use crate::variation::Variation;

/// Says what is asked of a step; by default that it is taken as declared, with its whole
/// trace: the step that is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What is done otherwise than declared.
    pub variation: Variation,
    /// How much of its trace is wanted.
    pub detail: Detail,
}

/// Says how much of a step's trace is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Everything that is recorded.
    #[default]
    Whole,
    /// The loss, and so that the device is waited for: the same training without the
    /// recorder, to measure what recording costs. Digests are zero and there are no
    /// fingerprints.
    Loss,
}

impl Request {
    /// Asks for a step with something done otherwise, and for its whole trace.
    pub fn varied(variation: Variation) -> Self {
        Self { variation, detail: Detail::Whole }
    }

    /// Asks for the declared step, and for its loss alone.
    pub fn loss() -> Self {
        Self { variation: Variation::default(), detail: Detail::Loss }
    }

    /// Says whether the step is to be taken as declared.
    pub fn is_declared(&self) -> bool {
        self.variation == Variation::default()
    }

    /// Says whether the whole trace is wanted.
    pub fn is_whole(&self) -> bool {
        self.detail == Detail::Whole
    }
}
