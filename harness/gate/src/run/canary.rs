//! Whether this gate sees an attack at all.

use reenact_core::attack::{InRunAttack, InRunKind};
use reenact_core::verify::Stage;

use super::{Taking, Took};
use crate::run::whole::Answer;
use crate::{Evidence, Judgement, Moved, Place};

/// The latest step that is attacked.
const STEP_MAX: u64 = 3;

/// Plants the smallest edit that there is, one unit in the last place of one weight, into a
/// copy; it has to be seen at its step.
pub(super) fn ask(taking: &Taking<'_>, head: &Took) -> Answer {
    let step = STEP_MAX.min(taking.steps - 1);
    let attack = InRunAttack::new(InRunKind::InRunEdit, step..step + 1).to_string();
    let planted = match taking.attacked(&attack, step + 1) {
        Ok(planted) => planted,
        Err(problem) => return Answer::untold(format!("`{attack}` was not planted: {problem}")),
    };
    let mut trace = head.evidence.trace.clone();
    trace.steps.truncate(step as usize + 1);
    trace.last = planted.evidence.trace.last;
    let honest = Evidence { trace, journal: None };
    let expected = Place::Step { step, stage: Stage::Update };
    match Moved::between(&honest, &planted.evidence) {
        Ok(Some(moved)) if moved.place == expected => {
            Answer::of(Judgement::Pass, format!("one unit of one weight was seen at {expected}"))
        }
        Ok(Some(moved)) => Answer::of(
            Judgement::NotJudged,
            format!("`{attack}` was planted, and seen at {} instead", moved.place),
        ),
        Ok(None) => Answer::of(
            Judgement::NotJudged,
            format!("`{attack}` was planted and not seen, so this gate has not looked"),
        ),
        Err(problem) => Answer::untold(problem.to_string()),
    }
}
