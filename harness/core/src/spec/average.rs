//! Running average of the weights.

use serde::{Deserialize, Serialize};

/// Keeps an exponential moving average of every parameter (Polyak and Juditsky 1992, with
/// exponential weights): `average = decay * average + (1 - decay) * value` after each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AverageSpec {
    /// Share of the average that is kept, at least 0 and below 1.
    pub decay: f64,
    /// The first step after which it is averaged; before, the average is the value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step_start: u64,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
