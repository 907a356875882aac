//! Whether a training that was killed goes on as it would have.

use reenact_audit::End;
use reenact_core::spec::Spec;

use super::{Taking, Took};
use crate::run::whole::Answer;
use crate::{Judgement, Moved};

/// Kills the training after two thirds of the steps, and resumes it from the checkpoint
/// before. The checkpoints of the spec may be further apart than the steps of a gate are many.
pub(super) fn ask(taking: &Taking<'_>, head: &Took) -> Answer {
    if taking.steps < 3 {
        return Answer::untold("fewer than 3 steps leave no room for a kill".into());
    }
    let checkpoint_every = (taking.steps / 3).max(1);
    let spec = Spec { checkpoint_every, ..taking.spec.clone() };
    let taking = Taking { spec: &spec, ..*taking };
    let killed = 2 * checkpoint_every + 1;
    let (mut resumed, from) = match taking.in_two(killed.min(taking.steps - 1), End::Killed) {
        Ok(found) => found,
        Err(problem) => return Answer::untold(format!("it was not resumed: {problem}")),
    };
    // The cadence of checkpoints decides no bits, which this shows as well.
    resumed.evidence.trace.spec = head.evidence.trace.spec;
    match Moved::between(&head.evidence, &resumed.evidence) {
        Ok(None) => {
            let words =
                format!("killed before step {killed}, went on from step {from} bit for bit");
            Answer::of(Judgement::Pass, words)
        }
        Ok(Some(moved)) => {
            let words = format!(
                "{}: killed before step {killed} and resumed from step {from}, it goes on otherwise",
                moved.place
            );
            Answer::moved(Judgement::Broken, words, &moved)
        }
        Err(problem) => Answer::untold(problem.to_string()),
    }
}
