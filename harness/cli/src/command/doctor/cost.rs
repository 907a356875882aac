//! What recording would cost here.

use super::child::{ask, nonsense};
use super::{Arguments, STEPS, Subject};
use crate::command::load;
use crate::cost::Cost;
use crate::failure::Failure;
use crate::progress;
use crate::worker::Message;

/// Measures it in a process of its own, with the threads that a recording has.
pub(super) fn measure(subject: &Subject, arguments: &Arguments) -> Result<Cost, Failure> {
    let device = arguments.device.as_deref().unwrap_or(subject.spec.device.first_device());
    let steps = arguments.steps.unwrap_or(STEPS);
    let words =
        [format!("--spec={}", subject.name), format!("--steps={steps}"), "--cost".to_owned()];
    let bar = progress::bar("measuring", "rounds", Cost::reports(), arguments.json);
    let answer = ask(&words, device, load::RECORDING_THREADS, arguments, &bar);
    bar.finish_and_clear();
    match answer? {
        Message::Costed(cost) => Ok(cost),
        _ => Err(nonsense()),
    }
}
