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
