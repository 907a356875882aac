//! Where in the data each step begins.

use crate::spec::{BatchSpec, LastBatch};

/// Says which part of which epoch a step consumes, for every step.
#[derive(Clone, Debug)]
pub(crate) struct Consumption {
    samples: u64,
    last: LastBatch,
    stretches: Vec<Stretch>,
}

/// Holds steps that consume the same number of samples, and where the first of them begins.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    step_start: u64,
    samples_per_step: u64,
    epoch: u64,
    first: u64,
}

/// Names a part of an epoch; with [`LastBatch::Wrapped`] it may reach into the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) epoch: u64,
    /// Place of the first sample in the epoch's order.
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Consumption {
    /// Prepares the consumption of `samples` samples, not fewer than any step takes.
    pub(crate) fn new(batch: &BatchSpec, samples: u64) -> Self {
        let mut this = Self { samples, last: batch.last, stretches: Vec::new() };
        for (step_start, samples_per_step) in batch.stretches() {
            let (epoch, first) = match this.stretches.last() {
                None => (0, 0),
                Some(_) => this.end_of(step_start - 1),
            };
            this.stretches.push(Stretch { step_start, samples_per_step, epoch, first });
        }
        this
    }

    /// Returns the part that `step` consumes.
    pub(crate) fn part(&self, step: u64) -> Part {
        let begun = self.stretches.partition_point(|stretch| stretch.step_start <= step);
        let stretch = &self.stretches[begun - 1];
        let number = step - stretch.step_start;
        let size = stretch.samples_per_step;
        if self.last == LastBatch::Wrapped {
            let position = u128::from(stretch.first) + u128::from(number) * u128::from(size);
            let epochs = (position / u128::from(self.samples)) as u64;
            let first = (position % u128::from(self.samples)) as u64;
            return Part { epoch: stretch.epoch.saturating_add(epochs), first, count: size };
        }
        let in_epoch = self.steps_in(self.samples - stretch.first, size);
        let (epoch, first) = match number.checked_sub(in_epoch) {
            None => (stretch.epoch, stretch.first + number * size),
            Some(later) => {
                let whole = self.steps_in(self.samples, size);
                (stretch.epoch + 1 + later / whole, later % whole * size)
            }
        };
        Part { epoch, first, count: size.min(self.samples - first) }
    }

    /// Says whether `step` is the last one of its epoch.
    pub(crate) fn ends_epoch(&self, step: u64) -> bool {
        self.part(step + 1).epoch != self.part(step).epoch
    }

    /// Returns the epoch and the place in it at which `step` ends.
    fn end_of(&self, step: u64) -> (u64, u64) {
        let part = self.part(step);
        let end = part.first + part.count;
        match self.last {
            LastBatch::Wrapped if end >= self.samples => (part.epoch + 1, end - self.samples),
            _ => (part.epoch, end),
        }
    }

    /// Returns the number of steps for which the `left` last samples of an epoch suffice.
    fn steps_in(&self, left: u64, size: u64) -> u64 {
        match self.last {
            LastBatch::Kept => left.div_ceil(size),
            _ => left / size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::BatchPhase;

    fn parts(last: LastBatch, phases: &[(u64, u64)], steps: u64) -> Vec<(u64, u64, u64)> {
        let phases = phases.iter().map(|&(step_start, size)| BatchPhase { step_start, size });
        let batch = BatchSpec { last, phases: phases.collect(), ..BatchSpec::new(4, 1) };
        let consumption = Consumption::new(&batch, 10);
        let part = |step| consumption.part(step);
        (0..steps).map(part).map(|part| (part.epoch, part.first, part.count)).collect()
    }

    #[test]
    fn what_fills_no_step_is_dropped_kept_or_wrapped() {
        let dropped = [(0, 0, 4), (0, 4, 4), (1, 0, 4), (1, 4, 4), (2, 0, 4)];
        assert_eq!(parts(LastBatch::Dropped, &[], 5), dropped);
        let kept = [(0, 0, 4), (0, 4, 4), (0, 8, 2), (1, 0, 4), (1, 4, 4), (1, 8, 2)];
        assert_eq!(parts(LastBatch::Kept, &[], 6), kept);
        let wrapped = [(0, 0, 4), (0, 4, 4), (0, 8, 4), (1, 2, 4), (1, 6, 4), (2, 0, 4)];
        assert_eq!(parts(LastBatch::Wrapped, &[], 6), wrapped);
    }

    #[test]
    fn another_size_goes_on_where_the_last_one_ended() {
        let dropped = [(0, 0, 4), (0, 4, 3), (0, 7, 3), (1, 0, 3), (1, 3, 5), (2, 0, 5)];
        assert_eq!(parts(LastBatch::Dropped, &[(1, 3), (4, 5)], 6), dropped);
        let kept = [(0, 0, 4), (0, 4, 4), (0, 8, 2), (1, 0, 7), (1, 7, 3), (2, 0, 7)];
        assert_eq!(parts(LastBatch::Kept, &[(3, 7)], 6), kept);
        let wrapped = [(0, 0, 4), (0, 4, 4), (0, 8, 4), (1, 2, 10), (2, 2, 10)];
        assert_eq!(parts(LastBatch::Wrapped, &[(3, 10)], 5), wrapped);
    }

    #[test]
    fn any_order_of_sizes_is_the_walk_step_by_step() {
        for last in [LastBatch::Dropped, LastBatch::Kept, LastBatch::Wrapped] {
            for (a, b) in [(1, 10), (3, 7), (10, 1), (6, 6)] {
                let phases = [(2, a), (5, b), (6, a)];
                let mut walked = (0, 0);
                for (step, &(epoch, first, count)) in parts(last, &phases, 40).iter().enumerate() {
                    let size = match step {
                        0..2 => 4,
                        2..5 => a,
                        5 => b,
                        _ => a,
                    };
                    let left = 10 - walked.1;
                    let over = match last {
                        LastBatch::Dropped => left < size,
                        LastBatch::Kept | LastBatch::Wrapped => left == 0,
                    };
                    if over {
                        walked = (walked.0 + 1, 0);
                    }
                    assert_eq!((epoch, first), walked, "{last:?} {phases:?} step {step}");
                    let taken = if last == LastBatch::Kept { size.min(10 - first) } else { size };
                    assert_eq!(count, taken);
                    walked.1 += taken;
                    if walked.1 > 10 {
                        walked = (walked.0 + 1, walked.1 - 10);
                    }
                }
            }
        }
    }
}
