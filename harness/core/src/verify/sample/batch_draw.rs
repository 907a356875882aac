//! Of which steps an examination builds the batches.
//!
//! A replay builds those of its segments. Of the others as many are built as a budget allows:
//! an audit of a long training over large data reads what it replays, and a little more. Which
//! ones, the auditor's nonce decides, so that nobody can alter those that are left out.

use std::ops::Range;

use rand_chacha::ChaCha20Rng;

use crate::data::DataSet;
use crate::digest::{Digest, Hasher};
use crate::steering::{below, keyed_stream};
use crate::verify::challenge::Nonce;

/// Bytes of batches that are built where samples lie in memory and nobody says otherwise: all
/// of most trainings.
pub const BATCH_BYTES_IN_MEMORY: u64 = 16 << 30;

/// The same where they lie in files, which takes many times as long.
pub const BATCH_BYTES_IN_FILES: u64 = 64 << 20;

/// Holds everything that decides which steps' batches are built.
#[derive(Clone, Debug)]
pub struct BatchDraw {
    key: Digest,
    bytes_max: Option<u64>,
    replayed: Vec<Range<u64>>,
}

impl BatchDraw {
    /// Draws by the commitment and the auditor's nonce, within `bytes_max` of batches, or, if
    /// nobody says, within what is usual for the data set. The steps in `replayed`, ascending
    /// ranges, are left to their replay, unless all steps fit.
    pub fn new(
        commitment: Digest,
        nonce: &Nonce,
        bytes_max: Option<u64>,
        replayed: Vec<Range<u64>>,
    ) -> Self {
        let mut hasher = Hasher::new("reenact v1 batches to build");
        hasher.fixed(&commitment.0).bytes(nonce.to_string().as_bytes());
        Self { key: hasher.finish(), bytes_max, replayed }
    }

    /// Builds all.
    pub fn all() -> Self {
        Self { key: Digest::default(), bytes_max: Some(u64::MAX), replayed: Vec::new() }
    }

    /// Returns how many bytes of batches are built at most.
    pub fn bytes_max(&self, data: &dyn DataSet) -> u64 {
        let usual = if data.is_in_memory() { BATCH_BYTES_IN_MEMORY } else { BATCH_BYTES_IN_FILES };
        self.bytes_max.unwrap_or(usual)
    }

    /// Says whether the batches of all steps are built.
    pub(in crate::verify) fn fit(steps: u64, step_bytes: u64, bytes_max: u64) -> bool {
        bytes_max / step_bytes.max(1) >= steps
    }

    /// Selects from `0..steps`, in ascending order. A step's batches have up to `step_bytes`.
    pub(in crate::verify) fn steps(
        &self,
        steps: u64,
        step_bytes: u64,
        bytes_max: u64,
    ) -> impl Iterator<Item = u64> {
        let all_fit = Self::fit(steps, step_bytes, bytes_max);
        let replayed = if all_fit { Vec::new() } else { self.replayed.clone() };
        let left_out: u64 = replayed.iter().map(|range| range.end - range.start).sum();
        let open = steps.saturating_sub(left_out);
        let stream = keyed_stream(self.key);
        Selected {
            stream,
            replayed,
            step: 0,
            open,
            wanted: (bytes_max / step_bytes.max(1)).min(open),
        }
    }
}

/// Takes each open step with the chance that fills the selection (Knuth, The Art of Computer
/// Programming, volume 2, 3.4.2, algorithm S): uniform, in order, with no list of steps.
struct Selected {
    stream: ChaCha20Rng,
    replayed: Vec<Range<u64>>,
    step: u64,
    open: u64,
    wanted: u64,
}

impl Iterator for Selected {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.wanted > 0 && self.open > 0 {
            // Ascending ranges: what is behind is not asked for again.
            self.replayed.retain(|range| range.end > self.step);
            if let Some(range) = self.replayed.first().filter(|range| range.contains(&self.step)) {
                self.step = range.end;
                continue;
            }
            let (step, takes) = (self.step, below(&mut self.stream, self.open) < self.wanted);
            self.step += 1;
            self.open -= 1;
            if takes {
                self.wanted -= 1;
                return Some(step);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(nonce: u64, replayed: &[Range<u64>]) -> BatchDraw {
        let nonce = nonce.to_string().parse().unwrap();
        BatchDraw::new(Digest([9; 32]), &nonce, None, replayed.to_vec())
    }

    fn selected(draw: &BatchDraw, steps: u64, bytes_max: u64) -> Vec<u64> {
        draw.steps(steps, 10, bytes_max).collect()
    }

    #[test]
    fn golden_selection() {
        assert_eq!(selected(&draw(7, &[4..8, 16..20]), 20, 59), [1, 3, 11, 13, 15]);
    }

    #[test]
    fn takes_as_many_as_fit_and_none_that_is_replayed() {
        for nonce in 0..50 {
            let draw = draw(nonce, &[0..3, 10..14, 17..20]);
            for fits in 0..=20 {
                let found = selected(&draw, 20, 10 * fits + 9);
                assert!(found.is_sorted_by(|a, b| a < b));
                if fits == 20 {
                    assert_eq!(found, (0..20).collect::<Vec<_>>(), "then everything is built");
                    continue;
                }
                assert_eq!(found.len() as u64, fits.min(10));
                let left = |step: &u64| (3..10).contains(step) || (14..17).contains(step);
                assert!(found.iter().all(left), "{found:?}");
            }
        }
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one segment is drawn")]
    fn every_step_is_as_likely() {
        let mut counts = [0u32; 16];
        for nonce in 0..4000 {
            let found = selected(&draw(nonce, &[4..8]), 16, 30);
            found.iter().for_each(|&step| counts[step as usize] += 1);
        }
        assert_eq!(counts[4..8], [0; 4]);
        let open = counts.iter().filter(|count| **count > 0);
        let chi_squared: f64 =
            open.clone().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(open.count(), 12);
        assert!(chi_squared < 31.3, "p = 0.001 at 11 degrees of freedom: {chi_squared}");
    }
}
