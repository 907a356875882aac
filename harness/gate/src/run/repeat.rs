//! Whether a build computes the same bits again.

use reenact_audit::End;

use super::{Taking, Took};
use crate::run::whole::Answer;
use crate::{Judgement, Moved};

/// Threads of the second training: one that depends on their number is not repeated by an
/// audit, which has one.
const THREADS: usize = 2;

/// Takes the steps with more threads, and once more across a stop in the middle.
pub(super) fn ask(taking: &Taking<'_>, head: &Took) -> Answer {
    let middle = (taking.steps / 2).max(1);
    let with_threads = || taking.whole(THREADS);
    let restored = || taking.in_two(middle, End::Stop).map(|(took, _)| took);
    type Take<'a> = &'a dyn Fn() -> Result<Took, String>;
    let ways: [(&str, Take<'_>); 2] =
        [("in another process with 2 threads", &with_threads), ("after a stop", &restored)];
    for (way, take) in ways {
        let other = match take() {
            Ok(other) => other,
            Err(problem) => return Answer::untold(format!("it was not taken {way}: {problem}")),
        };
        match Moved::between(&head.evidence, &other.evidence) {
            Ok(None) => {}
            Ok(Some(moved)) => {
                let again = taking.whole(1).map(|again| {
                    let same = Moved::between(&head.evidence, &again.evidence);
                    matches!(same, Ok(None))
                });
                let how = match again {
                    Ok(true) => format!("it differs {way}, and only then"),
                    _ => "it differs each time".into(),
                };
                let words = format!("{}: {how}", moved.place);
                return Answer::moved(Judgement::Broken, words, &moved);
            }
            Err(problem) => return Answer::untold(format!("{way}: {problem}")),
        }
    }
    let words = format!("{} steps, 3 times bit for bit", taking.steps);
    Answer::of(Judgement::Pass, words)
}
