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
use crate::verify::draw_rule::DrawRule;
use crate::verify::power::escape_probability;

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
    /// How they are drawn. What was written before there was a choice has none.
    #[serde(default)]
    pub rule: DrawRule,
}

impl Challenge {
    /// Asks for so many segments, by the rule of today.
    pub fn new(commitment: Digest, nonce: Nonce, total: u64, count: u64) -> Self {
        Self { commitment, nonce, total, count, rule: DrawRule::LastAlways }
    }

    /// Draws the segments, in ascending order: the last one, where the rule
    /// says so, and for the rest the front of a Fisher-Yates shuffle of all
    /// others, by the ChaCha20 stream keyed with BLAKE3 over commitment, nonce
    /// and total.
    pub fn draw(&self) -> Vec<u64> {
        let mut hasher = Hasher::new(self.rule.domain());
        hasher.fixed(&self.commitment.0).bytes(self.nonce.0.as_bytes()).u64(self.total);
        let (fixed, pool, count) = self.parts();
        let mut segments: Vec<u64> = (0..pool).collect();
        shuffle_prefix(&mut keyed_stream(hasher.finish()), &mut segments, count as usize);
        segments.truncate(count as usize);
        segments.sort_unstable();
        // What is drawn whatever the nonce says comes last, so the order stays.
        segments.extend(pool..pool + fixed);
        segments
    }

    /// Returns the chance that tampering with so many segments escapes the
    /// draw. Whoever tampers knows the rule and leaves alone what is drawn
    /// always; only who touched every segment touched that too.
    pub fn escape(&self, tampered: u64) -> f64 {
        let (fixed, pool, count) = self.parts();
        if tampered > pool && fixed > 0 {
            return 0.0;
        }
        escape_probability(pool, tampered, count)
    }

    /// Returns how many segments are drawn always, how many there are besides,
    /// and how many of those are drawn.
    fn parts(&self) -> (u64, u64, u64) {
        let count = self.count.min(self.total);
        let fixed = match self.rule {
            DrawRule::Uniform => 0,
            DrawRule::LastAlways => count.min(1),
        };
        (fixed, self.total - fixed, count - fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(nonce: &str, count: u64) -> Challenge {
        Challenge::new(Digest([9; 32]), nonce.parse().unwrap(), 20, count)
    }

    fn uniform(nonce: &str, count: u64) -> Challenge {
        Challenge { rule: DrawRule::Uniform, ..challenge(nonce, count) }
    }

    #[test]
    fn golden_draw() {
        assert_eq!(challenge("a nonce", 5).draw(), [1, 8, 12, 15, 19]);
    }

    #[test]
    fn golden_draw_of_the_first_rule() {
        assert_eq!(uniform("2026-11-23", 5).draw(), [4, 7, 10, 17, 18]);
        assert_eq!(uniform("a nonce", 5).draw(), [1, 4, 5, 14, 19]);
        let text = serde_json::to_string(&uniform("n", 5)).unwrap();
        let before = text.replace(r#","rule":1"#, "");
        assert_ne!(before, text);
        let read: Challenge = serde_json::from_str(&before).unwrap();
        assert_eq!(read, uniform("n", 5), "what names no rule was drawn by the first");
        let later = text.replace(r#""rule":1"#, r#""rule":3"#);
        assert!(serde_json::from_str::<Challenge>(&later).is_err());
    }

    #[test]
    fn the_last_segment_is_always_drawn() {
        for nonce in 0..200 {
            for count in 1..=20 {
                assert_eq!(challenge(&nonce.to_string(), count).draw().last(), Some(&19));
            }
        }
        assert_eq!(challenge("x", 0).draw(), [0; 0]);
        assert_eq!(Challenge { total: 1, ..challenge("x", 1) }.draw(), [0]);
        assert_eq!(Challenge { total: 0, ..challenge("x", 1) }.draw(), [0; 0]);
    }

    #[test]
    fn who_tampers_leaves_alone_what_is_drawn_always() {
        // Two of the other 19 are drawn beside the last: C(18, 2) / C(19, 2).
        assert!((challenge("x", 3).escape(1) - 17.0 / 19.0).abs() < 1e-12);
        assert!((uniform("x", 3).escape(1) - 17.0 / 20.0).abs() < 1e-12);
        // The last one alone is no sample of the others.
        assert_eq!([1, 19, 20].map(|tampered| challenge("x", 1).escape(tampered)), [1.0, 1.0, 0.0]);
        assert_eq!([0, 1].map(|tampered| challenge("x", 20).escape(tampered)), [1.0, 0.0]);
        assert_eq!([18, 21].map(|tampered| challenge("x", 3).escape(tampered)), [0.0, 0.0]);
        assert_eq!([1, 20].map(|tampered| challenge("x", 0).escape(tampered)), [1.0, 1.0]);
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
