//! Of how many steps the batches were compared with the data set.

use serde::{Deserialize, Serialize};

use crate::verify::challenge::Nonce;

/// Says how many batches an examination built and compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// Steps whose batches were compared, by the examination or by a replay that came to the
    /// end of its segment.
    pub compared: u64,
    /// Steps of the run.
    pub steps: u64,
    /// How many bytes of batches the examination built at most.
    pub bytes_max: u64,
    /// By what the steps were chosen, where it is not the challenge's nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
    /// Whether the steps of drawn segments were left to their replay.
    #[serde(skip)]
    pub(in crate::verify) leaves_replayed: bool,
}

impl Batches {
    /// Says whether those of all steps were.
    pub fn is_all(&self) -> bool {
        self.compared >= self.steps
    }

    /// Adds the steps of segments that were replayed to their end, if they were left to that.
    pub(in crate::verify) fn and_replayed(mut self, steps: u64) -> Self {
        if self.leaves_replayed {
            self.compared = self.compared.saturating_add(steps).min(self.steps);
        }
        self
    }
}

impl std::fmt::Display for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_all() {
            return write!(f, "those of all {} steps were compared with the data set", self.steps);
        }
        write!(
            f,
            "those of {} of {} steps were compared with the data set",
            self.compared, self.steps
        )
    }
}
