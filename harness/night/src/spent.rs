//! What a night planned to spend, and did.

use serde::{Deserialize, Serialize};

/// Holds what was planned and what was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Device seconds that the plan foresaw.
    pub planned_seconds: f64,
    /// Device seconds that the budget allows.
    pub budget_seconds: f64,
    /// Device seconds that were used, canaries among them.
    pub used_seconds: f64,
    /// How long the night took.
    pub wall_seconds: u64,
    /// How long it may take; none if it may take any time.
    pub wall_budget_seconds: Option<u64>,
    /// Bytes that were read and hashed where nothing was replayed.
    pub read_bytes: u64,
    /// Bytes that may be.
    pub read_budget_bytes: u64,
}
