//! What can be done about what an audit found. Several rooms give it; how it is typed is the
//! command's business.

use serde::{Deserialize, Serialize};

/// Says what can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Advice {
    /// Go on with the recording, which is not finished.
    Resume,
    /// Audit what is complete of a run that still trains.
    SoFar,
    /// Close a proven divergence, if there is a reason to.
    Close {
        /// Names it.
        id: String,
    },
    /// Say that the place knowingly holds another run than was audited there, if it does.
    Forget,
    /// Correct the order that the recording was compared with, or ask who changed the run.
    Order,
    /// Audit on such a machine with such a build as trained, or within a calibrated tolerance.
    OtherMachine,
    /// Build from source separately, say that this build is trusted, and audit with it.
    TrustedBuild,
    /// Replay a segment that diverges once more, on another machine of the class that trained.
    Again {
        /// Its number.
        segment: u64,
    },
    /// Look whether the program repeats.
    Repeat,
}
