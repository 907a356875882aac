//! Where a nonce came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::verify::challenge::{Nonce, NonceError};

/// Says where a nonce came from, and so who could have known it when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NonceSource {
    /// The auditor's machine drew it after it had read the commitment.
    Fresh,
    /// Whoever started the audit gave it.
    Given,
    /// A public source of randomness announced it.
    Beacon(Beacon),
}

/// Holds a value that a public source of randomness announced: nobody knew it
/// before, and everybody can look it up after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// Name of the source.
    pub source: String,
    /// Number of the announcement.
    pub round: u64,
    /// What was announced.
    pub value: String,
}

/// Says why a beacon gives no nonce.
#[derive(Debug, thiserror::Error)]
pub enum BeaconError {
    /// A part is empty, or would not be told from its neighbour.
    #[error("the {part} of a beacon is printable ASCII without spaces; `{found}` is not")]
    Part {
        /// Which part.
        part: &'static str,
        /// What it holds.
        found: String,
    },
    /// The whole is too long.
    #[error("source, round and value of a beacon make one nonce, and it is too long: {0}")]
    Whole(#[from] NonceError),
}

impl NonceSource {
    /// Returns its name in stored texts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Given => "given",
            Self::Beacon(_) => "beacon",
        }
    }

    /// Says whether nobody can have known the nonce before the commitment, as far as that
    /// can be told. Only then is the chance of escape a chance: who knows the nonce tries
    /// commitments until the draw leaves out what was tampered with.
    pub const fn is_unforeseen(&self) -> bool {
        match self {
            Self::Fresh | Self::Beacon(_) => true,
            Self::Given => false,
        }
    }
}

impl Beacon {
    /// Writes the announcement as a nonce. There is one text for it, so
    /// everybody who knows the announcement draws the same sample.
    pub fn nonce(&self) -> Result<Nonce, BeaconError> {
        for (part, text) in [("source", &self.source), ("value", &self.value)] {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(BeaconError::Part { part, found: text.clone() });
            }
        }
        let Self { source, round, value } = self;
        Ok(format!("beacon {source} {round} {value}").parse()?)
    }
}

impl fmt::Display for NonceSource {
    /// Completes the sentence "the nonce is ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("fresh randomness, drawn after the commitment was read"),
            Self::Given => f.write_str("given by whoever started the audit"),
            Self::Beacon(Beacon { source, round, value }) => {
                write!(f, "round {round} of the beacon {source}, which announced {value}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacon(source: &str, round: u64, value: &str) -> Beacon {
        Beacon { source: source.into(), round, value: value.into() }
    }

    #[test]
    fn a_beacon_has_one_text() {
        let nonce = beacon("drand-quicknet", 4_321_098, "9a1f").nonce().unwrap();
        assert_eq!(nonce.to_string(), "beacon drand-quicknet 4321098 9a1f");
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        // `beacon a 1 2 3` has to be one source, one round and one value.
        for (source, value) in [("a 1", "3"), ("a", "2 3"), ("", "3"), ("a", ""), ("é", "3")] {
            let refused = beacon(source, 2, value).nonce();
            assert!(matches!(refused, Err(BeaconError::Part { .. })), "{source:?} {value:?}");
        }
    }

    #[test]
    fn the_whole_stays_within_the_limit() {
        // `beacon s 1 ` takes 11 of 256 bytes.
        assert!(beacon("s", 1, &"f".repeat(245)).nonce().is_ok());
        let refused = beacon("s", 1, &"f".repeat(246)).nonce();
        assert!(matches!(refused, Err(BeaconError::Whole(_))));
    }
}
