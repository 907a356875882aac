//! Taking the first steps of a training, each time in a folder and a process of its own.

use std::path::Path;

use reenact_audit::{Device, End, Executor, Message, Take, Taken, Task};
use reenact_core::format::{Checkpoint, Environment, History, KernelSelection, Object, ReadRun};
use reenact_core::spec::Spec;
use reenact_store::Directory;
use tempfile::TempDir;

use crate::Evidence;

/// Says how trainings are taken.
pub(super) struct Taking<'a> {
    pub(super) executor: &'a dyn Executor,
    pub(super) spec: &'a Spec,
    pub(super) device: &'a Device,
    /// Steps of the lock.
    pub(super) steps: u64,
    /// Kernels that all compute with.
    pub(super) selections: &'a [KernelSelection],
}

/// Holds what a training left.
pub(super) struct Took {
    pub(super) evidence: Evidence,
    pub(super) environment: Environment,
    pub(super) selections: Vec<KernelSelection>,
}

impl Taking<'_> {
    /// Takes the first steps in one piece.
    pub(super) fn whole(&self, threads: usize) -> Result<Took, String> {
        let folder = folder()?;
        let taken = self.take(self.task(folder.path()), |task| task.threads = threads)?;
        self.read(folder.path(), self.steps, &taken)
    }

    /// Takes them up to a step, ends so, and goes on in another process to the last one.
    /// Returns the step that the second one began with, too.
    pub(super) fn in_two(&self, first_end: u64, end: End) -> Result<(Took, u64), String> {
        let folder = folder()?;
        self.take(self.task(folder.path()), |task| {
            (task.step_end, task.end) = (first_end, end);
        })?;
        let taken = self.take(self.task(folder.path()), |task| task.goes_on = true)?;
        Ok((self.read(folder.path(), self.steps, &taken)?, taken.from))
    }

    /// Takes them up to a step with an attack.
    pub(super) fn attacked(&self, attack: &str, step_end: u64) -> Result<Took, String> {
        let folder = folder()?;
        let taken = self.take(self.task(folder.path()), |task| {
            (task.step_end, task.attack) = (step_end, Some(attack.into()));
        })?;
        self.read(folder.path(), step_end, &taken)
    }

    /// Returns the state after so many steps, which lies in the folder; none if the device
    /// gives it at checkpoints only.
    pub(super) fn state_after(&self, steps: u64) -> Result<Option<(TempDir, Checkpoint)>, String> {
        let folder = folder()?;
        self.take(self.task(folder.path()), |task| {
            (task.step_end, task.end) = (steps, End::Stop);
        })?;
        let store = Directory::open(&folder.path().join("run"));
        let store = store.map_err(|error| error.to_string())?;
        let history = store.open(Object::Journal).ok().and_then(|found| History::read(found).ok());
        // At a boundary the state is a checkpoint of the recording.
        let root = history.and_then(|history| history.checkpoints.get(&steps).copied());
        let object = root.map_or(Object::ResumeState, Object::Checkpoint);
        let Ok(source) = store.open(object) else { return Ok(None) };
        let state = Checkpoint::open(source).map_err(|error| error.to_string())?;
        Ok(Some((folder, state)))
    }

    fn task(&self, folder: &Path) -> Take {
        Take {
            spec: self.spec.canonical(),
            device: self.device.clone(),
            threads: 1,
            step_end: self.steps,
            folder: folder.join("run").into(),
            goes_on: false,
            end: End::Killed,
            selections: self.selections.to_vec(),
            attack: None,
        }
    }

    fn take(&self, mut task: Take, change: impl FnOnce(&mut Take)) -> Result<Taken, String> {
        change(&mut task);
        match self.executor.execute(&Task::Take(task), &|| ())? {
            Message::Taken(taken) => Ok(*taken),
            Message::Refused { problem, .. } => Err(problem),
            _ => Err("it wrote nonsense".into()),
        }
    }

    fn read(&self, folder: &Path, steps: u64, taken: &Taken) -> Result<Took, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let store = Directory::open(&folder.join("run")).map_err(|error| words(&error))?;
        let journal = || store.open(Object::Journal).map_err(|error| words(&error));
        let selections = reenact_core::record::recorded_selections(&store);
        Ok(Took {
            evidence: Evidence::of_recording(journal()?, steps, taken.last)
                .map_err(|error| words(&error))?,
            environment: taken.environment.clone(),
            selections: selections.map_err(|error| words(&error))?,
        })
    }
}

fn folder() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))
}
