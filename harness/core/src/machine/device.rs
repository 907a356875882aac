//! Devices, and whether they can be used.

use serde::{Deserialize, Serialize};

use crate::machine::Engine;

/// Describes one device that a build knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// The name that `--device` takes.
    pub name: String,
    /// Whether it can be used here.
    #[serde(flatten)]
    pub state: DeviceState,
}

/// Says whether a device can be used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DeviceState {
    /// It can.
    Usable {
        /// What computes on it.
        engine: Engine,
        /// Why an audit on it cannot be bit-exact; none if it can, of recordings
        /// of the same class.
        inexact: Option<String>,
    },
    /// It cannot.
    Unusable {
        /// Why not: `no NVIDIA driver: /proc/driver/nvidia/version is missing`.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
}

impl DeviceReport {
    /// Describes a device that can be used.
    pub fn usable(name: &str, engine: Engine) -> Self {
        Self { name: name.into(), state: DeviceState::Usable { engine, inexact: None } }
    }

    /// Describes a device that this build or this machine lacks.
    pub fn unusable(name: &str, problem: impl ToString, remedy: impl ToString) -> Self {
        let (problem, remedy) = (problem.to_string(), remedy.to_string());
        Self { name: name.into(), state: DeviceState::Unusable { problem, remedy } }
    }

    /// Says whether it can be used.
    pub fn is_usable(&self) -> bool {
        matches!(self.state, DeviceState::Usable { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_json() {
        let text = |report: &DeviceReport| serde_json::to_string(report).unwrap();
        let unusable = DeviceReport::unusable("cuda:0", "no driver", "install one");
        let golden =
            r#"{"name":"cuda:0","state":"unusable","problem":"no driver","remedy":"install one"}"#;
        assert_eq!(text(&unusable), golden);
        let engine = Engine { class: Default::default(), notes: Default::default() };
        let usable = DeviceReport::usable("cpu", engine);
        let golden =
            r#"{"name":"cpu","state":"usable","engine":{"class":{},"notes":{}},"inexact":null}"#;
        assert_eq!(text(&usable), golden);
        assert_eq!(serde_json::from_str::<DeviceReport>(golden).unwrap(), usable);
    }
}
