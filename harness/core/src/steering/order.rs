//! The order in which samples are consumed.

use crate::digest::{Digest, Hasher};
use crate::steering::{keyed_stream, shuffle_prefix};

/// Limits a data set; sample numbers are `u32`.
pub const SAMPLES_MAX: u64 = u32::MAX as u64;

/// Gives the samples of each step: every epoch is a permutation of the data
/// set, drawn from ChaCha20 keyed by the root seed and the epoch's number. An
/// epoch has as many whole steps as fit; the samples left over are not used in
/// it, as no step may mix two epochs.
#[derive(Debug)]
pub struct DataOrder {
    root_seed: u64,
    samples: u64,
    samples_per_step: u64,
    epoch: Option<(u64, Vec<u32>)>,
}

/// Says why a data set cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The data set has fewer samples than one step consumes.
    #[error("a step consumes {samples_per_step} samples, but the data set has only {samples}")]
    TooFew {
        /// Samples of the data set.
        samples: u64,
        /// Samples of a step.
        samples_per_step: u64,
    },
    /// The data set has more samples than can be numbered.
    #[error("the data set has {samples} samples; at most {SAMPLES_MAX} are supported")]
    TooMany {
        /// Samples of the data set.
        samples: u64,
    },
}

impl DataOrder {
    /// Prepares the order of a data set of `samples` samples.
    pub fn new(root_seed: u64, samples: u64, samples_per_step: u64) -> Result<Self, OrderError> {
        if samples > SAMPLES_MAX {
            return Err(OrderError::TooMany { samples });
        }
        if samples < samples_per_step || samples_per_step == 0 {
            return Err(OrderError::TooFew { samples, samples_per_step });
        }
        Ok(Self { root_seed, samples, samples_per_step, epoch: None })
    }

    /// Returns the numbers of the samples of `step`, in order.
    pub fn samples(&mut self, step: u64) -> &[u32] {
        let steps_per_epoch = self.samples / self.samples_per_step;
        let epoch = step / steps_per_epoch;
        let first = (step % steps_per_epoch * self.samples_per_step) as usize;
        let count = self.samples_per_step as usize;
        &self.permutation(epoch)[first..][..count]
    }

    fn permutation(&mut self, epoch: u64) -> &[u32] {
        if self.epoch.as_ref().is_none_or(|(number, _)| *number != epoch) {
            let mut order: Vec<u32> = (0..self.samples as u32).collect();
            let count = order.len();
            shuffle_prefix(&mut keyed_stream(order_key(self.root_seed, epoch)), &mut order, count);
            self.epoch = Some((epoch, order));
        }
        self.epoch.as_ref().map_or(&[], |(_, order)| order)
    }
}

fn order_key(root_seed: u64, epoch: u64) -> Digest {
    Hasher::new("reenact v1 data order").u64(root_seed).u64(epoch).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_uses_every_sample_once() {
        let mut order = DataOrder::new(7, 12, 4).unwrap();
        let mut seen: Vec<u32> = (0..3).flat_map(|step| order.samples(step).to_vec()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn any_step_can_be_asked_first() {
        let mut straight = DataOrder::new(7, 100, 8).unwrap();
        let all: Vec<Vec<u32>> = (0..40).map(|step| straight.samples(step).to_vec()).collect();
        let mut jumping = DataOrder::new(7, 100, 8).unwrap();
        for step in [39, 3, 12, 13, 0, 25] {
            assert_eq!(jumping.samples(step), all[step as usize]);
        }
    }

    #[test]
    fn golden_order() {
        let mut order = DataOrder::new(2026, 1437, 8).unwrap();
        assert_eq!(order.samples(0), [301, 223, 46, 1385, 1289, 21, 738, 849]);
        // The first step of the second epoch.
        assert_eq!(order.samples(179), [615, 126, 1030, 754, 843, 231, 623, 1336]);
    }

    #[test]
    fn refuses_a_step_larger_than_the_data() {
        assert!(DataOrder::new(0, 7, 8).is_err());
        assert!(DataOrder::new(0, SAMPLES_MAX + 1, 8).is_err());
    }
}
