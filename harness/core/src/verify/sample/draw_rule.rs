//! By which rule a challenge draws.

use serde::{Deserialize, Serialize};

/// Names the rule by which a challenge draws; stored as its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub enum DrawRule {
    /// 1: every segment is equally likely. What names no rule was drawn by it.
    #[default]
    Uniform,
    /// 2: the last segment always, as its weights are what is used, and the
    /// others equally likely.
    LastAlways,
    /// 3: from what is not covered yet; its last segment always, if it is that of the run.
    Uncovered,
}

/// Says that a number is that of no rule.
#[derive(Debug, thiserror::Error)]
#[error("segments were drawn by rule {0}, which this version does not know")]
pub struct DrawRuleError(u64);

impl DrawRule {
    /// Returns the context of the hash that keys the draw.
    pub(in crate::verify) const fn domain(self) -> &'static str {
        match self {
            Self::Uniform => "reenact v1 challenge",
            Self::LastAlways => "reenact v2 challenge",
            Self::Uncovered => "reenact v3 challenge",
        }
    }
}

impl From<DrawRule> for u64 {
    fn from(rule: DrawRule) -> Self {
        match rule {
            DrawRule::Uniform => 1,
            DrawRule::LastAlways => 2,
            DrawRule::Uncovered => 3,
        }
    }
}

impl TryFrom<u64> for DrawRule {
    type Error = DrawRuleError;

    fn try_from(number: u64) -> Result<Self, DrawRuleError> {
        match number {
            1 => Ok(Self::Uniform),
            2 => Ok(Self::LastAlways),
            3 => Ok(Self::Uncovered),
            _ => Err(DrawRuleError(number)),
        }
    }
}
