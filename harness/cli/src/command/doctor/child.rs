//! Processes that take steps or run operations for the doctor.

use indicatif::ProgressBar;
use reenact_audit::{Executor, Failure, Message, Processes, Rehearse, Task};

use super::{Arguments, Subject};

/// Lets a process do a task and returns its answer, so that one that crashes is only an
/// answer.
pub(super) fn ask(
    task: &Task,
    arguments: &Arguments,
    bar: &ProgressBar,
) -> Result<Message, Failure> {
    match processes(arguments).execute(task, &|| bar.inc(1)) {
        Ok(Message::Refused { usage: true, problem }) => Err(Failure::usage(problem)),
        Ok(Message::Refused { usage: false, problem }) => Err(Failure::inconclusive(problem)),
        Ok(message) => Ok(message),
        Err(problem) => {
            Err(Failure::inconclusive(format!("the process that trains failed: {problem}")))
        }
    }
}

/// Returns what starts one process after the other.
pub(super) fn processes(arguments: &Arguments) -> Processes {
    Processes { stall: arguments.stall(), ..Processes::new(1) }
}

/// Says that an answer was none.
pub(super) fn nonsense() -> Failure {
    Failure::inconclusive("the process that trains wrote nonsense")
}

/// Takes the first steps of a subject once.
pub(super) fn steps_of(subject: &Subject, arguments: &Arguments, device: &str) -> Rehearse {
    Rehearse {
        spec: subject.spec.canonical(),
        device: arguments.device(device),
        threads: 1,
        steps: 1,
        times: 1,
        restored_step: None,
        selections: Vec::new(),
    }
}
