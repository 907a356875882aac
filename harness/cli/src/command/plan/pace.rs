//! How long the replay of a segment takes, and how that is known.

use std::path::Path;

use reenact_audit::{Device, Executor, Failure, Message, Processes, Rehearse, Task};
use reenact_core::format::Object;
use reenact_core::sanitize::plain;
use reenact_core::spec::SPEC_BYTES_MAX;
use reenact_night::Peek;
use reenact_store::{Ledger, open_run};
use serde::Serialize;

/// Steps of each round of a measurement.
const STEPS: u64 = 4;

/// Says how long the replay of a segment takes, in device seconds, and how that is known.
#[derive(Serialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub(super) enum Pace {
    /// Earlier replays took so long.
    Ledger { device: String, segment_seconds: f64 },
    /// Some steps were taken just now.
    Measured { segment_seconds: f64 },
    /// The user says so.
    Given { segment_seconds: f64 },
    /// Nothing is known.
    Unknown { why: String },
}

impl Pace {
    /// Asks the ledger; if it knows nothing, takes some steps.
    pub(super) fn of(
        run: &Path,
        peek: &Peek,
        ledger: Option<&Ledger>,
        on: &Device,
    ) -> Result<Self, Failure> {
        let device = on.device.clone().unwrap_or_else(|| peek.device.clone());
        let steps = peek.checkpoint_every.min(peek.steps.max(1)) as f64;
        let known = ledger.map(|ledger| ledger.seconds_per_step(peek.spec, &device)).transpose()?;
        Ok(match known.flatten() {
            Some(pace) => Self::Ledger { device, segment_seconds: pace * steps },
            None => match measured(run, on) {
                Ok((step_seconds, end_seconds)) => {
                    Self::Measured { segment_seconds: step_seconds * steps + end_seconds }
                }
                Err(why) => Self::Unknown { why: plain(&why) },
            },
        })
    }

    pub(super) fn segment_seconds(&self) -> Option<f64> {
        match self {
            Self::Ledger { segment_seconds, .. }
            | Self::Measured { segment_seconds }
            | Self::Given { segment_seconds } => Some(*segment_seconds),
            Self::Unknown { .. } => None,
        }
    }
}

/// Returns how long a step takes, and the digests of the state at the end, in seconds. One
/// thread, in a process of its own, as a replay has.
fn measured(run: &Path, device: &Device) -> Result<(f64, f64), String> {
    let text = open_run(run)
        .and_then(|run| run.read(Object::Spec, SPEC_BYTES_MAX as u64))
        .map_err(|error| error.to_string())?;
    let task = Task::Cost(Rehearse {
        spec: String::from_utf8_lossy(&text).into_owned(),
        device: device.clone(),
        threads: 1,
        steps: STEPS,
        times: 1,
        restored_step: None,
        selections: Vec::new(),
    });
    match Processes::new(1).execute(&task, &|| ())? {
        Message::Costed(cost) => {
            let step_ms = cost.step_ms * (1.0 + cost.fingerprints_share);
            Ok((step_ms.max(0.0) / 1e3, cost.checkpoint_ms / 1e3))
        }
        Message::Refused { problem, .. } => Err(problem),
        _ => Err("the process that takes steps wrote nonsense".into()),
    }
}
