//! What replayed a segment.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Names a device, and the binary that used it. None of it decides anything: it is for finding
/// again what a device vouched for, should it turn out to be a bad one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Name of the machine.
    pub host: String,
    /// Name of the device there: `cpu`, `cuda:0`.
    pub device: String,
    /// Its serial number, if the engine knows one.
    pub device_serial: Option<String>,
    /// Its driver, if it has one.
    pub driver: Option<String>,
    /// Digest of the auditing binary.
    pub binary: Digest,
}

impl Witness {
    /// Names it to people: by its serial number, else by its place.
    pub fn id(&self) -> String {
        let place = || format!("{}:{}", self.host, self.device);
        self.device_serial.clone().unwrap_or_else(place)
    }
}
