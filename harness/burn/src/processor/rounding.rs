//! How this process rounds.
//!
//! A thread of a processor has a rounding state, and a new thread takes it over from the
//! one that starts it. Libraries change it: one that was linked with `-ffast-math` has
//! numbers below the smallest normal one flushed to zero, in whatever process loads it.
//! A training is then another one, and nothing in its recording would say so. It is told
//! by arithmetic, as there is no safe way to read the register.

use std::hint::black_box;

/// Says how one thread rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rounding {
    direction: Direction,
    /// Whether results below the smallest normal number become zero.
    results_flushed: bool,
    /// Whether operands below the smallest normal number are taken for zero.
    operands_flushed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Nearest,
    Up,
    Down,
    TowardsZero,
}

impl Rounding {
    /// Finds out how this thread rounds.
    fn here() -> Self {
        // Zeros are told by their bits: a comparison may flush what it compares.
        let smallest_normal = black_box(f32::MIN_POSITIVE);
        let subnormal = black_box(f32::from_bits(1));
        Self {
            direction: Direction::here(),
            results_flushed: black_box(smallest_normal * black_box(0.5)).to_bits() == 0,
            // The result is a normal number, so only a flushed operand makes it zero.
            operands_flushed: black_box(subnormal * black_box(1e30)).to_bits() == 0,
        }
    }

    /// Says what is unusual, if anything is.
    fn unusual(self) -> Option<String> {
        let mut unusual = Vec::new();
        if self.results_flushed || self.operands_flushed {
            unusual.push("numbers below 1.2e-38 are flushed to zero");
        }
        match self.direction {
            Direction::Nearest => {}
            Direction::Up => unusual.push("results are rounded up"),
            Direction::Down => unusual.push("results are rounded down"),
            Direction::TowardsZero => unusual.push("results are rounded towards zero"),
        }
        (!unusual.is_empty()).then(|| unusual.join(" and "))
    }

    /// Refuses a beginning like that.
    fn check(self) -> Result<(), String> {
        let Some(unusual) = self.unusual() else { return Ok(()) };
        Err(format!(
            "this process does not round as usual: {unusual}. A library that was built with \
             -ffast-math does that to every process that loads it; so can a debugger or a \
             wrapper. Nothing is computed here, as the bits would be those of no other \
             machine. Look for the library in LD_PRELOAD, and in what `ldd` says of the \
             program, and start without it"
        ))
    }

    /// Refuses a change of what was usual before.
    fn check_again(self) -> Result<(), String> {
        let Some(unusual) = self.unusual() else { return Ok(()) };
        Err(format!(
            "it does not round as usual any more: {unusual}. A library that was built with \
             -ffast-math does that to the thread that loads it, and no other machine would \
             compute these bits. Look for what the program loads while it runs, and leave it out"
        ))
    }
}

impl Direction {
    fn here() -> Self {
        let (one, tiny) = (black_box(1.0f32), black_box(1e-10f32));
        let up = black_box(one + tiny) > one;
        let down = black_box(-one - tiny) < -one;
        // Between 1 and the number after it, and nearer to that one.
        let near = black_box(one + black_box(0.75 * f32::EPSILON)) > one;
        match (up, down, near) {
            (true, ..) => Self::Up,
            (false, true, _) => Self::Down,
            (false, false, true) => Self::Nearest,
            (false, false, false) => Self::TowardsZero,
        }
    }
}

/// Refuses a rounding state of this thread that is not the usual one. It takes some
/// nanoseconds.
pub(crate) fn check() -> Result<(), String> {
    Rounding::here().check()
}

/// Refuses one that is not the usual one any more. As cheap.
pub(crate) fn check_again() -> Result<(), String> {
    Rounding::here().check_again()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Rounding =
        Rounding { direction: Direction::Nearest, results_flushed: false, operands_flushed: false };

    #[test]
    fn this_process_rounds_as_usual() {
        assert_eq!(Rounding::here(), USUAL);
        check().unwrap();
        check_again().unwrap();
    }

    #[test]
    fn what_is_unusual_is_named() {
        let flushed = Rounding { results_flushed: true, ..USUAL };
        let problem = flushed.check().unwrap_err();
        assert!(problem.contains("flushed to zero. A library"), "{problem}");
        assert!(problem.contains("-ffast-math") && problem.contains("LD_PRELOAD"), "{problem}");
        let both = Rounding { direction: Direction::Down, operands_flushed: true, ..flushed };
        let problem = both.check().unwrap_err();
        assert!(problem.contains("flushed to zero and results are rounded down"), "{problem}");
        for direction in [Direction::Up, Direction::TowardsZero] {
            assert!(Rounding { direction, ..USUAL }.check().is_err());
            assert!(Rounding { direction, ..USUAL }.check_again().is_err());
        }
    }
}
