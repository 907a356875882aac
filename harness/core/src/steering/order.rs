//! The order in which samples are consumed.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;

use crate::digest::{Digest, Hasher};
use crate::spec::{BatchSpec, SAMPLES_MAX, Spec};
use crate::steering::consumption::Consumption;
use crate::steering::uniform::{below, keyed_stream};

/// A permutation of at most so many samples is held as a list.
const LISTED_MAX: u64 = 1 << 22;

impl Spec {
    /// Returns the order in which the training samples are consumed.
    pub fn data_order(&self) -> Result<DataOrder, OrderError> {
        DataOrder::new(self.root_seed, self.data.samples, &self.batch)
    }
}

/// Gives the samples of each step: every epoch is a permutation of the data
/// set, drawn from ChaCha20 keyed by the root seed and the epoch's number. What
/// becomes of samples that fill no whole step, the spec says.
#[derive(Debug)]
pub struct DataOrder {
    root_seed: u64,
    samples: u64,
    samples_per_step_max: u64,
    consumption: Consumption,
    epoch: Option<Epoch>,
    /// The samples of a step that lie in two epochs.
    joined: Vec<u32>,
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
    /// The batch size changes at steps that do not ascend from 1 on.
    #[error("the steps at which the batch size changes do not ascend from 1 on")]
    Phases,
    /// The data set has more samples than can be numbered.
    #[error("the data set has {samples} samples; at most {SAMPLES_MAX} are supported")]
    TooMany {
        /// Samples of the data set.
        samples: u64,
    },
}

impl DataOrder {
    /// Prepares the order of a data set of `samples` samples.
    pub fn new(root_seed: u64, samples: u64, batch: &BatchSpec) -> Result<Self, OrderError> {
        if samples > SAMPLES_MAX {
            return Err(OrderError::TooMany { samples });
        }
        let samples_per_step = batch.samples_per_step_max();
        if samples < samples_per_step || batch.stretches().any(|(_, count)| count == 0) {
            return Err(OrderError::TooFew { samples, samples_per_step });
        }
        let starts = batch.stretches().map(|(step_start, _)| step_start);
        if !starts.is_sorted_by(|before, after| before < after) {
            return Err(OrderError::Phases);
        }
        let consumption = Consumption::new(batch, samples);
        let samples_per_step_max = samples_per_step;
        let joined = Vec::new();
        Ok(Self { root_seed, samples, samples_per_step_max, consumption, epoch: None, joined })
    }

    /// Returns how many samples of one epoch have to be drawn at most to know those of
    /// the first `steps` steps; the memory that takes grows with it.
    pub fn drawn_at_once(&self, steps: u64) -> u64 {
        steps.saturating_mul(self.samples_per_step_max).min(self.samples)
    }

    /// Says whether `step` is the last one of its epoch.
    pub fn ends_epoch(&self, step: u64) -> bool {
        self.consumption.ends_epoch(step)
    }

    /// Returns where in the data each step begins, without the samples.
    pub(super) fn into_consumption(self) -> Consumption {
        self.consumption
    }

    /// Returns the numbers of the samples of `step`, in order.
    pub fn samples(&mut self, step: u64) -> &[u32] {
        let part = self.consumption.part(step);
        let here = part.count.min(self.samples - part.first);
        if here == part.count {
            return self.range(part.epoch, part.first, part.count);
        }
        let mut joined = self.range(part.epoch, part.first, here).to_vec();
        joined.extend_from_slice(self.range(part.epoch + 1, 0, part.count - here));
        self.joined = joined;
        &self.joined
    }

    fn range(&mut self, number: u64, first: u64, count: u64) -> &[u32] {
        let gone = |epoch: &Epoch| epoch.number != number || epoch.kept_from > first as usize;
        if self.epoch.as_ref().is_none_or(gone) {
            self.epoch = Some(Epoch::start(self.root_seed, number, self.samples));
        }
        self.epoch.as_mut().map_or(&[], |epoch| epoch.range(first as usize, count as usize))
    }
}

/// Draws one epoch's permutation as far as it is asked for, and keeps what was
/// last asked for: steps come in order.
#[derive(Debug)]
struct Epoch {
    number: u64,
    samples: u64,
    stream: ChaCha20Rng,
    /// Place of the first that is kept.
    kept_from: usize,
    kept: Vec<u32>,
    places: Places,
}

impl Epoch {
    fn start(root_seed: u64, number: u64, samples: u64) -> Self {
        let stream = keyed_stream(order_key(root_seed, number));
        let places = Places::new(samples);
        Self { number, samples, stream, kept_from: 0, kept: Vec::new(), places }
    }

    /// Draws on, to the `count` samples from place `first` on, which is not
    /// before those that are kept: the Fisher-Yates shuffle from the left.
    fn range(&mut self, first: usize, count: usize) -> &[u32] {
        let gone = (first - self.kept_from).min(self.kept.len());
        self.kept.drain(..gone);
        self.kept_from += gone;
        while self.kept_from + self.kept.len() < first + count {
            let place = self.kept_from + self.kept.len();
            let drawn = self.draw(place as u32);
            if place < first {
                self.kept_from += 1;
            } else {
                self.kept.push(drawn);
            }
        }
        &self.kept[..count]
    }

    fn draw(&mut self, place: u32) -> u32 {
        let left = self.samples - u64::from(place);
        let other = place + below(&mut self.stream, left) as u32;
        self.places.exchange(place, other)
    }
}

/// Holds the sample at each place that is not drawn yet.
#[derive(Debug)]
enum Places {
    /// Every place.
    All(Vec<u32>),
    /// Only those that hold another sample than their own number, as a large
    /// number of samples may be a hostile claim.
    Moved(BTreeMap<u32, u32>),
}

impl Places {
    fn new(samples: u64) -> Self {
        if samples <= LISTED_MAX {
            Self::All((0..samples as u32).collect())
        } else {
            Self::Moved(BTreeMap::new())
        }
    }

    /// Takes the sample at `other` and leaves there the one at `place`.
    fn exchange(&mut self, place: u32, other: u32) -> u32 {
        match self {
            Self::All(samples) => {
                samples.swap(place as usize, other as usize);
                samples[place as usize]
            }
            Self::Moved(moved) => {
                let here = moved.remove(&place).unwrap_or(place);
                if other == place {
                    return here;
                }
                moved.insert(other, here).unwrap_or(other)
            }
        }
    }
}

fn order_key(root_seed: u64, epoch: u64) -> Digest {
    Hasher::new("reenact v1 data order").u64(root_seed).u64(epoch).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{BatchPhase, LastBatch};

    #[test]
    fn an_epoch_uses_every_sample_once() {
        let mut order = DataOrder::new(7, 12, &BatchSpec::new(4, 1)).unwrap();
        let mut seen: Vec<u32> = (0..3).flat_map(|step| order.samples(step).to_vec()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn any_step_can_be_asked_first() {
        let mut straight = DataOrder::new(7, 100, &BatchSpec::new(8, 1)).unwrap();
        let all: Vec<Vec<u32>> = (0..40).map(|step| straight.samples(step).to_vec()).collect();
        let mut jumping = DataOrder::new(7, 100, &BatchSpec::new(8, 1)).unwrap();
        for step in [39, 3, 12, 13, 0, 25] {
            assert_eq!(jumping.samples(step), all[step as usize]);
        }
    }

    #[test]
    fn both_ways_of_holding_it_are_the_shuffle_of_the_whole() {
        let mut whole: Vec<u32> = (0..1000).collect();
        crate::steering::shuffle_prefix(&mut keyed_stream(order_key(3, 1)), &mut whole, 1000);
        let mut epoch = Epoch::start(3, 1, 1000);
        assert!(matches!(epoch.places, Places::All(_)));
        assert_eq!(epoch.range(0, 1000), whole);
        let mut sparse =
            Epoch { places: Places::Moved(BTreeMap::new()), ..Epoch::start(3, 1, 1000) };
        assert_eq!(sparse.range(0, 1000), whole);
    }

    #[test]
    fn a_giant_claim_costs_little() {
        let mut order = DataOrder::new(3, SAMPLES_MAX, &BatchSpec::new(8, 1)).unwrap();
        assert_eq!(order.samples(5).len(), 8);
        let epoch = order.epoch.as_ref().unwrap();
        assert!(
            epoch.kept.len() == 8 && matches!(&epoch.places, Places::Moved(m) if m.len() <= 48)
        );
    }

    #[test]
    fn golden_order() {
        let mut order = DataOrder::new(2026, 1437, &BatchSpec::new(8, 1)).unwrap();
        assert_eq!(order.samples(0), [301, 223, 46, 1385, 1289, 21, 738, 849]);
        // The first step of the second epoch.
        assert_eq!(order.samples(179), [615, 126, 1030, 754, 843, 231, 623, 1336]);
    }

    #[test]
    fn a_step_may_lie_in_two_epochs() {
        let batch = BatchSpec { last: LastBatch::Wrapped, ..BatchSpec::new(8, 1) };
        let mut wrapped = DataOrder::new(7, 12, &batch).unwrap();
        let all: Vec<u32> = (0..3).flat_map(|step| wrapped.samples(step).to_vec()).collect();
        for epoch in all.chunks(12) {
            let mut epoch = epoch.to_vec();
            epoch.sort_unstable();
            assert_eq!(epoch, (0..12).collect::<Vec<_>>());
        }
        assert_eq!(DataOrder::new(7, 12, &batch).unwrap().samples(1), &all[8..16]);
        assert!(!wrapped.ends_epoch(0) && wrapped.ends_epoch(1) && wrapped.ends_epoch(2));
    }

    #[test]
    fn refuses_a_step_larger_than_the_data() {
        assert!(DataOrder::new(0, 7, &BatchSpec::new(8, 1)).is_err());
        assert!(DataOrder::new(0, SAMPLES_MAX + 1, &BatchSpec::new(8, 1)).is_err());
        assert!(DataOrder::new(0, SAMPLES_MAX, &BatchSpec::new(u64::MAX, 2)).is_err());
        assert!(DataOrder::new(0, 64, &BatchSpec::new(0, 1)).is_err());
    }

    #[test]
    fn refuses_sizes_that_change_backwards() {
        let phase = |step_start| BatchPhase { step_start, size: 4 };
        for (first, second, good) in [(1, 2, true), (0, 2, false), (3, 3, false), (5, 2, false)] {
            let phases = vec![phase(first), phase(second)];
            let batch = BatchSpec { phases, ..BatchSpec::new(8, 1) };
            assert_eq!(DataOrder::new(0, 64, &batch).is_ok(), good);
        }
    }
}
