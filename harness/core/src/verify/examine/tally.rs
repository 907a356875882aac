//! Counting steps that have the same thing wrong.

use crate::verify::finding::{Finding, Place};

/// Counts steps, and keeps the first with what is wrong there.
#[derive(Default)]
pub(in crate::verify) struct Tally {
    first: Option<(u64, String)>,
    count: u64,
}

impl Tally {
    /// Counts a step; `problem` is asked for the first only.
    pub(in crate::verify) fn count(&mut self, step: u64, problem: impl FnOnce() -> String) {
        self.first.get_or_insert_with(|| (step, problem()));
        self.count += 1;
    }

    /// Reports the first step, and how many more there are.
    pub(in crate::verify) fn finding(self) -> Option<Finding> {
        let (step, problem) = self.first?;
        let more = match self.count - 1 {
            0 => String::new(),
            more => format!(" (and so at {more} more steps)"),
        };
        Some(Finding::divergent(Place::step(step), format!("{problem}{more}")))
    }
}
