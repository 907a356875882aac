//! Processes that take steps or run operations for the doctor.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use indicatif::ProgressBar;

use super::Arguments;
use crate::failure::Failure;
use crate::worker::{Message, converse};

/// Lets a process take steps and returns its answer, so that one that crashes is
/// only an answer.
pub(super) fn ask(
    words: &[String],
    device: &str,
    threads: usize,
    arguments: &Arguments,
    bar: &ProgressBar,
) -> Result<Message, Failure> {
    let started = start(words, device, threads, arguments);
    match converse(started, arguments.stall(), bar) {
        Ok(Message::Refused { usage: true, problem }) => Err(Failure::usage(problem)),
        Ok(Message::Refused { usage: false, problem }) => Err(Failure::inconclusive(problem)),
        Ok(message) => Ok(message),
        Err(problem) => {
            Err(Failure::inconclusive(format!("the process that trains failed: {problem}")))
        }
    }
}

/// Says that an answer was none.
pub(super) fn nonsense() -> Failure {
    Failure::inconclusive("the process that trains wrote nonsense")
}

/// Starts a probing process of this very binary.
pub(super) fn start(
    words: &[String],
    device: &str,
    threads: usize,
    arguments: &Arguments,
) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("probe").args(words);
    command.arg(format!("--device={device}")).arg(format!("--threads={threads}"));
    // Two words, as a folder's name need not be text; one may be called `-x`.
    command.arg("--data-dir").arg(Path::new(".").join(&arguments.data_dir));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}
