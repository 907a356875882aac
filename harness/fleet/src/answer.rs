//! What a worker answers to one unit.

use reenact_audit::Message;
use reenact_core::digest::Digest;
use reenact_core::format::Environment;
use reenact_core::verify::{SegmentOutcome, Witness};
use serde::{Deserialize, Serialize};

/// Format of an answer.
pub const ANSWER_FORMAT: u32 = 1;

/// Holds what came of a unit, and what computed it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Format version, 1.
    pub format: u32,
    /// Digest of the plan.
    pub plan: Digest,
    /// Number of the unit.
    pub unit: u32,
    /// What computed it.
    pub environment: Environment,
    /// The machine and its device.
    pub by: Witness,
    /// How long each replay took.
    pub seconds: Vec<f64>,
    /// What came of each: a replay that leaves the recording is made twice.
    pub messages: Vec<Message>,
}

impl Answer {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.format != ANSWER_FORMAT {
            let found = self.format;
            return Err(format!("it is of format {found}; this version reads {ANSWER_FORMAT}"));
        }
        if self.messages.is_empty() || self.seconds.len() != self.messages.len() {
            return Err("it does not say what came of each replay".into());
        }
        Ok(())
    }

    /// Returns what was computed first, without who did it and when.
    pub(crate) fn bits(&self) -> String {
        self.messages
            .first()
            .and_then(|first| serde_json::to_string(first).ok())
            .unwrap_or_default()
    }

    /// Says whether its first replay agrees with the recording.
    pub(crate) fn agrees(&self) -> bool {
        self.messages.first().is_some_and(agrees)
    }
}

/// Says whether a replay agrees with its recording.
pub(crate) fn agrees(message: &Message) -> bool {
    matches!(message, Message::Outcome(SegmentOutcome::Replayed { replay }) if replay.agrees())
}
