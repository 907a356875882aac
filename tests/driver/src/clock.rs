//! The time that a GPU would measure, made up.
//!
//! Choosing a kernel by timing is a part of what is tested, and must be the same in each run of
//! a test. So a launch takes a time that its program and a seed decide, and no clock is read.
//! Only the kernels that measure a GPU's speed are timed by the processor's clock: whoever waits
//! for one of these waits for real.

use std::time::Duration;

/// What a launch takes at least, in milliseconds. As long as burn wants a measurement to be: it
/// then repeats none to make it longer.
const LAUNCH_MS: f64 = 21.0;

/// Counts the time of a GPU.
#[derive(Debug, Default)]
pub struct Clock {
    seed: u64,
    ms: f64,
    /// What a wait for the device takes.
    pending: Duration,
}

impl Clock {
    /// Starts at nought.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Goes on by a launch of a kernel from the program with this digest.
    pub fn launch(&mut self, kernel: &str, digest: &[u8; 32]) {
        if kernel.contains("throughput") {
            self.pending += Duration::from_secs_f64(LAUNCH_MS / 1000.0);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(digest).update(&self.seed.to_le_bytes());
        let share = f64::from(hasher.finalize().as_bytes()[0]) / 255.0;
        self.ms += LAUNCH_MS * (1.0 + share);
    }

    /// Takes what a wait for all that was launched takes.
    pub fn wait(&mut self) -> Duration {
        std::mem::take(&mut self.pending)
    }

    /// Returns the time, in milliseconds.
    pub fn ms(&self) -> f64 {
        self.ms
    }
}
