//! The verdict of an audit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Says whether the run is what its record claims. Only `Match` passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was examined agrees.
    Match {
        /// In which sense.
        grade: Grade,
    },
    /// The recording contradicts itself, its spec, or a replay.
    Divergent,
    /// It cannot be told, and not because of the recording's content.
    Inconclusive,
}

/// Says in which sense replay and recording agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Every bit of the state.
    BitExact,
    /// Within what honest replays of another class of device deviate by: a
    /// statistical statement, and a weaker one.
    Tolerance,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BitExact => f.write_str("bit-exact"),
            Self::Tolerance => f.write_str("tolerance"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match { grade } => write!(f, "Match ({grade})"),
            Self::Divergent => f.write_str("Divergent"),
            Self::Inconclusive => f.write_str("Inconclusive"),
        }
    }
}
