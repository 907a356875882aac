//! Which operations of an engine give the same bits each time.

use reenact_audit::{Executor, Failure, Message, Operate, Task, available_threads};
use reenact_core::machine::{JudgedOperation, OperationRuns, judge_operations};
use serde::Serialize;
use tempfile::TempDir;

use super::Arguments;
use super::child::processes;
use super::machine::Machine;
use crate::terminal::progress;

/// How often each process runs each operation.
pub(super) const RUNS: u64 = 8;
/// Processes that run them.
pub(super) const PROCESSES: usize = 2;

/// Holds what is known of one engine's operations on one device.
#[derive(Serialize)]
pub(super) struct Operations {
    /// Programs of the engine.
    pub(super) programs: Vec<String>,
    pub(super) device: String,
    /// Why nothing could be tried at all.
    pub(super) problem: Option<String>,
    pub(super) operations: Vec<JudgedOperation>,
}

/// Tries the operations of each engine on each device that can be used.
pub(super) fn try_out(
    machine: &Machine,
    arguments: &Arguments,
) -> Result<Vec<Operations>, Failure> {
    let mut all = Vec::new();
    for engine in &machine.engines {
        let Some(program) = engine.programs.first() else { continue };
        for device in engine.devices.iter().filter(|device| device.is_usable()) {
            let (problem, operations) = match try_device(program, &device.name, arguments)? {
                Ok(operations) => (None, operations),
                Err(problem) => (Some(problem), Vec::new()),
            };
            let (programs, device) = (engine.programs.clone(), device.name.clone());
            all.push(Operations { programs, device, problem, operations });
        }
    }
    Ok(all)
}

/// Tries one device; the inner error says why it cannot be tried, which leaves the
/// others to be.
fn try_device(
    program: &str,
    device: &str,
    arguments: &Arguments,
) -> Result<Result<Vec<JudgedOperation>, String>, Failure> {
    let free = match in_processes(program, device, None, arguments) {
        Ok(Some(free)) => free,
        Ok(None) => return Ok(Err("the program lists no operations".into())),
        Err(problem) => return Ok(Err(problem)),
    };
    let refuse = |error| Failure::inconclusive(format!("no folder for kernel choices: {error}"));
    let folder = tempfile::tempdir().map_err(refuse)?;
    Ok(match in_processes(program, device, Some(&folder), arguments) {
        Ok(pinned) => Ok(judge_operations(&free, pinned.as_deref())),
        Err(problem) => Err(format!("with pinned kernels: {problem}")),
    })
}

/// Runs everything in one process after the other; none if the first has nothing to
/// run.
fn in_processes(
    program: &str,
    device: &str,
    pinned: Option<&TempDir>,
    arguments: &Arguments,
) -> Result<Option<Vec<Vec<OperationRuns>>>, String> {
    let mut all = Vec::with_capacity(PROCESSES);
    for _ in 0..PROCESSES {
        match in_process(program, device, pinned, arguments)? {
            Some(runs) => all.push(runs),
            None if all.is_empty() => return Ok(None),
            None => return Err("another process knows no operations".into()),
        }
    }
    Ok(Some(all))
}

fn in_process(
    program: &str,
    device: &str,
    pinned: Option<&TempDir>,
    arguments: &Arguments,
) -> Result<Option<Vec<OperationRuns>>, String> {
    let task = Task::Operate(Operate {
        program: program.into(),
        device: arguments.device(device),
        threads: available_threads(),
        times: RUNS,
        pinned: pinned.map(|folder| folder.path().into()),
    });
    let bar = progress::bar("trying", "operations", 0);
    bar.set_message(format!("on {device}"));
    let found = processes(arguments).execute(&task, &|| bar.inc(1));
    bar.finish_and_clear();
    match found? {
        Message::Operated(runs) => Ok(runs),
        Message::Refused { problem, .. } => Err(problem),
        _ => Err("the process wrote nonsense".into()),
    }
}
