//! What a worker does for a gate: it records the first steps of a training.

use std::path::Path;
use std::sync::Arc;

use reenact_core::attack::start;
use reenact_core::format::WriteRun;
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_store::Directory;

use super::message::{Message, Taken};
use super::task::{End, Take};
use crate::data::{engine, open_data};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::this_process::environment_of;

/// Records until the step that the task names.
pub(super) fn take(
    programs: &Programs,
    task: &Take,
    step: &mut dyn FnMut(u64),
) -> Result<Message, Failure> {
    let spec = task.device.declare(Spec::parse(&task.spec)?);
    let attack = task.attack.as_ref().map(|text| text.parse()).transpose();
    let attack = attack.map_err(|error| Failure::usage(format!("its attack: {error}")))?;
    let mut setting = task.device.setting(&spec, task.threads);
    setting.selections = Arc::new(task.selections.clone());
    let program = programs.find(&spec.program.name)?;
    let environment = environment_of(engine(program, &spec, &setting)?)?;
    let data = open_data(program, &spec, &mut setting)?;
    let trainer = start(program, &spec, data, &setting, attack.as_ref())?;
    let folder = Path::new(&task.folder);
    let mut store = match task.goes_on {
        true => Directory::resume(folder)?,
        false => Directory::create(folder)?,
    };
    let mut recorder = match task.goes_on {
        true => Recorder::resume(&mut store, spec, trainer, environment.clone())?,
        false => Recorder::start(&mut store, spec, trainer, environment.clone())?,
    };
    let from = recorder.next_step();
    while recorder.next_step() < task.step_end && !recorder.is_done() {
        step(recorder.advance()?.step);
    }
    let last = recorder.capture()?.root();
    match task.end {
        End::Stop => drop(recorder.interrupt()?),
        End::Killed => {
            drop(recorder);
            store.sync()?;
        }
    }
    Ok(Message::Taken(Box::new(Taken { environment, from, last })))
}
