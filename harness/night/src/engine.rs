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
    /// File with the key by which workers sign, on their machines.
    pub key: Option<String>,
    /// Whose answers count, as OpenSSH's allowed_signers; anybody's where none is named.
    pub allowed_workers: Option<PathBuf>,
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
        if self.key.is_some() != self.allowed_workers.is_some() {
            return Err(
                "executor: `key` and `allowed_workers` belong together: workers sign with \
                        the one, and the other says whose signatures count"
                    .into(),
            );
        }
        match self.parallel {
            Some(0) => Err("executor: parallel = 0: at least 1 is expected".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn resolve(&mut self, folder: &Path) {
        let paths = self.folder.iter_mut().chain(&mut self.allowed_workers);
        paths.for_each(|path| *path = folder.join(&*path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(more: &str) -> Result<(), String> {
        let text = format!("kind = 'slurm'\nfolder = 'shared'\n{more}");
        toml::from_str::<Engine>(&text).unwrap().check()
    }

    #[test]
    fn who_signs_and_who_is_believed_belong_together() {
        assert_eq!(engine(""), Ok(()));
        assert_eq!(engine("key = 'k'\nallowed_workers = 'w'"), Ok(()));
        for half in ["key = 'k'", "allowed_workers = 'w'"] {
            assert!(engine(half).unwrap_err().contains("belong together"), "{half}");
        }
    }
}
