//! Divergences that replays have proven.
//!
//! What an examination finds is found again each time. What a replay finds is found only
//! where its segment is drawn again: without a memory, the next lucky draw would take the
//! accusation back.

use serde::{Deserialize, Serialize};

use crate::digest::Hasher;
use crate::format::Object;
use crate::verify::advice::Advice;
use crate::verify::date::date;
use crate::verify::divergence::Stage;
use crate::verify::finding::{Finding, Place};
use crate::verify::remembered::Seen;
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
    /// Names it: the same divergence of the same journal has the same name each time.
    pub fn id(&self, seen: Option<Seen>) -> String {
        let mut hasher = Hasher::new("reenact v1 proven divergence");
        let (frames, head) = seen.map(|seen| (seen.frames, seen.head)).unwrap_or_default();
        hasher.u64(frames).fixed(&head.0);
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
