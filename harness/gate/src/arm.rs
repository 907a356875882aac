//! The questions that a gate asks.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Names a question that a gate asks of a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Does this build compute the same bits again: in another process, with another number
    /// of threads, after a stop?
    Repeat,
    /// Does a training that was killed go on as it would have?
    Resume,
    /// Are they the accepted bits?
    Baseline,
    /// Can recordings of before still be audited?
    Old,
    /// Is an attack seen that was planted in a copy?
    Canary,
}

impl Arm {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Repeat, Self::Resume, Self::Baseline, Self::Old, Self::Canary];
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeat => "repeat",
            Self::Resume => "resume",
            Self::Baseline => "baseline",
            Self::Old => "old",
            Self::Canary => "canary",
        })
    }
}

impl FromStr for Arm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|arm| arm.to_string() == text);
        found.ok_or_else(|| {
            format!("the arms are {}", Self::ALL.map(|arm| arm.to_string()).join(", "))
        })
    }
}
