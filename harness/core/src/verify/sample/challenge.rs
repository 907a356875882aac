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
use crate::verify::segment_set::SegmentSet;

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
    /// Segments that audits before have replayed and found right. Only the third rule
    /// knows any.
    #[serde(default, skip_serializing_if = "SegmentSet::is_empty")]
    pub covered: SegmentSet,
    /// Whether the run still trains. Its last segment is then not that of the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grows: bool,
    /// Segments that cannot be replayed again, as a state beside them was pruned. They are
    /// never drawn.
    #[serde(default, skip_serializing_if = "SegmentSet::is_empty")]
    pub pruned: SegmentSet,
}

/// Names the segments of a draw by why they are drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// Drawn by the nonce from what was not covered. Only these count in a chance.
    pub sampled: Vec<u64>,
    /// The last one, if it is drawn whatever the nonce says.
    pub forced: Option<u64>,
    /// Drawn by the nonce from what was covered, as too little was not.
    pub revisited: Vec<u64>,
}

impl Challenge {
    /// Asks for so many segments of a finished run of which nothing is covered, by the rule
    /// of today. For other runs, see the fields.
    pub fn new(commitment: Digest, nonce: Nonce, total: u64, count: u64) -> Self {
        let (rule, covered) = (DrawRule::Uncovered, SegmentSet::default());
        let (grows, pruned) = (false, SegmentSet::default());
        Self { commitment, nonce, total, count, rule, covered, grows, pruned }
    }

    /// Draws the segments, in ascending order.
    pub fn draw(&self) -> Vec<u64> {
        let Drawing { mut sampled, forced, revisited } = self.drawing();
        sampled.extend(forced.into_iter().chain(revisited));
        sampled.sort_unstable();
        sampled
    }

    /// Draws the segments, and says why each: the last one, where the rule says so; the front
    /// of a Fisher-Yates shuffle of all others that are not covered; and, where these are too
    /// few, that of those that are. One ChaCha20 stream shuffles both.
    pub fn drawing(&self) -> Drawing {
        let count = self.count.min(self.total);
        let forced = self.forced().filter(|_| count > 0);
        let count = count - u64::from(forced.is_some());
        let mut stream = keyed_stream(self.key());
        let mut take = |mut segments: Vec<u64>, count: u64| {
            shuffle_prefix(&mut stream, &mut segments, count as usize);
            segments.truncate(count as usize);
            segments.sort_unstable();
            segments
        };
        let open = self.uncovered().filter(|segment| Some(*segment) != forced);
        let open = open.filter(|segment| !self.pruned.contains(*segment)).collect();
        let sampled = take(open, count);
        let left = count - sampled.len() as u64;
        let revisited = match left {
            0 => Vec::new(),
            left => {
                let covered = self.covered.below(self.total);
                take(covered.filter(|segment| !self.pruned.contains(*segment)).collect(), left)
            }
        };
        Drawing { sampled, forced, revisited }
    }

    /// Returns the chance that tampering with so many segments escapes the draw. Whoever
    /// tampers knows the rule and leaves alone what is drawn always, and what is covered;
    /// only who touched more than the others touched that too.
    pub fn escape(&self, tampered: u64) -> f64 {
        if self.count == 0 {
            return 1.0;
        }
        let (pool, sampled) = self.pool();
        escape_probability(pool, tampered, sampled)
    }

    /// Returns how many segments the nonce draws from, and how many it draws of them.
    pub fn pool(&self) -> (u64, u64) {
        let count = self.count.min(self.total);
        let forced = u64::from(count > 0 && self.forced().is_some());
        let covered = match self.rule {
            DrawRule::Uncovered => self.covered.count_below(self.total),
            DrawRule::Uniform | DrawRule::LastAlways => 0,
        };
        // What was pruned and this ledger has not covered may hide what was tampered with.
        let pool = self.total - covered - forced;
        let hidden = self.pruned.below(self.total);
        let hidden = hidden.filter(|segment| !self.covered.contains(*segment)).count() as u64;
        (pool, (count - forced).min(pool.saturating_sub(hidden)))
    }

    /// Returns the segment that is drawn whatever the nonce says.
    fn forced(&self) -> Option<u64> {
        let last = self.total.checked_sub(1)?;
        let is_forced = match self.rule {
            DrawRule::Uniform => false,
            DrawRule::LastAlways => true,
            DrawRule::Uncovered => !self.grows && !self.covered.contains(last),
        };
        (is_forced && !self.pruned.contains(last)).then_some(last)
    }

    fn uncovered(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match self.rule {
            DrawRule::Uncovered => Box::new(self.covered.missing_below(self.total)),
            DrawRule::Uniform | DrawRule::LastAlways => Box::new(0..self.total),
        }
    }

    fn key(&self) -> Digest {
        let mut hasher = Hasher::new(self.rule.domain());
        hasher.fixed(&self.commitment.0).bytes(self.nonce.0.as_bytes()).u64(self.total);
        if self.rule == DrawRule::Uncovered {
            hasher.fixed(&self.covered.digest().0);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(nonce: &str, count: u64) -> Challenge {
        Challenge::new(Digest([9; 32]), nonce.parse().unwrap(), 20, count)
    }

    fn by(rule: DrawRule, nonce: &str, count: u64) -> Challenge {
        Challenge { rule, ..challenge(nonce, count) }
    }

    fn uniform(nonce: &str, count: u64) -> Challenge {
        by(DrawRule::Uniform, nonce, count)
    }

    fn with(covered: &[u64], nonce: &str, count: u64) -> Challenge {
        Challenge { covered: covered.iter().copied().collect(), ..challenge(nonce, count) }
    }

    #[test]
    fn golden_draw() {
        assert_eq!(challenge("a nonce", 5).draw(), [0, 6, 14, 18, 19]);
        assert_eq!(with(&[1, 2, 3, 8, 19], "a nonce", 5).draw(), [4, 5, 7, 12, 16]);
        let grows = Challenge { grows: true, ..with(&[1, 2, 3, 8], "a nonce", 5) };
        assert_eq!(grows.draw(), [4, 5, 6, 13, 17]);
        let few: Vec<u64> = (2..20).collect();
        let Drawing { sampled, forced, revisited } = with(&few, "a nonce", 5).drawing();
        assert_eq!((sampled, forced, revisited), (vec![0, 1], None, vec![3, 8, 13]));
        let digest = grows.covered.digest().to_string();
        assert_eq!(digest, "a60fe062a079664b1ac7dd5e41107c9c2f39ddd2b4dabdf08511caf2fb37a684");
    }

    #[test]
    fn what_was_pruned_is_never_drawn_and_hides_what_nobody_here_has_covered() {
        let pruned: SegmentSet = [2, 3, 19].into_iter().collect();
        for count in 0..=20 {
            let found = with(&[0, 1, 2], "a nonce", count);
            let found = Challenge { pruned: pruned.clone(), ..found };
            assert!(found.draw().iter().all(|segment| !pruned.contains(*segment)), "{count}");
        }
        let all = Challenge { pruned, ..with(&[0, 1, 2], "a nonce", 20) };
        assert_eq!(all.draw().len(), 17);
        assert_eq!(all.pool(), (17, 15), "3 and 19 are in the pool, and nobody draws them");
        assert!(all.escape(1) > 0.0 && all.escape(3) == 0.0);
    }

    #[test]
    fn golden_draw_of_the_second_rule() {
        assert_eq!(by(DrawRule::LastAlways, "a nonce", 5).draw(), [1, 8, 12, 15, 19]);
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
        let later = text.replace(r#""rule":1"#, r#""rule":4"#);
        assert!(serde_json::from_str::<Challenge>(&later).is_err());
    }

    #[test]
    fn what_a_challenge_says_is_enough_to_draw_again() {
        for found in [with(&[3, 4, 9], "x", 5), Challenge { grows: true, ..challenge("x", 5) }] {
            let text = serde_json::to_string(&found).unwrap();
            assert_eq!(serde_json::from_str::<Challenge>(&text).unwrap(), found, "{text}");
        }
        let text = serde_json::to_string(&challenge("x", 5)).unwrap();
        assert!(text.ends_with(r#""rule":3}"#), "nothing more is said where there is none: {text}");
    }

    #[test]
    fn what_is_covered_is_drawn_only_where_too_little_is_not() {
        let covered: Vec<u64> = (0..14).chain([19]).collect();
        for (nonce, count) in (0..50).flat_map(|nonce| (0..=20).map(move |count| (nonce, count))) {
            let found = with(&covered, &nonce.to_string(), count);
            let Drawing { sampled, forced, revisited } = found.drawing();
            assert_eq!((found.draw().len() as u64, forced), (count, None));
            assert!(sampled.iter().all(|segment| !covered.contains(segment)));
            assert!(revisited.iter().all(|segment| covered.contains(segment)));
            assert_eq!(sampled.len() as u64, count.min(5));
            assert_eq!(found.pool(), (5, count.min(5)));
        }
        let open = with(&[0, 1], "x", 4).drawing();
        assert_eq!((open.forced, open.sampled.len()), (Some(19), 3));
    }

    #[test]
    fn what_is_covered_decides_the_draw_and_the_chance() {
        let of =
            |covered: &[u64]| (0..9).map(|n| with(covered, &n.to_string(), 3).draw()).collect();
        let [one, other]: [Vec<_>; 2] = [of(&[0]), of(&[1])];
        assert_ne!(one, other, "another set is another key");
        // Of the 13 that are open besides the last, two are drawn.
        let found = with(&[0, 1, 2, 3, 4, 5], "x", 3);
        assert!((found.escape(1) - 11.0 / 13.0).abs() < 1e-12);
        assert!((found.escape(2) - 11.0 * 10.0 / (13.0 * 12.0)).abs() < 1e-12);
        assert_eq!([14, 20].map(|tampered| found.escape(tampered)), [0.0; 2]);
        // While it trains, nothing is drawn always.
        let grows = Challenge { grows: true, ..found };
        assert!((grows.escape(1) - 11.0 / 14.0).abs() < 1e-12);
        // Where all is known, nothing is left to tamper with.
        let all: Vec<u64> = (0..20).collect();
        assert_eq!(with(&all, "x", 3).escape(1), 0.0);
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
