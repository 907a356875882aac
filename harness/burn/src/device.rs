//! Devices, by the names that a user gives.

use std::collections::BTreeMap;

use burn::tensor::Device;
use reenact_core::machine::DeviceReport;
use reenact_core::trainer::{Engine, Setting, TrainerError};

use crate::processor;

/// The version that is pinned in the workspace. Another burn is another
/// arithmetic.
const BURN: &str = "burn 0.22.1";

/// Holds one device in both its forms.
#[derive(Clone, Debug)]
pub(crate) struct Devices {
    /// Records what is computed, for gradients.
    pub(crate) training: Device,
    /// Only computes.
    pub(crate) plain: Device,
}

/// Lists the devices of this build. A GPU backend adds a line here, an arm in
/// [`open`] and one in [`engine`]; what it lacks on a machine, a driver say, it says
/// in [`reports`] with [`DeviceReport::unusable`].
const NAMES: [&str; 1] = ["cpu"];

/// Opens the device and starts the threads that the setting asks for.
pub(crate) fn open(setting: &Setting) -> Result<Devices, TrainerError> {
    let plain = match setting.device.as_str() {
        "cpu" => Device::flex(),
        _ => return Err(unknown(setting)),
    };
    // The first setting of a process wins: there is one pool, and it cannot be
    // resized. The number of threads does not decide the bits.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(setting.threads.max(1)).build_global();
    Ok(Devices { training: plain.clone().autodiff(), plain })
}

/// Says what computes.
pub(crate) fn engine(setting: &Setting) -> Result<Engine, TrainerError> {
    let mut class = match setting.device.as_str() {
        "cpu" => processor::class(),
        _ => return Err(unknown(setting)),
    };
    let mut notes = processor::notes();
    class.insert(Engine::DEVICE.into(), "cpu".into());
    class.insert("engine".into(), BURN.into());
    class.insert("backend".into(), "flex".into());
    notes.insert("threads".into(), setting.threads.max(1).to_string());
    Ok(Engine { class, notes })
}

/// Says for each device whether it can be used here.
pub(crate) fn reports(setting: &Setting) -> Vec<DeviceReport> {
    let report = |name: &str| {
        let setting = Setting { device: name.into(), ..setting.clone() };
        DeviceReport::of(name, engine(&setting))
    };
    NAMES.into_iter().map(report).collect()
}

/// Collects facts by name.
pub(crate) type Facts = BTreeMap<String, String>;

fn unknown(setting: &Setting) -> TrainerError {
    TrainerError::Device {
        name: setting.device.chars().take(40).collect(),
        problem: format!("this build has: {}", NAMES.join(", ")),
    }
}
