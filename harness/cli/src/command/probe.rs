//! `reenact probe`: the worker that `doctor` starts, in a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use reenact_core::format::KernelSelection;
use reenact_core::machine::{Kernels, OperationRuns};
use reenact_core::trainer::Setting;
use reenact_core::verify::rehearse;

use super::load::{self, Device};
use super::replay::send;
use crate::app::App;
use crate::cost::Cost;
use crate::exit;
use crate::failure::Failure;
use crate::worker::Message;

/// Take some steps or run some operations and report to the doctor that started
/// this process
#[derive(Args)]
pub(crate) struct Arguments {
    /// Spec whose first steps are taken
    #[arg(long, required_unless_present = "operations_of")]
    spec: Option<String>,
    /// Number of steps
    #[arg(long, default_value_t = 1)]
    steps: u64,
    /// Step before which the last training is captured and restored
    #[arg(long, value_name = "STEP")]
    restored_step: Option<u64>,
    /// Measure what recording costs, in rounds of so many steps
    #[arg(long, requires = "spec")]
    cost: bool,
    /// Program whose engine's operations are run instead
    #[arg(long, value_name = "PROGRAM", conflicts_with = "spec")]
    operations_of: Option<String>,
    /// Folder for the choice of kernels, to pin them
    #[arg(long, value_name = "DIR")]
    pinned: Option<PathBuf>,
    /// File with the kernels that the trainings are to compute with
    #[arg(long, value_name = "FILE", conflicts_with = "operations_of")]
    selections: Option<PathBuf>,
    /// How often
    #[arg(long, default_value_t = 1)]
    times: u64,
    /// Threads of the engine
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[command(flatten)]
    device: Device,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let message = match (&arguments.operations_of, &arguments.spec) {
        (Some(program), _) => operate(app, program, arguments),
        (None, Some(spec)) => take_steps(app, spec, arguments),
        (None, None) => return Err(Failure::usage("there is nothing to probe")),
    };
    send(&message.unwrap_or_else(refused))?;
    Ok(exit::MATCH)
}

/// The doctor says it in its own name.
fn refused(failure: Failure) -> Message {
    let hint = failure.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let usage = failure.exit_code() == exit::USAGE;
    Message::Refused { usage, problem: format!("{}{hint}", failure.message) }
}

/// Trains `times` times from the start, and once more across a restored state; or
/// once, to measure.
fn take_steps(app: &App, spec: &str, arguments: &Arguments) -> Result<Message, Failure> {
    let spec = arguments.device.declare(load::spec(app, spec)?);
    let setting = arguments.device.setting(&spec, arguments.threads, None);
    let program = app.find(&spec.program.name)?;
    load::engine(program, &spec, &setting)?;
    let data = load::data(program, &spec, &setting)?;
    let mut start = |pinned: &[KernelSelection]| {
        let setting = Setting { selections: Arc::new(pinned.to_vec()), ..setting.clone() };
        program.start(&spec, data.clone(), &setting)
    };
    if arguments.cost {
        let mut trainer = start(&[])?;
        let cost = Cost::measure(trainer.as_mut(), &spec, arguments.steps, &mut reported)?;
        return Ok(Message::Costed(cost));
    }
    let mut pinned =
        arguments.selections.as_deref().map(load::selections).transpose()?.unwrap_or_default();
    let restored = arguments.restored_step.map(Some);
    let plain = std::iter::repeat_n(None, arguments.times as usize);
    let mut found = Vec::new();
    for restored_step in plain.chain(restored) {
        let steps = arguments.steps;
        let rehearsed = rehearse(&mut start, &pinned, steps, restored_step, &mut reported)?;
        pinned.clone_from(&rehearsed.selections);
        found.push(rehearsed);
    }
    Ok(Message::Rehearsed(found))
}

fn operate(app: &App, program: &str, arguments: &Arguments) -> Result<Message, Failure> {
    let setting = arguments.device.bare_setting(arguments.threads);
    let kernels = match &arguments.pinned {
        Some(folder) => Kernels::Pinned { folder: folder.clone() },
        None => Kernels::Free,
    };
    let Some(probes) = app.find(program)?.operations(&setting, &kernels)? else {
        return Ok(Message::Operated(None));
    };
    let mut found = Vec::with_capacity(probes.len());
    for (place, probe) in probes.into_iter().enumerate() {
        found.push(OperationRuns::of(probe, arguments.times));
        reported(place as u64);
    }
    Ok(Message::Operated(Some(found)))
}

/// What cannot be reported means that the doctor is gone.
fn reported(step: u64) {
    if send(&Message::Step(step)).is_err() {
        std::process::exit(i32::from(exit::INCONCLUSIVE));
    }
}
