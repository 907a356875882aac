//! Was another seed used?

use super::trial::{Outcome, Trial};
use super::{Divergent, Inquiry};
use crate::steering::{DataOrder, step_seed};
use crate::variation::Variation;
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Seeds on either side of the declared one that are tried.
const NEAR: u64 = 64;
/// Small seeds that are tried.
const SMALL: u64 = 256;
/// Seeds that people are fond of.
const POPULAR: [u64; 10] = [1234, 12345, 123_456, 1337, 31_337, 2023, 2024, 2025, 2026, 2027];
/// Steps on either side whose random stream is tried.
const STEPS_NEAR: u64 = 64;
/// Streams after which a model is taken to draw nothing, if all give one loss.
const PROBES: usize = 4;

impl Inquiry<'_> {
    /// Lists root seeds that somebody may have used instead.
    pub(super) fn other_seeds(&self) -> Vec<u64> {
        let declared = self.recording.spec.root_seed;
        let near =
            (1..=NEAR).flat_map(|far| [declared.wrapping_add(far), declared.wrapping_sub(far)]);
        let all = near.chain(0..SMALL).chain(POPULAR);
        let mut seeds: Vec<u64> = Vec::new();
        for seed in all.filter(|seed| *seed != declared) {
            if !seeds.contains(&seed) {
                seeds.push(seed);
            }
        }
        seeds
    }

    /// Takes a step with samples and stream of another root seed.
    pub(super) fn seeded(&self, seed: u64, step: u64) -> Option<Trial> {
        let batch = &self.recording.spec.batch;
        let mut order = DataOrder::new(seed, self.data.len(), batch).ok()?;
        let variation = Variation {
            samples: Some(order.samples(step).to_vec()),
            stream_seed: Some(step_seed(seed, step)),
            ..Variation::default()
        };
        Some(Trial::varied(Cause::RootSeed { seed }, variation))
    }

    /// Tries other random streams: those of other steps and other root seeds.
    /// Most models draw nothing from theirs, so that none of them can be it.
    pub(super) fn seek_stream(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let (step, declared) = (divergent.step, self.recording.spec.root_seed);
        let seeds = self.other_seeds();
        let of_seeds = seeds.into_iter().map(|seed| {
            let of = format!("the root seed {seed} (declared is {declared})");
            (step_seed(seed, step), Some(seed), of)
        });
        let steps = step.saturating_sub(STEPS_NEAR)..=step.saturating_add(STEPS_NEAR);
        let of_steps = steps
            .filter(|other| *other != step)
            .map(|other| (step_seed(declared, other), None, format!("step {other}")));
        let mut moved = false;
        for (probe, (seed, root_seed, of)) in of_seeds.chain(of_steps).enumerate() {
            let variation = Variation { stream_seed: Some(seed), ..Variation::default() };
            let trial = Trial::varied(Cause::Stream { of, root_seed }, variation);
            match self.outcome(divergent, &trial)? {
                Outcome::Holds => return Ok(Some(trial)),
                Outcome::Differs(found) => {
                    moved |= found.replayed.loss_bits != divergent.found.replayed.loss_bits;
                }
                Outcome::NotTried => break,
            }
            if probe + 1 == PROBES && !moved {
                break;
            }
        }
        Ok(None)
    }
}
