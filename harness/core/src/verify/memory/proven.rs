//! Divergences that replays have proven.
//!
//! What an examination finds is found again each time. What a replay finds is found only
//! where its segment is drawn again: without a memory, the next lucky draw would take the
//! accusation back.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::format::Object;
use crate::state::StateRoot;
use crate::verify::advice::Advice;
use crate::verify::date::date;
use crate::verify::divergence::Stage;
use crate::verify::finding::{Finding, Place};
use crate::verify::verdict::Grade;

/// Hex digits of an id: enough to tell what one ledger holds apart, and to be typed.
const ID_DIGITS: usize = 12;

/// Holds a divergence that two processes agree on and that is held against a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Number of the segment; none where it is the start or the sum of all segments.
    pub segment: Option<u64>,
    /// The first step that differs, if one does.
    pub step: Option<u64>,
    /// The first stage of that step that differs.
    pub stage: Option<Stage>,
    /// Whether every bit was compared, or a tolerance was exceeded.
    pub grade: Grade,
    /// What the audit said.
    pub words: String,
    /// The attack of the catalogue that acts like its cause, if one was found. It is no part
    /// of the name: an audit that does not look for causes finds the same divergence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Holds one that nobody has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Names it to people.
    pub id: String,
    /// What was proven.
    pub proven: Proven,
}

impl Proven {
    /// Names it, given the run's spec and the recorded states that open and close the
    /// segment. So the same divergence has the same name each time, wherever the recording
    /// lies, and however far the run has gone on since.
    pub fn id(&self, spec: Option<Digest>, states: Option<(StateRoot, StateRoot)>) -> String {
        let mut hasher = Hasher::new("reenact v1 incident");
        let (opening, closing) = states.unwrap_or_default();
        hasher.fixed(&spec.unwrap_or_default().0).fixed(&opening.0.0).fixed(&closing.0.0);
        for number in [self.segment, self.step] {
            hasher.u64(number.map_or(0, |_| 1)).u64(number.unwrap_or_default());
        }
        hasher.bytes(self.stage.map_or(String::new(), |stage| stage.to_string()).as_bytes());
        hasher.bytes(self.grade.to_string().as_bytes());
        hasher.finish().to_string()[..ID_DIGITS].to_owned()
    }
}

impl Open {
    /// Holds it against the recording.
    pub(in crate::verify) fn finding(&self, at_seconds: u64) -> Finding {
        let Self { id, proven } = self;
        let place = match proven.step {
            Some(step) => Place::step(step),
            None => Place::object(Object::Journal),
        };
        let stage = proven.stage.map_or(String::new(), |stage| format!(", stage {stage}"));
        let problem = format!(
            "an audit of {} has proven a divergence ({}{stage}): {}. It counts until somebody \
             closes it and says why",
            date(at_seconds),
            proven.grade,
            proven.words
        );
        Finding::divergent(place, problem).advise(Advice::Close { id: id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_id() {
        let proven = Proven {
            segment: Some(3),
            step: Some(31),
            stage: Some(Stage::Update),
            grade: Grade::BitExact,
            words: "whatever was said".into(),
            cause: None,
        };
        let (spec, state) = (Digest([1; 32]), |byte| StateRoot(Digest([byte; 32])));
        assert_eq!(proven.id(Some(spec), Some((state(2), state(3)))), "b6c308ec6fb9");
        // Who does not look for its cause, or says it otherwise, finds the same one.
        let told = Proven { cause: Some("sign-flip".into()), words: String::new(), ..proven };
        assert_eq!(told.id(Some(spec), Some((state(2), state(3)))), "b6c308ec6fb9");
    }
}
