//! How far a run has come that is not as long as it declared.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::verify::recording::Recording;

/// Says how far a run has come that is not as long as it declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reach {
    /// It still trains, and is committed to up to this step.
    SoFar {
        /// The step.
        step: u64,
    },
    /// It has ended there, by its trainer's word.
    EndedEarly {
        /// The step.
        step: u64,
    },
}

impl Reach {
    /// Reads it from a recording; none if that is as long as declared.
    pub fn of(recording: &Recording<'_>) -> Option<Self> {
        let step = recording.steps();
        match recording.so_far {
            Some(_) => Some(Self::SoFar { step }),
            None if recording.history.ended_early => Some(Self::EndedEarly { step }),
            None => None,
        }
    }

    /// Returns the number of steps that are committed to.
    pub const fn step(self) -> u64 {
        match self {
            Self::SoFar { step } | Self::EndedEarly { step } => step,
        }
    }

    /// Says it in words, beside the declared number of steps.
    pub fn words(self, declared_steps: u64) -> impl fmt::Display {
        match self {
            Self::SoFar { step } => format!("so far: steps 0 to {step} of {declared_steps}"),
            Self::EndedEarly { step } => {
                format!("ended early, by its trainer's word: {step} of {declared_steps} steps")
            }
        }
    }
}
