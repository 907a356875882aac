//! Where to compute.

use std::ffi::OsString;

use reenact_core::spec::{DeviceClass, Spec};
use reenact_core::trainer::Setting;
use serde::{Deserialize, Serialize};

/// The device that is taken where nobody names one.
pub const USUAL_DEVICE: &str = "cpu";

/// Says where to compute, and where the data lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Name of the device: `cpu`, `cuda:0`, ...; none for the first of the spec's class.
    pub device: Option<String>,
    /// Folder with the files of data sets that do not come with a program. It need not be
    /// text.
    pub data_dir: OsString,
}

impl Device {
    /// Returns the setting of a training.
    pub fn setting(&self, spec: &Spec, threads: usize) -> Setting {
        let device = self.device.as_deref().unwrap_or(spec.device.first_device());
        Setting { precision: spec.program.precision, ..self.on(device, threads) }
    }

    /// Returns the setting where there is no spec.
    pub fn bare_setting(&self, threads: usize) -> Setting {
        self.on(self.device.as_deref().unwrap_or(USUAL_DEVICE), threads)
    }

    fn on(&self, device: &str, threads: usize) -> Setting {
        Setting { data_dir: (&self.data_dir).into(), ..Setting::new(device, threads) }
    }

    /// Declares this device instead of the spec's.
    pub fn declare(&self, mut spec: Spec) -> Spec {
        let named = self.device.as_deref().and_then(DeviceClass::of_device);
        spec.device = named.unwrap_or(spec.device);
        spec
    }
}
