//! Measuring two things in turns.

use std::time::Instant;

/// Holds the seconds that two things took, side by side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pair {
    /// Seconds of what is judged.
    pub a: f64,
    /// Seconds of what it is judged by.
    pub b: f64,
}

impl Pair {
    /// Runs both once and adds their times. Who comes first changes with
    /// `turn`, as the second finds other caches than the first.
    pub fn add<A, B>(&mut self, turn: u64, a: impl FnOnce() -> A, b: impl FnOnce() -> B) {
        if turn.is_multiple_of(2) {
            self.a += seconds(a).1;
            self.b += seconds(b).1;
        } else {
            self.b += seconds(b).1;
            self.a += seconds(a).1;
        }
    }

    /// Returns how many times as long A took.
    pub fn ratio(&self) -> f64 {
        self.a / self.b
    }
}

/// Measures `count` pairs, after one that only warms up.
pub fn pairs<A, B>(count: u64, mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> Vec<Pair> {
    let mut measured = Vec::new();
    for turn in 0..=count {
        let mut pair = Pair::default();
        pair.add(turn, &mut a, &mut b);
        measured.push(pair);
    }
    measured.split_off(1)
}

/// Runs `work`; returns what it gave and the seconds it took.
pub fn seconds<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = std::hint::black_box(work());
    (result, start.elapsed().as_secs_f64())
}

/// Returns the value below which this share of the values lies.
pub fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() as f64 - 1.0);
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}
