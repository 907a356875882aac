//! Everything that a drill found.

use serde::Serialize;

use super::plan::ELSEWHERE;
use super::row::{Caught, Row};
use super::trial::Control;
use crate::exit;

/// Holds the table with what surrounds it.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Where the honest recording lies.
    pub(super) run: String,
    /// Name of the run.
    pub(super) name: String,
    /// Decides the places of the attacks.
    pub(super) seed: u64,
    pub(super) quick: bool,
    /// Audits of what is honest.
    pub(super) controls: Vec<Control>,
    pub(super) rows: Vec<Row>,
    /// What is not drilled.
    pub(super) elsewhere: Vec<Elsewhere>,
    pub(super) totals: Totals,
}

/// Says why an attack is not drilled.
#[derive(Serialize)]
pub(super) struct Elsewhere {
    pub(super) id: &'static str,
    pub(super) why: &'static str,
}

/// Counts rows.
#[derive(Serialize)]
pub(super) struct Totals {
    pub(super) caught: usize,
    pub(super) reported: usize,
    pub(super) got_past: usize,
    pub(super) unclear: usize,
    pub(super) no_place: usize,
}

impl Totals {
    pub(super) fn of(rows: &[Row]) -> Self {
        let count = |caught| rows.iter().filter(|row| row.caught == caught).count();
        Self {
            caught: count(Caught::Yes),
            reported: count(Caught::Reported),
            got_past: count(Caught::No),
            unclear: count(Caught::Unclear),
            no_place: count(Caught::NoPlace),
        }
    }
}

impl Summary {
    /// Names what is not drilled.
    pub(super) fn elsewhere() -> Vec<Elsewhere> {
        ELSEWHERE.into_iter().map(|(id, why)| Elsewhere { id, why }).collect()
    }

    /// What got past outweighs everything; a drill that tried nothing proves
    /// nothing.
    pub(super) fn exit_code(&self) -> u8 {
        let Totals { caught, reported, got_past, unclear, .. } = self.totals;
        let honest = self.controls.iter().all(|control| control.agrees);
        if got_past > 0 {
            exit::DIVERGENT
        } else if unclear > 0 || !honest || caught + reported == 0 {
            exit::INCONCLUSIVE
        } else {
            exit::MATCH
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_code(agrees: bool, caught: usize, got_past: usize, unclear: usize) -> u8 {
        let control = Control { id: "honest", agrees, segments: 1, seconds: 0.0, problem: None };
        let totals = Totals { caught, reported: 0, got_past, unclear, no_place: 1 };
        let summary = Summary {
            run: String::new(),
            name: String::new(),
            seed: 0,
            quick: false,
            controls: vec![control],
            rows: Vec::new(),
            elsewhere: Summary::elsewhere(),
            totals,
        };
        summary.exit_code()
    }

    #[test]
    fn only_a_drill_that_caught_everything_passes() {
        assert_eq!(exit_code(true, 3, 0, 0), exit::MATCH);
        assert_eq!(exit_code(true, 3, 1, 1), exit::DIVERGENT);
        assert_eq!(exit_code(false, 3, 1, 0), exit::DIVERGENT);
        assert_eq!(exit_code(true, 3, 0, 1), exit::INCONCLUSIVE);
        assert_eq!(exit_code(false, 3, 0, 0), exit::INCONCLUSIVE);
        assert_eq!(exit_code(true, 0, 0, 0), exit::INCONCLUSIVE, "nothing was tried");
    }
}
