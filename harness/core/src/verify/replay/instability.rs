//! What two replays show that disagree with each other.

use crate::verify::divergence::Stage;
use crate::verify::replaying::Replay;

const PROGRAM: &str = "two replays leave the recording at the same place, each with other numbers, \
                       so the program does not repeat: it draws randomness, time or a file from \
                       outside of its spec, or a kernel of its device adds up in another order each \
                       time (a recorder warns of that). Where it repeats when it is tried, test this \
                       machine's hardware and audit on another";
const EITHER: &str = "two replays disagree with each other: this machine fails now and then, or \
                      the program does not repeat. Where it repeats when it is tried, test this machine's hardware and \
                      audit on another";

impl Replay {
    /// Says what it means that a second replay computed otherwise. A machine that
    /// fails does it in one of two, or here and there; a program that draws from
    /// outside does it in both, at the step that draws.
    pub fn explain_instability(&self, second: &Self) -> &'static str {
        match (self.place(), second.place()) {
            (Some(first), Some(second)) if first == second => PROGRAM,
            _ => EITHER,
        }
    }

    /// Names where it leaves the recording; the initial state comes first.
    fn place(&self) -> Option<(u64, Option<Stage>)> {
        if !self.initial.is_empty() {
            return Some((0, None));
        }
        let divergence = self.divergence.as_ref()?;
        let step = divergence.step.as_ref();
        Some(step.map_or((self.segment.step_end, None), |found| (found.step, Some(found.stage))))
    }
}
