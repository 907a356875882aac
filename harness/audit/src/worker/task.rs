//! What a worker is told to do.

use std::ffi::OsString;

use reenact_core::digest::Digest;
use reenact_core::format::KernelSelection;
use reenact_core::verify::Cause;
use serde::{Deserialize, Serialize};

use crate::device::Device;

/// Says what to do. Paths are whatever a system takes for one, and need not be text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Replay a segment.
    Replay(Replay),
    /// Seek the cause of its divergence.
    Seek(Replay, Seek),
    /// Take the first steps of a training.
    Rehearse(Rehearse),
    /// Measure what recording costs, in rounds of the rehearsal's steps.
    Cost(Rehearse),
    /// Run operations by themselves.
    Operate(Operate),
    /// Record the first steps of a training.
    Take(Take),
}

/// Names a segment and says how it is replayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Folder of the recording.
    pub run: OsString,
    /// Digest of the commitment that the audit has examined.
    pub commitment: Digest,
    /// What was committed to, if the run still trains.
    #[serde(default)]
    pub so_far: Option<String>,
    /// Index of the segment.
    pub segment: u64,
    /// Where to compute.
    pub device: Device,
    /// Whether kernels are chosen anew, instead of taken from the recording.
    #[serde(default)]
    pub free_kernels: bool,
    /// Key by which residuals are folded, on another class of device; none to compare every
    /// bit.
    #[serde(default)]
    pub within: Option<Digest>,
    /// File with kernels to compute with beside the recorded ones; where there is none, those
    /// that were chosen are left there.
    #[serde(default)]
    pub kernels: Option<OsString>,
    /// An attack by which a sabotaged toolchain is played.
    #[serde(default)]
    pub attack: Option<String>,
}

/// Says where a divergence begins and how long its cause is sought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seek {
    /// Step that diverges first.
    pub step: u64,
    /// Causes that were found in other segments: they are tried first, and then what costs
    /// little. None for a full search.
    pub known: Option<Vec<Cause>>,
}

/// Names a training whose first steps are taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearse {
    /// Text of the spec.
    pub spec: String,
    /// Where to compute.
    pub device: Device,
    /// Threads of the engine.
    pub threads: usize,
    /// Steps that are taken each time.
    pub steps: u64,
    /// How often from the start.
    pub times: u64,
    /// Step before which the state is captured and restored, one more time; none for no
    /// such time.
    pub restored_step: Option<u64>,
    /// Kernels that the first training computes with.
    pub selections: Vec<KernelSelection>,
}

/// Names a training whose first steps are recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// Text of the spec.
    pub spec: String,
    /// Where to compute.
    pub device: Device,
    /// Threads of the engine.
    pub threads: usize,
    /// The step before which it ends.
    pub step_end: u64,
    /// Folder of the recording.
    pub folder: OsString,
    /// Whether it goes on with the recording that lies there, instead of beginning one.
    pub goes_on: bool,
    /// How it ends.
    pub end: End,
    /// Kernels to compute with.
    pub selections: Vec<KernelSelection>,
    /// An attack that is planted.
    pub attack: Option<String>,
}

/// Says how a recording is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// As a recorder that is asked to stop: with its state, which may be as large as the model.
    Stop,
    /// As one that is killed: with what was written until then.
    Killed,
}

/// Names operations that are run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operate {
    /// Program of the engine.
    pub program: String,
    /// Where to compute.
    pub device: Device,
    /// Threads of the engine.
    pub threads: usize,
    /// How often each operation is run.
    pub times: u64,
    /// Folder for the choice of kernels, to pin them; none to choose freely.
    pub pinned: Option<OsString>,
}

impl Task {
    /// Says it in words for a list of processes; nothing reads them.
    pub fn words(&self) -> Vec<OsString> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).into()).collect::<Vec<_>>();
        match self {
            Self::Replay(replay) => replay.words("replay"),
            Self::Seek(replay, _) => replay.words("explain"),
            Self::Rehearse(_) => words(&["rehearse"]),
            Self::Cost(_) => words(&["cost"]),
            Self::Operate(operate) => words(&["operate", &operate.program]),
            Self::Take(take) => vec!["take".into(), take.folder.clone()],
        }
    }
}

impl Replay {
    fn words(&self, what: &str) -> Vec<OsString> {
        vec![what.into(), "segment".into(), self.segment.to_string().into(), self.run.clone()]
    }
}
