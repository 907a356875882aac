//! Whose doing it is that bits moved: the change's, or the machine's.
//!
//! Three trainings are compared two by two: what was accepted (the lock), what the build under
//! test computes (head), and what the build that it starts from computes on the same machine
//! (base). Bits that moved for the base, too, were not moved by the change.

use crate::Judgement;

/// Says how two trainings compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Every bit agrees.
    Same,
    /// Some do not.
    Moved,
}

/// Says of which class the accepted bits are that are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Listed {
    /// Of this machine's.
    #[default]
    Here,
    /// Of another one, as there is no entry for this machine's: it explains, and judges
    /// nothing that differs.
    Elsewhere,
}

/// Holds what was compared; none if it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Comparisons {
    /// The build under test with what was accepted.
    pub head_lock: Option<Compared>,
    /// The build that it starts from with what was accepted.
    pub base_lock: Option<Compared>,
    /// The two builds.
    pub head_base: Option<Compared>,
    /// What was accepted where.
    pub listed: Listed,
}

/// Says whose doing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The accepted bits.
    Accepted,
    /// Other bits than were accepted, and nobody knows whose doing it is: there is no base.
    Moved,
    /// The base has the accepted bits, and this build others.
    ChangedByBuild,
    /// Both builds have the same bits, and others were accepted.
    MovedByMachine {
        /// Where they were accepted.
        listed: Listed,
    },
    /// The base has other bits than were accepted, and this build others again.
    Both,
    /// Nothing was accepted for this machine, so the base alone judges.
    JudgedAgainstBase(Compared),
    /// There is nothing to compare with.
    NotJudged,
    /// Two pairs agree and the third does not: a build does not repeat.
    Contradictory,
}

impl Verdict {
    /// Judges what was compared.
    pub fn of(compared: Comparisons) -> Self {
        use Compared::{Moved, Same};
        let Comparisons { head_lock, base_lock, head_base, listed } = compared;
        let elsewhere = listed == Listed::Elsewhere;
        match (head_lock, base_lock, head_base) {
            (Some(Moved), Some(Same), Some(Same))
            | (Some(Same), Some(Moved), Some(Same))
            | (Some(Same), Some(Same), Some(Moved)) => Self::Contradictory,
            (Some(Same), _, _) => Self::Accepted,
            (Some(Moved), Some(Same), _) => Self::ChangedByBuild,
            // Where the builds agree, what is accepted differs from both.
            (Some(Moved), _, Some(Same)) => Self::MovedByMachine { listed },
            (Some(Moved), Some(Moved), Some(Moved)) => Self::Both,
            // Bits of another class accuse nobody.
            (Some(Moved), None, Some(Moved)) if elsewhere => Self::JudgedAgainstBase(Moved),
            (Some(Moved), _, None) if elsewhere => Self::NotJudged,
            (Some(Moved), _, _) => Self::Moved,
            (None, _, Some(against)) => Self::JudgedAgainstBase(against),
            (None, _, None) => Self::NotJudged,
        }
    }

    /// Says what a gate makes of it. A machine that moves bits which were accepted on its own
    /// class has something that its facts do not name: that blames no change, and passes none.
    pub fn judgement(self) -> Judgement {
        match self {
            Self::Accepted
            | Self::JudgedAgainstBase(Compared::Same)
            | Self::MovedByMachine { listed: Listed::Elsewhere } => Judgement::Pass,
            Self::Moved
            | Self::ChangedByBuild
            | Self::MovedByMachine { listed: Listed::Here }
            | Self::Both
            | Self::JudgedAgainstBase(Compared::Moved) => Judgement::Moved,
            Self::NotJudged | Self::Contradictory => Judgement::NotJudged,
        }
    }

    /// Says whether the change is what moved bits.
    pub fn blames_the_change(self) -> bool {
        matches!(self, Self::ChangedByBuild | Self::Both | Self::JudgedAgainstBase(Compared::Moved))
    }
}

#[cfg(test)]
mod tests {
    use super::Compared::{Moved, Same};
    use super::Listed::{Elsewhere, Here};
    use super::*;

    /// Head and lock, base and lock, head and base; the verdict and the exit code here, and
    /// where the entry is of another class.
    type Row = ([Option<Compared>; 3], (Verdict, u8), (Verdict, u8));

    fn same(row: [Option<Compared>; 3], verdict: Verdict, code: u8) -> Row {
        (row, (verdict, code), (verdict, code))
    }

    fn table() -> Vec<Row> {
        use Verdict::{
            Accepted, Both, ChangedByBuild, Contradictory, JudgedAgainstBase, MovedByMachine,
            NotJudged,
        };
        let (s, m, n) = (Some(Same), Some(Moved), None);
        let machine = |row| {
            let here = (MovedByMachine { listed: Here }, 3);
            (row, here, (MovedByMachine { listed: Elsewhere }, 0))
        };
        vec![
            same([s, s, s], Accepted, 0),
            same([s, s, m], Contradictory, 2),
            same([s, s, n], Accepted, 0),
            same([s, m, s], Contradictory, 2),
            same([s, m, m], Accepted, 0),
            same([s, m, n], Accepted, 0),
            same([s, n, s], Accepted, 0),
            same([s, n, m], Accepted, 0),
            same([s, n, n], Accepted, 0),
            same([m, s, s], Contradictory, 2),
            same([m, s, m], ChangedByBuild, 3),
            same([m, s, n], ChangedByBuild, 3),
            machine([m, m, s]),
            same([m, m, m], Both, 3),
            ([m, m, n], (Verdict::Moved, 3), (NotJudged, 2)),
            machine([m, n, s]),
            ([m, n, m], (Verdict::Moved, 3), (JudgedAgainstBase(Moved), 3)),
            ([m, n, n], (Verdict::Moved, 3), (NotJudged, 2)),
            same([n, s, s], JudgedAgainstBase(Same), 0),
            same([n, s, m], JudgedAgainstBase(Moved), 3),
            same([n, s, n], NotJudged, 2),
            same([n, m, s], JudgedAgainstBase(Same), 0),
            same([n, m, m], JudgedAgainstBase(Moved), 3),
            same([n, m, n], NotJudged, 2),
            same([n, n, s], JudgedAgainstBase(Same), 0),
            same([n, n, m], JudgedAgainstBase(Moved), 3),
            same([n, n, n], NotJudged, 2),
        ]
    }

    #[test]
    fn every_combination_has_its_verdict() {
        let table = table();
        let all = [Some(Same), Some(Moved), None];
        for head_lock in all {
            for base_lock in all {
                for head_base in all {
                    let row = [head_lock, base_lock, head_base];
                    let (_, here, elsewhere) = table.iter().find(|known| known.0 == row).unwrap();
                    for (listed, expected) in [(Here, here), (Elsewhere, elsewhere)] {
                        let compared = Comparisons { head_lock, base_lock, head_base, listed };
                        let verdict = Verdict::of(compared);
                        let found = (verdict, verdict.judgement().exit_code());
                        assert_eq!(found, *expected, "{compared:?}");
                    }
                }
            }
        }
        assert_eq!(table.len(), 27);
    }

    #[test]
    fn nothing_passes_and_nothing_is_blamed_without_having_been_compared() {
        for (row, here, elsewhere) in table() {
            let judged = row[0].is_some() || row[2].is_some();
            assert!(judged || here.1 == 2 && elsewhere.1 == 2, "{row:?}");
            let blamed = here.0.blames_the_change() || elsewhere.0.blames_the_change();
            assert!(!blamed || row[2] != Some(Same) && row[0] != Some(Same), "{row:?}");
        }
    }
}
