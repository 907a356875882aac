//! What recording would cost here.

use reenact_audit::{Cost, Failure, Message, Rehearse, Task};

use super::child::{ask, nonsense, steps_of};
use super::{Arguments, STEPS, Subject};
use crate::recording::RECORDING_THREADS;
use crate::terminal::progress;

/// Measures it in a process of its own, with the threads that a recording has.
pub(super) fn measure(subject: &Subject, arguments: &Arguments) -> Result<Cost, Failure> {
    let device = arguments.device.as_deref().unwrap_or(subject.spec.device.first_device());
    let steps = arguments.steps.unwrap_or(STEPS);
    let once = steps_of(subject, arguments, device);
    let task = Task::Cost(Rehearse { steps, threads: RECORDING_THREADS, ..once });
    let bar = progress::bar("measuring", "rounds", Cost::reports());
    let answer = ask(&task, arguments, &bar);
    bar.finish_and_clear();
    match answer? {
        Message::Costed(cost) => Ok(cost),
        _ => Err(nonsense()),
    }
}
