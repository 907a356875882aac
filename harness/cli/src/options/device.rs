//! Where to compute.

use std::path::PathBuf;

use clap::Args;
use reenact_audit::Device;

/// Says where to compute.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeviceOptions {
    /// Device, such as `cpu` or `cuda:0` [default: as the spec says]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Folder with files of data
    #[arg(long, default_value = ".", value_name = "DIR")]
    data_dir: PathBuf,
}

impl DeviceOptions {
    /// Returns the device.
    pub(crate) fn device(&self) -> Device {
        Device { device: self.device.clone(), data_dir: self.data_dir.clone().into() }
    }
}
