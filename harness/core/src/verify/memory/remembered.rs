//! What earlier audits left in a ledger.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::verify::challenge::Challenge;
use crate::verify::debt::Debt;
use crate::verify::proven::Open;

/// Names a state of a journal: how many frames it had, and the chain's value
/// after the last. Whatever is a continuation of it has that value there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    /// Number of frames.
    pub frames: u64,
    /// The chain's value after them.
    pub head: Digest,
}

/// Holds what a ledger remembers of one audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// When it ended, in seconds since 1970.
    pub audited_at_seconds: u64,
    /// Whether it was of a recording at the same place.
    pub here: bool,
    /// Whether it came to its end; one that was killed has no verdict.
    pub ended: bool,
    /// Whether it called the recording divergent, for whatever reason. What it saw then
    /// obliges nobody: the right recording may be restored.
    pub accused: bool,
    /// What it gave as its first reason.
    pub reason: Option<String>,
    /// Where the recording lay then, if the same name leads elsewhere now.
    pub lay_at: Option<String>,
    /// What it saw of the journal, if it could be read.
    pub seen: Option<Seen>,
    /// The commitment that it saw, if there was one.
    pub commitment: Option<Digest>,
    /// What it drew, if every drawn segment was replayed and agreed, and nobody could
    /// foresee the draw.
    pub sample: Option<Challenge>,
    /// What it has proven, and nobody has closed.
    pub open: Vec<Open>,
    /// What it drew and nobody has judged.
    pub debts: Vec<Debt>,
}

/// Says what a ledger knew before an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Number of earlier audits of this run.
    pub audits: u64,
    /// When the first of them ended, in seconds since 1970.
    pub first_at_seconds: Option<u64>,
    /// Number of different samples that they drew, and whose replay agreed.
    pub samples: u64,
    /// Number of audits of this run that began and never ended.
    #[serde(default)]
    pub unended: u64,
    /// Segments that were due when this audit began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<u64>,
    /// Why the ledger could not be read or written. Audits may be missing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Returns the chance that none of `tampered` segments was in any of these
/// samples of one commitment. Samples of different nonces are independent;
/// of those of one nonce, the larger holds the smaller.
pub(in crate::verify) fn escape_of_all<'a>(
    samples: impl Iterator<Item = &'a Challenge>,
    tampered: u64,
) -> f64 {
    let samples = largest_of_each_nonce(samples);
    samples.into_iter().map(|sample| sample.escape(tampered)).product()
}

/// Returns one sample a nonce and rule, the largest.
pub(in crate::verify) fn largest_of_each_nonce<'a>(
    samples: impl Iterator<Item = &'a Challenge>,
) -> Vec<&'a Challenge> {
    let mut samples: Vec<&Challenge> = samples.collect();
    let key = |sample: &Challenge| (sample.nonce.to_string(), sample.rule);
    samples.sort_by_key(|sample| (key(sample), std::cmp::Reverse(sample.count)));
    samples.dedup_by_key(|sample| key(sample));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::DrawRule;

    fn sample(nonce: &str, count: u64) -> Challenge {
        Challenge::new(Digest([9; 32]), nonce.parse().unwrap(), 11, count + 1)
    }

    #[test]
    fn chances_of_different_nonces_multiply() {
        let samples = [sample("a", 3), sample("b", 5), sample("c", 2)];
        let found = escape_of_all(samples.iter(), 1);
        assert!((found - 0.7 * 0.5 * 0.8).abs() < 1e-12, "{found}");
        assert_eq!(escape_of_all([].iter(), 1), 1.0);
    }

    #[test]
    fn a_sample_that_is_drawn_again_adds_nothing() {
        let samples = [sample("a", 3), sample("a", 5), sample("b", 2), sample("a", 3)];
        let found = escape_of_all(samples.iter(), 1);
        assert!((found - 0.5 * 0.8).abs() < 1e-12, "{found}");
    }

    #[test]
    fn samples_of_two_rules_are_two() {
        let before = Challenge { rule: DrawRule::Uniform, ..sample("a", 3) };
        let found = escape_of_all([sample("a", 3), before].iter(), 1);
        assert!((found - 0.7 * 7.0 / 11.0).abs() < 1e-12, "{found}");
    }
}
