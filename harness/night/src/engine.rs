//! Where a night replays: on its own machine, or by an engine that people run already.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Period;

/// Says where a night replays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Which engine.
    pub kind: EngineKind,
    /// Folder that every machine has: for plans, results, logs and canaries.
    pub folder: Option<PathBuf>,
    /// What the engine is told besides: options of `sbatch`, or resources of a pod.
    #[serde(default)]
    pub options: Vec<String>,
    /// Replays at a time.
    pub parallel: Option<usize>,
    /// How long a shard may take there; none for no limit.
    pub limit: Option<Period>,
    /// The command of reenact there; none for this very binary's path.
    pub reenact: Option<String>,
    /// For Kubernetes: the image that holds reenact.
    pub image: Option<String>,
    /// For Kubernetes: Kueue's queue.
    pub queue: Option<String>,
    /// For Kubernetes: the claim of the volume that holds the folder, and where it is mounted.
    pub volume: Option<Volume>,
}

/// Names an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Processes of this machine.
    Local,
    /// Arrays of Slurm.
    Slurm,
    /// Indexed Jobs of Kubernetes.
    Kubernetes,
}

/// Names a volume of Kubernetes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its claim.
    pub claim: String,
    /// Where it is mounted.
    pub at: String,
}

impl Engine {
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.kind {
            EngineKind::Local => return Ok(()),
            EngineKind::Kubernetes if self.image.is_none() => {
                return Err("executor: Kubernetes needs an `image` that holds reenact".into());
            }
            EngineKind::Slurm | EngineKind::Kubernetes => {}
        }
        if self.folder.is_none() {
            return Err("executor: a `folder` is needed that every machine has".into());
        }
        match self.parallel {
            Some(0) => Err("executor: parallel = 0: at least 1 is expected".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn resolve(&mut self, folder: &Path) {
        self.folder.iter_mut().for_each(|path| *path = folder.join(&*path));
    }
}
