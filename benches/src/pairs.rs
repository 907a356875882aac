//! Measuring two things in turns.

use std::ops::{AddAssign, Sub};
use std::time::Instant;

use cpu_time::ProcessTime;

/// Holds seconds that something took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seconds {
    /// By the clock.
    pub wall: f64,
    /// Of the processors, for this process: what other processes take does not
    /// count.
    pub cpu: f64,
}

impl AddAssign for Seconds {
    fn add_assign(&mut self, more: Self) {
        self.wall += more.wall;
        self.cpu += more.cpu;
    }
}

impl Sub for Seconds {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self { wall: self.wall - less.wall, cpu: self.cpu - less.cpu }
    }
}

/// Holds what two things took, side by side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pair {
    /// What is judged.
    pub a: Seconds,
    /// What it is judged by.
    pub b: Seconds,
}

impl Pair {
    /// Runs both once and adds their times. Who comes first changes with
    /// `turn`, as the second finds other caches than the first.
    pub fn add<A, B>(&mut self, turn: u64, a: impl FnOnce() -> A, b: impl FnOnce() -> B) {
        if turn.is_multiple_of(2) {
            self.a += spent(a).1;
            self.b += spent(b).1;
        } else {
            self.b += spent(b).1;
            self.a += spent(a).1;
        }
    }

    /// Returns how many times as long A took, by the clock.
    pub fn ratio(&self) -> f64 {
        self.a.wall / self.b.wall
    }

    /// Returns how many times as much of the processors A took.
    pub fn cpu_ratio(&self) -> f64 {
        self.a.cpu / self.b.cpu
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

/// Runs `work`; returns what it gave and what it took.
pub fn spent<R>(work: impl FnOnce() -> R) -> (R, Seconds) {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let result = std::hint::black_box(work());
    let (cpu, wall) = (cpu.elapsed(), wall.elapsed());
    (result, Seconds { wall: wall.as_secs_f64(), cpu: cpu.as_secs_f64() })
}

/// Returns the value below which this share of the values lies.
pub fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() as f64 - 1.0);
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}
