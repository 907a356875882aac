//! What an audit held against a recording without a replay.

use reenact_core::digest::Hasher;
use serde::{Deserialize, Serialize};

/// Hex digits of an id, as many as a proven divergence has.
const ID_DIGITS: usize = 12;

/// Holds what an examination found. It is found again at each audit for as long as it is there,
/// so nobody has to close it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Names it, whichever audit finds it: by the run's place, the object and the step.
    pub id: String,
    /// What kind of thing it is, which says what clears it.
    pub kind: AlarmKind,
    /// Path of the object inside the recording.
    pub object: String,
    /// The step, where it could be told.
    pub step: Option<u64>,
    /// What was found.
    pub words: String,
}

/// Says what kind of thing was found without a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmKind {
    /// The run is not the one that was ordered: only an audit that knows the order can clear it.
    Expected,
    /// It goes on from something else than was audited before.
    Contradiction,
    /// The files are not what they have to be.
    #[default]
    Files,
    /// It was called divergent for a reason that is none of these.
    Other,
}

impl Alarm {
    /// Names what was found in an object of the run at a place. It is about files, so another
    /// copy of the run has its own. The words are no part of the name, as they hold dates and
    /// counts.
    pub fn of(kind: AlarmKind, place: &str, object: &str, step: Option<u64>, words: &str) -> Self {
        let mut hasher = Hasher::new("reenact v1 alarm");
        hasher.bytes(kind.word().as_bytes()).bytes(place.as_bytes()).bytes(object.as_bytes());
        hasher.u64(step.map_or(0, |_| 1)).u64(step.unwrap_or_default());
        let id = hasher.finish().to_string()[..ID_DIGITS].to_owned();
        Self { id, kind, object: object.to_owned(), step, words: words.to_owned() }
    }
}

impl AlarmKind {
    /// Returns its name in stored texts.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Contradiction => "contradiction",
            Self::Files => "files",
            Self::Other => "other",
        }
    }
}
