//! One piece of work that any machine can do.

use std::ffi::OsStr;

use reenact_audit::{Device, Replay, Seek, Task};
use reenact_core::digest::Digest;
use reenact_store::is_bucket;
use serde::{Deserialize, Serialize};

/// Names a segment to replay, or a divergence whose cause is sought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Where the recording lies, for every machine.
    pub run: String,
    /// What is committed to.
    pub commitment: Digest,
    /// The text that commits to it, if the run still trains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub so_far: Option<String>,
    /// Number of the segment.
    pub segment: u64,
    /// Name of the device; none for the first of the spec's class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Folder with the files of data sets.
    pub data: String,
    /// An attack by which a sabotaged toolchain is played, for a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// Whether kernels are chosen anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub free_kernels: bool,
    /// What is sought, where it is a cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seek: Option<Seek>,
}

impl Unit {
    /// Takes a task, if another machine can do it: what needs files of this machine cannot be
    /// done elsewhere.
    pub fn of(task: &Task) -> Option<Self> {
        let (replay, seek) = match task {
            Task::Replay(replay) => (replay, None),
            Task::Seek(replay, seek) => (replay, Some(seek.clone())),
            _ => return None,
        };
        if replay.within.is_some() || replay.kernels.is_some() {
            return None;
        }
        Some(Self { seek, ..Self::of_replay(replay)? })
    }

    fn of_replay(replay: &Replay) -> Option<Self> {
        Some(Self {
            run: everywhere(&replay.run)?,
            commitment: replay.commitment,
            so_far: replay.so_far.clone(),
            segment: replay.segment,
            device: replay.device.device.clone(),
            data: everywhere(&replay.device.data_dir)?,
            attack: replay.attack.clone(),
            free_kernels: replay.free_kernels,
            seek: None,
        })
    }

    /// Returns what a worker process is told.
    pub fn task(&self) -> Task {
        let replay = self.replay();
        match &self.seek {
            None => Task::Replay(replay),
            Some(seek) => Task::Seek(replay, seek.clone()),
        }
    }

    /// Returns where it computes.
    pub fn on(&self) -> Device {
        Device { device: self.device.clone(), data_dir: self.data.clone().into() }
    }

    fn replay(&self) -> Replay {
        Replay {
            run: self.run.clone().into(),
            commitment: self.commitment,
            so_far: self.so_far.clone(),
            segment: self.segment,
            device: self.on(),
            free_kernels: self.free_kernels,
            within: None,
            kernels: None,
            attack: self.attack.clone(),
        }
    }
}

/// Names a place so that another machine, which works in another folder, finds it.
fn everywhere(place: &OsStr) -> Option<String> {
    let text = place.to_str()?;
    if is_bucket(text) {
        return Some(text.to_owned());
    }
    std::path::absolute(text).ok()?.to_str().map(str::to_owned)
}
