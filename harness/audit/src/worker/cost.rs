//! What recording adds to a training, measured on the device that will train.

use std::time::Instant;

use reenact_core::spec::Spec;
use reenact_core::trainer::{Request, Trainer, TrainerError};
use serde::{Deserialize, Serialize};

/// Rounds that count; one before them only warms up.
const ROUNDS: u64 = 5;

/// Holds what steps cost, each figure the median of some rounds. Differences that
/// are smaller than those between the rounds mean nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Number of rounds.
    pub rounds: u64,
    /// Steps that each round takes with fingerprints, and as many without.
    pub steps: u64,
    /// Milliseconds of a step without digests and fingerprints.
    pub step_ms: f64,
    /// What they add, as a share of such a step.
    pub fingerprints_share: f64,
    /// The least and the most that they added in a round.
    pub fingerprints_share_range: [f64; 2],
    /// Milliseconds to take the whole state out and digest it.
    pub checkpoint_ms: f64,
    /// What checkpoints add at the cadence of the spec, as a share of a training
    /// without them. Writing them to a disk goes on beside the training.
    pub checkpoints_share: f64,
}

/// Holds the milliseconds of one round.
struct Round {
    plain: f64,
    traced: f64,
    checkpoint: f64,
}

impl Cost {
    /// Takes `steps` steps in turn with and without fingerprints. Each step ends by
    /// reading its loss, so that a device that works ahead is waited for.
    pub(crate) fn measure(
        trainer: &mut dyn Trainer,
        spec: &Spec,
        steps: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, TrainerError> {
        let mut next = 0..;
        // Steps beyond the last one are taken from the start again.
        let mut step = || next.next().map_or(0, |step| step % spec.steps);
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let plain = timed(steps, || trainer.step(step(), &Request::loss()))? / steps as f64;
            let traced = timed(steps, || trainer.step(step(), &Request::default()))? / steps as f64;
            let checkpoint = timed(1, || trainer.capture(0).map(|state| state.root()))?;
            rounds.push(Round { plain, traced, checkpoint });
            progress(round);
        }
        Ok(Self::of(&rounds[1..], steps, spec.checkpoint_every))
    }

    /// Counts the steps or rounds that the measurement reports.
    pub const fn reports() -> u64 {
        ROUNDS + 1
    }

    fn of(rounds: &[Round], steps: u64, checkpoint_every: u64) -> Self {
        let added = |round: &Round| round.traced / round.plain - 1.0;
        let shares: Vec<f64> = rounds.iter().map(added).collect();
        let step_ms = median(rounds.iter().map(|round| round.plain));
        let checkpoint_ms = median(rounds.iter().map(|round| round.checkpoint));
        let ends = |pick: fn(f64, f64) -> f64| shares.iter().copied().fold(shares[0], pick);
        Self {
            rounds: rounds.len() as u64,
            steps,
            step_ms,
            fingerprints_share: median(shares.iter().copied()),
            fingerprints_share_range: [ends(f64::min), ends(f64::max)],
            checkpoint_ms,
            checkpoints_share: checkpoint_ms / (checkpoint_every as f64 * step_ms),
        }
    }
}

/// Returns the milliseconds that doing it so often takes.
fn timed<T>(
    times: u64,
    mut act: impl FnMut() -> Result<T, TrainerError>,
) -> Result<f64, TrainerError> {
    let begun = Instant::now();
    for _ in 0..times {
        act()?;
    }
    Ok(1000.0 * begun.elapsed().as_secs_f64())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_untraced_training() {
        let round = |plain, traced| Round { plain, traced, checkpoint: 50.0 };
        let rounds = [round(10.0, 10.1), round(10.0, 12.0), round(20.0, 20.0)];
        let cost = Cost::of(&rounds, 4, 25);
        assert_eq!((cost.rounds, cost.steps, cost.step_ms), (3, 4, 10.0));
        assert!((cost.fingerprints_share - 0.01).abs() < 1e-12);
        assert_eq!(cost.fingerprints_share_range, [0.0, 12.0 / 10.0 - 1.0]);
        assert!((cost.checkpoints_share - 0.2).abs() < 1e-12);
    }
}
