//! What more audited segments come to: device seconds against the chance of finding
//! tampering. Nothing is spent for it.

use reenact_core::verify::Coverage;
use serde::Serialize;

use crate::plan::ROUNDING;

/// Says what is asked of a forecast.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Number of tampered segments that are to be found.
    pub tampered: u64,
    /// With which probability one of them is to be found; none if nobody asks.
    pub goal: Option<f64>,
    /// Whether the run still trains.
    pub grows: bool,
    /// How long the replay of a segment takes, in device seconds; none if nothing is known.
    pub segment_seconds: Option<f64>,
}

/// Holds what so many more segments come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prospect {
    /// How many more segments are replayed, in one audit.
    pub segments: u64,
    /// Device seconds that this takes; none if nothing is known.
    pub seconds: Option<f64>,
    /// The chance that one of the tampered segments has been found then.
    pub found: f64,
}

/// Holds what the next audit of a run may come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Number of segments that there are.
    pub total: u64,
    /// How many of them are covered.
    pub covered: u64,
    /// Number of tampered segments that are to be found.
    pub tampered: u64,
    /// The chance that audits so far would have found one of them.
    pub found_so_far: f64,
    /// How long the replay of a segment takes, in device seconds; none if nothing is known.
    pub segment_seconds: Option<f64>,
    /// What more segments come to: 1, 2, 5, 10, and so on, up to all that are not covered.
    pub prospects: Vec<Prospect>,
    /// The fewest that reach the goal; none if nobody asks.
    pub goal: Option<Prospect>,
}

impl Forecast {
    /// Asks what is covered. Of a run without segments there is no forecast.
    pub fn of(coverage: &Coverage, question: &Question) -> Option<Self> {
        let total = coverage.total();
        if total == 0 {
            return None;
        }
        // More than there are cannot be tampered with.
        let question = Question { tampered: question.tampered.clamp(1, total), ..*question };
        let prospect = |segments| Prospect::of(coverage, &question, segments);
        let uncovered = coverage.uncovered();
        Some(Self {
            total,
            covered: total - uncovered,
            tampered: question.tampered,
            found_so_far: prospect(0).found,
            segment_seconds: question.segment_seconds,
            prospects: round_numbers(uncovered).into_iter().map(prospect).collect(),
            goal: question.goal.map(|goal| prospect(fewest(coverage, &question, goal))),
        })
    }

    /// Returns the chance of finding after equal shares of what is not covered, the first
    /// share first.
    pub fn curve(coverage: &Coverage, question: &Question, shares: u64) -> Vec<f64> {
        let tampered = question.tampered.clamp(1, coverage.total().max(1));
        let question = Question { tampered, ..*question };
        let uncovered = u128::from(coverage.uncovered());
        let segments =
            |share: u64| (uncovered * u128::from(share)).div_ceil(u128::from(shares.max(1))) as u64;
        let each = (1..=shares).map(|share| Prospect::of(coverage, &question, segments(share)));
        each.map(|prospect| prospect.found).collect()
    }
}

impl Prospect {
    fn of(coverage: &Coverage, question: &Question, segments: u64) -> Self {
        let escape = match segments {
            0 => coverage.escape(question.tampered),
            more => coverage.escape_after(more, question.grows, question.tampered),
        };
        let seconds = question.segment_seconds.map(|seconds| seconds * segments as f64);
        Self { segments, seconds, found: 1.0 - escape }
    }
}

/// Returns the fewest segments that reach the goal. All that are not covered always do.
fn fewest(coverage: &Coverage, question: &Question, goal: f64) -> u64 {
    let reaches = |segments| Prospect::of(coverage, question, segments).found >= goal - ROUNDING;
    let (mut low, mut high) = (0, coverage.uncovered());
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Returns 1, 2, 5, 10, 20, 50, and so on, and the last number itself.
fn round_numbers(last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut power = 1u64;
    while power < last {
        numbers.extend([1, 2, 5].map(|digit| power.saturating_mul(digit)));
        power = power.saturating_mul(10);
    }
    numbers.retain(|number| *number < last);
    numbers.dedup();
    numbers.extend((last > 0).then_some(last));
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(tampered: u64) -> Question {
        Question { tampered, goal: None, grows: false, segment_seconds: Some(2.0) }
    }

    fn fresh(total: u64) -> Coverage {
        Coverage::default().grown(total)
    }

    #[test]
    fn of_a_run_that_nobody_has_audited_each_number_is_that_of_its_draw() {
        let asked = Question { goal: Some(0.5), ..question(1) };
        let forecast = Forecast::of(&fresh(6), &asked).unwrap();
        // The last segment of a finished run is drawn always, and so lowers no chance.
        let rows: Vec<(u64, f64, f64)> = forecast
            .prospects
            .iter()
            .map(|row| (row.segments, row.seconds.unwrap(), (100.0 * row.found).round()))
            .collect();
        assert_eq!(rows, [(1, 2.0, 0.0), (2, 4.0, 20.0), (5, 10.0, 80.0), (6, 12.0, 100.0)]);
        assert_eq!((forecast.total, forecast.covered, forecast.found_so_far), (6, 0, 0.0));
        assert_eq!(forecast.goal.unwrap().segments, 4);
    }

    #[test]
    fn what_nobody_knows_stays_unknown() {
        let asked = Question { segment_seconds: None, goal: Some(1.0), ..question(2) };
        let forecast = Forecast::of(&fresh(3), &asked).unwrap();
        assert!(forecast.prospects.iter().all(|row| row.seconds.is_none()));
        assert_eq!(Forecast::of(&fresh(0), &asked), None);
    }

    #[test]
    fn numbers_are_round_up_to_the_last() {
        assert!(round_numbers(0).is_empty());
        assert_eq!(round_numbers(1), [1]);
        assert_eq!(round_numbers(2), [1, 2]);
        assert_eq!(round_numbers(10), [1, 2, 5, 10]);
        assert_eq!(round_numbers(60), [1, 2, 5, 10, 20, 50, 60]);
        assert_eq!(round_numbers(u64::MAX).last(), Some(&u64::MAX));
    }

    proptest! {
        #[test]
        fn the_goal_takes_the_fewest_and_more_never_finds_less(
            total in 1..400u64,
            tampered in 1..20u64,
            goal in 0.01..=1.0f64,
            grows: bool,
        ) {
            let asked = Question { goal: Some(goal), grows, ..question(tampered) };
            let forecast = Forecast::of(&fresh(total), &asked).unwrap();
            let asked = Question { tampered: forecast.tampered, ..asked };
            let found = |segments| Prospect::of(&fresh(total), &asked, segments).found;
            let reached = forecast.goal.unwrap();
            prop_assert!(reached.found >= goal - ROUNDING);
            prop_assert!(reached.segments == 0 || found(reached.segments - 1) < goal);
            let last = forecast.prospects.last().unwrap();
            prop_assert!((last.segments, last.found) == (total, 1.0));
            let curve = Forecast::curve(&fresh(total), &asked, 72);
            prop_assert!(curve.is_sorted() && curve.last() == Some(&1.0));
        }
    }
}
