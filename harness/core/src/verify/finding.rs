//! What an examination finds.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::advice::Advice;
use crate::format::Object;

/// Says what is wrong, where, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What was observed, in plain words.
    pub problem: String,
    /// What it means for the verdict.
    pub weight: Weight,
    /// What can be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
}

/// Names a place in a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Path of the object inside the recording.
    pub object: String,
    /// The step, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
}

/// Says what a finding means for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The recording contradicts itself, its spec, or its commitment.
    Divergent,
    /// It cannot be told whether the recording is right.
    Inconclusive,
    /// Worth knowing; proves nothing.
    Note,
}

impl Place {
    /// Names a whole object.
    pub fn object(object: Object) -> Self {
        Self { object: object.to_string(), step: None }
    }

    /// Names a step in the journal.
    pub fn step(step: u64) -> Self {
        Self { object: Object::Journal.to_string(), step: Some(step) }
    }

    /// Names an object that belongs to a step.
    pub fn object_at(object: Object, step: u64) -> Self {
        Self { object: object.to_string(), step: Some(step) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "{}, step {step}", self.object),
            None => f.write_str(&self.object),
        }
    }
}

impl Finding {
    /// Reports a contradiction.
    pub fn divergent(place: Place, problem: impl fmt::Display) -> Self {
        Self::new(place, problem, Weight::Divergent)
    }

    /// Reports that something cannot be told.
    pub fn inconclusive(place: Place, problem: impl fmt::Display) -> Self {
        Self::new(place, problem, Weight::Inconclusive)
    }

    /// Reports something worth knowing.
    pub fn note(place: Place, problem: impl fmt::Display) -> Self {
        Self::new(place, problem, Weight::Note)
    }

    fn new(place: Place, problem: impl fmt::Display, weight: Weight) -> Self {
        Self { place, problem: problem.to_string(), weight, advice: None }
    }

    /// Says what can be done about it.
    pub fn advise(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}
