//! Was another seed used?

use super::super::explanation::Cause;
use super::super::replay::ReplayError;
use super::trial::Trial;
use super::{Divergent, Inquiry};
use crate::steering::{DataOrder, step_seed};
use crate::variation::Variation;

/// Seeds on either side of the declared one that are tried.
const NEAR: u64 = 64;
/// Small seeds that are tried.
const SMALL: u64 = 256;
/// Seeds that people are fond of.
const POPULAR: [u64; 10] = [1234, 12345, 123_456, 1337, 31_337, 2023, 2024, 2025, 2026, 2027];
/// Steps on either side whose random stream is tried.
const STEPS_NEAR: u64 = 64;

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
        let per_step = self.recording.spec.samples_per_step();
        let mut order = DataOrder::new(seed, self.data.len(), per_step).ok()?;
        let variation = Variation {
            samples: Some(order.samples(step).to_vec()),
            stream_seed: Some(step_seed(seed, step)),
            ..Variation::default()
        };
        Some(Trial::varied(Cause::RootSeed { seed }, variation))
    }

    /// Tries other random streams: those of other steps and other root seeds.
    pub(super) fn seek_stream(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let (step, declared) = (divergent.step, self.recording.spec.root_seed);
        let seeds = self.other_seeds();
        let of_seeds = seeds.into_iter().map(|seed| {
            (step_seed(seed, step), format!("the root seed {seed} (declared is {declared})"))
        });
        let steps = step.saturating_sub(STEPS_NEAR)..=step.saturating_add(STEPS_NEAR);
        let of_steps = steps
            .filter(|other| *other != step)
            .map(|other| (step_seed(declared, other), format!("step {other}")));
        let trials = of_seeds.chain(of_steps).map(|(seed, of)| {
            let variation = Variation { stream_seed: Some(seed), ..Variation::default() };
            Trial::varied(Cause::Stream { of }, variation)
        });
        self.first_of(divergent, trials)
    }
}
