//! What audits have covered of a recording, and the chance that tampering got past them all.
//!
//! A segment that was replayed and agreed is known for good, so each draw is from what is
//! not covered yet. The chance of escape is a product over the draws, of
//! `C(pool - m, found) / C(pool, found)`: `pool` is what the nonce drew from, `found` how
//! many of what it drew are covered still, `m` how many tampered segments there can have been
//! in that pool. Over one finished run it is telescoping: with `found` altogether, it is
//! `C(pool - all found, m) / C(pool, m)` of the first pool.
//!
//! Every doubt makes the chance larger. In a run that grows, whoever tampers does so in the
//! latest segments, which had the fewest draws. What was covered at a draw and is not any
//! more, as its device was disowned, was not in the pool: where nonces had drawn it, it may be
//! any of the segments, and the pool is taken for so much larger; else the trainer may have
//! known it, and the tampering is taken to be there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::state::StateRoot;
use crate::verify::challenge::{Challenge, Nonce};
use crate::verify::power::escape_probability;
use crate::verify::recording::{Recording, Segment};
use crate::verify::remembered::Remembered;
use crate::verify::segment_set::SegmentSet;

/// Holds a segment that an audit replayed and that agreed bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredSegment {
    /// The segment.
    #[serde(flatten)]
    pub segment: Segment,
    /// Root of the state that opens it.
    pub opening: StateRoot,
    /// Root of the state that it ends with.
    pub closing: StateRoot,
    /// Whether the nonce drew it; else it was due, chosen by hand, drawn always or again.
    pub sampled: bool,
    /// When the audit ended, in seconds since 1970.
    pub at_seconds: u64,
    /// When it was taken back, as its device was disowned.
    pub disowned_at_seconds: Option<u64>,
}

/// Says what an audit drew by a nonce that nobody could foresee, nothing of which is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// What drew.
    pub nonce: Nonce,
    /// When, in seconds since 1970.
    pub drawn_at_seconds: u64,
    /// Number of segments of the run then.
    pub total: u64,
    /// Number of segments that the nonce drew from.
    pub pool: u64,
    /// How many of what it drew agreed, if the ledger kept no rows of them: versions before
    /// drew anew each time, from one finished recording.
    pub agreed: Option<u64>,
}

/// Holds what is known of a recording's segments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    total: u64,
    covered: SegmentSet,
    factors: Vec<Factor>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    nonces: BTreeSet<String>,
}

/// What one draw adds to the chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Factor {
    pool: u64,
    found: u64,
    total: u64,
    /// Segments that were there and not in the pool, and may have been tampered with.
    left_out: u64,
}

impl Coverage {
    /// Counts what audits of this very recording left.
    pub(in crate::verify) fn of(recording: &Recording<'_>, of_this: &[&Remembered]) -> Self {
        let rows = rows(recording, of_this);
        let standing = rows.iter().filter(|row| row.stands);
        let covered = standing.map(|row| row.covered.segment.index).collect();
        let mut whole = Self { total: recording.segment_count(), covered, ..Self::default() };
        let mut draws: Vec<(&Remembered, &Draw)> =
            of_this.iter().filter_map(|found| Some((*found, found.draw.as_ref()?))).collect();
        // Who has seen a nonce once knows it: only the first draw by it counts.
        draws.sort_by_key(|(_, draw)| draw.drawn_at_seconds);
        for (found, draw) in draws {
            let known = draw.agreed.is_some() && found.commitment != Some(recording.commitment);
            if !known && whole.nonces.insert(draw.nonce.to_string()) {
                whole.factors.push(factor(found, draw, &rows));
            }
        }
        whole.factors.retain(|factor| factor.found > 0);
        whole
    }

    /// Returns what is covered.
    pub fn covered(&self) -> &SegmentSet {
        &self.covered
    }

    /// Returns the number of segments that there are now.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the number of draws that count.
    pub fn draws(&self) -> u64 {
        self.factors.len() as u64
    }

    /// Adds an audit: what it drew, if nobody could foresee that, and how many of what the
    /// nonce drew agreed; and what it covered.
    pub(in crate::verify) fn and(
        &self,
        drawn: Option<(&Challenge, u64)>,
        covered: &SegmentSet,
    ) -> Self {
        let mut whole = Self { covered: self.covered.union(covered), ..self.clone() };
        if let Some((challenge, found)) = drawn
            && whole.nonces.insert(challenge.nonce.to_string())
        {
            let ((pool, _), total) = (challenge.pool(), challenge.total);
            whole.factors.push(Factor { pool, found, total, left_out: 0 });
        }
        whole
    }

    /// Returns what a plan needs of it: draws that follow each other are one, and no nonces.
    pub fn condensed(&self) -> Self {
        let mut factors: Vec<Factor> = Vec::new();
        for next in &self.factors {
            match factors.last_mut() {
                Some(last) if last.goes_on_with(next) => last.found += next.found,
                _ => factors.push(*next),
            }
        }
        let covered = self.covered.clone();
        Self { total: self.total, covered, factors, nonces: BTreeSet::new() }
    }

    /// Returns what is left where the run has so many segments by now.
    pub fn grown(mut self, total: u64) -> Self {
        self.total = total;
        self
    }

    /// Returns the number of segments that are not covered.
    pub fn uncovered(&self) -> u64 {
        self.total - self.covered.count_below(self.total)
    }

    /// Returns the chance that is left once so many more are drawn from what is not covered,
    /// and agree.
    pub fn foresee(&self, tampered: u64, more: u64) -> f64 {
        let pool = self.uncovered();
        let more = more.min(pool);
        if tampered > pool - more {
            return 0.0;
        }
        self.escape(tampered) * escape_probability(pool, tampered, more)
    }

    /// Returns the chance that tampering with so many segments got past every draw.
    pub fn escape(&self, tampered: u64) -> f64 {
        let covered = self.covered.count_below(self.total);
        self.escape_of(tampered, self.total - covered)
    }

    /// Returns what that chance will be after one more audit of so many segments, if all of
    /// them agree: for a plan. `grows` says whether the run still trains.
    pub fn escape_after(&self, count: u64, grows: bool, tampered: u64) -> f64 {
        // Neither commitment nor nonce decide how likely a segment is.
        let nonce = Nonce::from_bytes([0; 32]);
        let challenge = Challenge::new(Digest::default(), nonce, self.total, count);
        let challenge = Challenge { covered: self.covered.clone(), grows, ..challenge };
        let (pool, found) = challenge.pool();
        let factor = Factor { pool, found, total: self.total, left_out: 0 };
        self.escape_of(tampered, pool - found) * factor.escape(tampered, self.total)
    }

    fn escape_of(&self, tampered: u64, uncovered: u64) -> f64 {
        if tampered > uncovered {
            return 0.0;
        }
        self.factors.iter().map(|factor| factor.escape(tampered, self.total)).product()
    }
}

impl Factor {
    /// Says whether the next draw was from what this one had left, and nothing else.
    fn goes_on_with(&self, next: &Self) -> bool {
        let same = (self.total, self.left_out) == (next.total, next.left_out);
        same && next.pool + self.found == self.pool
    }

    fn escape(&self, tampered: u64, total: u64) -> f64 {
        let later = total.saturating_sub(self.total);
        match tampered.saturating_sub(later.saturating_add(self.left_out)) {
            0 => 1.0,
            in_pool => escape_probability(self.pool, in_pool, self.found),
        }
    }
}

/// A covered segment, and what it is worth.
struct Row<'a> {
    of: &'a Remembered,
    covered: &'a CoveredSegment,
    /// Whether it still says what the recording holds, and nobody has disowned it.
    stands: bool,
}

fn rows<'a>(recording: &Recording<'_>, of_this: &[&'a Remembered]) -> Vec<Row<'a>> {
    let each = of_this.iter().flat_map(|of| of.covered.iter().map(|covered| (*of, covered)));
    each.map(|(of, covered)| Row { of, covered, stands: stands(recording, covered) }).collect()
}

fn stands(recording: &Recording<'_>, covered: &CoveredSegment) -> bool {
    let CoveredSegment { segment, opening, closing, disowned_at_seconds, .. } = covered;
    let roots = &recording.history.checkpoints;
    disowned_at_seconds.is_none()
        && segment.index < recording.segment_count()
        && *segment == recording.segment(segment.index)
        && roots.get(&segment.step_start) == Some(opening)
        && roots.get(&segment.step_end) == Some(closing)
}

fn factor(of: &Remembered, draw: &Draw, rows: &[Row<'_>]) -> Factor {
    let Draw { drawn_at_seconds, total, pool, agreed, .. } = *draw;
    if let Some(found) = agreed {
        return Factor { pool, found, total, left_out: 0 };
    }
    let is_own = |row: &&Row<'_>| std::ptr::eq(row.of, of);
    let found = rows.iter().filter(is_own).filter(|row| row.stands && row.covered.sampled);
    let found: BTreeSet<u64> = found.map(|row| row.covered.segment.index).collect();
    let mut factor = Factor { pool, found: found.len() as u64, total, left_out: 0 };
    if rows.iter().all(|row| row.stands) {
        return factor;
    }
    // What the nonce did not draw from, and why it is not known to be right any more.
    let was_covered = |row: &&Row<'_>| {
        let CoveredSegment { segment, at_seconds, disowned_at_seconds, .. } = row.covered;
        let since = disowned_at_seconds.is_none_or(|at_seconds| at_seconds >= drawn_at_seconds);
        since && *at_seconds <= drawn_at_seconds && segment.index < total
    };
    let mut before: BTreeMap<u64, Vec<&Row<'_>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !is_own(row)).filter(was_covered) {
        before.entry(row.covered.segment.index).or_default().push(row);
    }
    for rows in before.values().filter(|rows| !rows.iter().any(|row| row.stands)) {
        let by_nonces = rows.iter().all(|row| row.covered.sampled && row.of.draw.is_some());
        *(if by_nonces { &mut factor.pool } else { &mut factor.left_out }) += 1;
    }
    factor
}
