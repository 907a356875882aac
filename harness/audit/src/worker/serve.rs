//! The life of a worker process.

use std::io::{Read, Write};

use super::message::Message;
use super::task::Task;
use super::{probe, replay, take};
use crate::failure::Failure;
use crate::programs::Programs;

/// Limits a task: it may hold the kernel selections of a training.
const TASK_BYTES_MAX: u64 = 1 << 28;
/// The exit code of a worker that nobody listens to.
const ALONE: i32 = 2;

/// Reads a task from standard input, does it, and writes to standard output what comes of
/// it. The error is for standard error: whoever started the worker passes it on.
pub fn serve(programs: &Programs) -> Result<(), Failure> {
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(TASK_BYTES_MAX).read_to_end(&mut text);
    read.map_err(Failure::inconclusive)?;
    let task = serde_json::from_slice(&text)
        .map_err(|error| Failure::usage(format!("standard input holds no task: {error}")))?;
    let mut step = |step| {
        // A step that cannot be reported means that whoever asked is gone.
        if send(&Message::Step(step)).is_err() {
            std::process::exit(ALONE);
        }
    };
    send(&work(programs, &task, &mut step)?)
}

/// Does a task; `step` is told each step.
pub(crate) fn work(
    programs: &Programs,
    task: &Task,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    let found = match task {
        Task::Replay(task) => return replay::replay(programs, task, step),
        Task::Seek(task, seek) => return replay::seek(programs, task, seek, step),
        Task::Rehearse(task) => probe::rehearse_all(programs, task, step),
        Task::Cost(task) => probe::measure(programs, task, step),
        Task::Operate(task) => probe::operate(programs, task, step),
        Task::Take(task) => take::take(programs, task, step),
    };
    Ok(found.unwrap_or_else(|failure| Message::refused(&failure)))
}

fn send(message: &Message) -> Result<(), Failure> {
    let mut text = serde_json::to_string(message).map_err(Failure::inconclusive)?;
    text.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::inconclusive)
}
