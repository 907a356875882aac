//! What a worker does for a rehearsal and for the doctor.

use std::sync::Arc;

use reenact_core::format::KernelSelection;
use reenact_core::machine::{Kernels, OperationRuns};
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{Rehearsal, rehearse};

use super::cost::Cost;
use super::message::Message;
use super::task::{Operate, Rehearse};
use crate::data::{engine, open_data};
use crate::failure::Failure;
use crate::programs::Programs;

/// Takes the first steps of a training as often as the task says.
pub fn rehearsals(
    programs: &Programs,
    task: &Rehearse,
    step: &mut dyn FnMut(u64),
) -> Result<Vec<Rehearsal>, Failure> {
    let Subject { spec, mut setting, program } = Subject::of(programs, task)?;
    let data = open_data(program, &spec, &mut setting)?;
    let mut start = |pinned: &[KernelSelection]| {
        let setting = Setting { selections: Arc::new(pinned.to_vec()), ..setting.clone() };
        program.start(&spec, data.clone(), &setting)
    };
    let mut pinned = task.selections.clone();
    let restored = task.restored_step.map(Some);
    let plain = std::iter::repeat_n(None, task.times as usize);
    let mut found = Vec::new();
    for restored_step in plain.chain(restored) {
        let rehearsed = rehearse(&mut start, &pinned, task.steps, restored_step, step)?;
        pinned.clone_from(&rehearsed.selections);
        found.push(rehearsed);
    }
    Ok(found)
}

pub(super) fn rehearse_all(
    programs: &Programs,
    task: &Rehearse,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    rehearsals(programs, task, step).map(Message::Rehearsed)
}

/// Trains once, to measure.
pub(super) fn measure(
    programs: &Programs,
    task: &Rehearse,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    let Subject { spec, mut setting, program } = Subject::of(programs, task)?;
    let data = open_data(program, &spec, &mut setting)?;
    let mut trainer = program.start(&spec, data, &setting)?;
    Ok(Message::Costed(Cost::measure(trainer.as_mut(), &spec, task.steps, step)?))
}

/// Holds what a task is about.
struct Subject<'a> {
    spec: Spec,
    setting: Setting,
    program: &'a dyn Program,
}

impl<'a> Subject<'a> {
    fn of(programs: &'a Programs, task: &Rehearse) -> Result<Self, Failure> {
        let spec = task.device.declare(Spec::parse(&task.spec)?);
        let setting = task.device.setting(&spec, task.threads);
        let program = programs.find(&spec.program.name)?;
        engine(program, &spec, &setting)?;
        Ok(Self { spec, setting, program })
    }
}

pub(super) fn operate(
    programs: &Programs,
    task: &Operate,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    let setting = task.device.bare_setting(task.threads);
    let kernels = match &task.pinned {
        Some(folder) => Kernels::Pinned { folder: folder.into() },
        None => Kernels::Free,
    };
    let platform = programs.find(&task.program)?.platform();
    let Some(probes) = platform.operations(&setting, &kernels)? else {
        return Ok(Message::Operated(None));
    };
    let mut found = Vec::with_capacity(probes.len());
    for (place, probe) in probes.into_iter().enumerate() {
        found.push(OperationRuns::of(probe, task.times));
        step(place as u64);
    }
    Ok(Message::Operated(Some(found)))
}
