//! What computes: the facts that decide bits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Says what computes: part of the recorded environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Facts that decide the bits: backend, its version, processor features.
    /// Where two environments agree in all of them, a replay has to agree bit
    /// for bit.
    pub class: BTreeMap<String, String>,
    /// Facts that do not decide the bits, such as the number of threads.
    pub notes: BTreeMap<String, String>,
}

impl Engine {
    /// Names the class fact that has to be the spec's class of device.
    pub const DEVICE: &str = "device";
    /// Names the class fact that is the version of the device's driver.
    pub const DRIVER: &str = "driver";
    /// Names the note that is the device's serial number, which no two have.
    pub const SERIAL: &str = "serial";
}
