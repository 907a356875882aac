//! Which segments are replayed.
//!
//! The draw is keyed by the commitment, which the trainer fixed, and a nonce,
//! which the trainer could not know then. Both stand in the report, so anybody
//! can draw the same sample again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::steering::{keyed_stream, shuffle_prefix};

const NONCE_BYTES_MAX: usize = 256;

/// Holds the auditor's share of the challenge: any short text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(String);

/// Says why a text is no nonce.
#[derive(Debug, thiserror::Error)]
#[error("a nonce is 1 to {NONCE_BYTES_MAX} printable ASCII characters")]
pub struct NonceError;

impl Nonce {
    /// Writes random bytes as a nonce.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Digest(bytes).to_string())
    }
}

impl FromStr for Nonce {
    type Err = NonceError;

    fn from_str(text: &str) -> Result<Self, NonceError> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > NONCE_BYTES_MAX || !printable {
            return Err(NonceError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Nonce {
    type Error = NonceError;

    fn try_from(text: String) -> Result<Self, NonceError> {
        text.parse()
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Holds everything that decides which segments are drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Digest of the commitment's text.
    pub commitment: Digest,
    /// The auditor's share.
    pub nonce: Nonce,
    /// Number of segments of the run.
    pub total: u64,
    /// Number of segments to draw.
    pub count: u64,
}

impl Challenge {
    /// Draws the segments, in ascending order: the first `count` of a
    /// Fisher-Yates shuffle of all, by the ChaCha20 stream keyed with BLAKE3
    /// over commitment, nonce and total.
    pub fn draw(&self) -> Vec<u64> {
        let mut hasher = Hasher::new("reenact v1 challenge");
        hasher.fixed(&self.commitment.0).bytes(self.nonce.0.as_bytes()).u64(self.total);
        let mut segments: Vec<u64> = (0..self.total).collect();
        let count = self.count.min(self.total) as usize;
        shuffle_prefix(&mut keyed_stream(hasher.finish()), &mut segments, count);
        segments.truncate(count);
        segments.sort_unstable();
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(nonce: &str, count: u64) -> Challenge {
        Challenge { commitment: Digest([9; 32]), nonce: nonce.parse().unwrap(), total: 20, count }
    }

    #[test]
    fn golden_draw() {
        assert_eq!(challenge("2026-11-23", 5).draw(), [4, 7, 10, 17, 18]);
    }

    #[test]
    fn draws_without_replacement_and_nests() {
        let all = challenge("x", 20).draw();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        let (few, more) = (challenge("x", 4).draw(), challenge("x", 9).draw());
        assert!(few.iter().all(|segment| more.contains(segment)));
        assert_eq!(challenge("x", 99).draw().len(), 20);
    }

    #[test]
    fn nonce_and_commitment_decide() {
        assert_ne!(challenge("x", 5).draw(), challenge("y", 5).draw());
        let other = Challenge { commitment: Digest([8; 32]), ..challenge("x", 5) };
        assert_ne!(other.draw(), challenge("x", 5).draw());
    }

    #[test]
    fn nonces_are_short_and_printable() {
        for text in ["", "a\nb", "é", &"a".repeat(257)] {
            assert!(text.parse::<Nonce>().is_err());
        }
    }
}
