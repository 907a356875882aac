//! The machines that a night replays on, as its config says.

use std::path::PathBuf;

use reenact_audit::{Executor, Failure, Processes, binary_digest};
use reenact_core::format::WORK_NAMESPACE;
use reenact_fleet::{Fleet, Kubernetes, Launch, Queue, Slurm};
use reenact_night::{Config, Engine, EngineKind};

use crate::app::App;
use crate::options::allowed;

/// Replays at a time on an engine, where the config does not say.
const PARALLEL: usize = 8;

/// Holds what replays, and what it is reached by.
pub(super) struct Machines {
    here: Processes,
    engine: Option<(Engine, PathBuf, Box<dyn Queue>)>,
}

impl Machines {
    /// Takes the engine of the config; processes here do what no other machine can.
    pub(super) fn of(config: &Config, here: Processes) -> Result<Self, Failure> {
        let engine = config.executor.as_ref().filter(|engine| engine.kind != EngineKind::Local);
        let engine = engine.and_then(|engine| Some((engine, engine.folder.as_ref()?)));
        let Some((engine, folder)) = engine else { return Ok(Self { here, engine: None }) };
        let queue = queue(engine, folder)?;
        queue.check().map_err(|problem| {
            Failure::usage(format!("executor: {problem}"))
                .hint("its client has to be here, or the night replays here: kind = \"local\"")
        })?;
        Ok(Self { here, engine: Some((engine.clone(), folder.clone(), queue)) })
    }

    /// Returns who replays.
    pub(super) fn executor<'a>(&'a self, app: &'a App) -> Result<Box<dyn Executor + 'a>, Failure> {
        let Some((engine, folder, queue)) = &self.engine else {
            return Ok(Box::new(self.here.clone()));
        };
        let limit = engine.limit.map(|limit| limit.seconds);
        let parallel = engine.parallel.unwrap_or(PARALLEL);
        let (queue, here, binary) = (queue.as_ref(), &self.here, binary_digest()?);
        let fleet = Fleet::new(queue, app.known(), here, folder.clone(), binary);
        let workers = engine.allowed_workers.as_deref();
        let workers = workers.map(|path| allowed(path, WORK_NAMESPACE)).transpose()?;
        let fleet = fleet.parallel(parallel).limit(limit).signed(engine.key.clone(), workers);
        Ok(Box::new(fleet))
    }

    /// Returns a folder that every machine has, for copies in which attacks are planted.
    pub(super) fn scratch(&self) -> Option<PathBuf> {
        self.engine.as_ref().map(|(_, folder, _)| folder.clone())
    }
}

fn queue(engine: &Engine, folder: &std::path::Path) -> Result<Box<dyn Queue>, Failure> {
    let logs = folder.join("logs");
    let made = std::fs::create_dir_all(&logs);
    made.map_err(|error| Failure::usage(format!("executor: {}: {error}", logs.display())))?;
    let here = || std::env::current_exe().map(|path| path.display().to_string());
    let reenact = engine.reenact.clone();
    Ok(match engine.kind {
        EngineKind::Kubernetes => {
            let reenact = reenact.unwrap_or_else(|| "reenact".into());
            let launch = Launch { reenact, options: Vec::new(), logs };
            let pair = |option: &String| {
                let (name, much) = option.split_once('=').unwrap_or((option.as_str(), "1"));
                (name.to_owned(), much.to_owned())
            };
            Box::new(Kubernetes {
                launch,
                image: engine.image.clone().unwrap_or_default(),
                queue: engine.queue.clone(),
                resources: engine.options.iter().map(pair).collect(),
                volume: engine.volume.as_ref().map(|found| (found.claim.clone(), found.at.clone())),
            })
        }
        EngineKind::Slurm | EngineKind::Local => {
            let reenact = reenact.map_or_else(here, Ok).map_err(Failure::inconclusive)?;
            Box::new(Slurm { launch: Launch { reenact, options: engine.options.clone(), logs } })
        }
    })
}
