//! How a run stands: what is known of it, what is still open, and when that will be settled.

use serde::{Deserialize, Serialize};

use crate::watched::Watched;

/// Holds how a run stands after a night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Where it lies.
    pub place: String,
    /// What nights know of it.
    pub watched: Watched,
    /// Segments that are covered.
    pub covered: u64,
    /// The chance that as many tampered segments as the goal says have escaped every audit.
    pub escape: f64,
    /// Whether that is as little as promised.
    pub is_certain: bool,
    /// When it will be, if each night does as much as the next; none if nobody can say.
    pub certain_at_seconds: Option<u64>,
    /// Since when the oldest segment is there that is not covered; none if all are.
    pub oldest_uncovered_at_seconds: Option<u64>,
    /// Why it is overdue; none if it is not.
    pub overdue: Option<String>,
}
