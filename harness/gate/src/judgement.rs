//! What a gate says of everything that it looked at.

/// Judges an arm, a spec or a whole gate; the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    /// It holds.
    Pass,
    /// Nobody can say: a class without an entry, an attack that was not seen, a device that
    /// cannot be used, nothing that ran.
    NotJudged,
    /// It repeats, with other bits than were accepted.
    Moved,
    /// It does not repeat, resume, or audit what it could.
    Broken,
}

impl Judgement {
    /// Returns the exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Broken => 1,
            Self::NotJudged => 2,
            Self::Moved => 3,
        }
    }

    /// Returns one word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotJudged => "not judged",
            Self::Moved => "moved",
            Self::Broken => "broken",
        }
    }

    /// Returns the worst of all: 1 before 3 before 2. Nothing at all is not judged.
    pub fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().max().unwrap_or(Self::NotJudged)
    }
}

#[cfg(test)]
mod tests {
    use super::Judgement::{self, Broken, Moved, NotJudged, Pass};

    #[test]
    fn the_worst_counts() {
        let code = |all: &[Judgement]| Judgement::of_all(all.iter().copied()).exit_code();
        assert_eq!(code(&[]), 2);
        assert_eq!(code(&[Pass, Pass]), 0);
        for (one, other, expected) in [
            (Pass, NotJudged, 2),
            (Pass, Moved, 3),
            (Pass, Broken, 1),
            (NotJudged, Moved, 3),
            (NotJudged, Broken, 1),
            (Moved, Broken, 1),
        ] {
            assert_eq!((code(&[one, other]), code(&[other, one])), (expected, expected));
        }
    }
}
