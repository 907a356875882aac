//! What this machine and this build have.

use reenact_audit::{Failure, USUAL_DEVICE, available_threads, environment_of};
use reenact_core::machine::DeviceReport;
use reenact_core::trainer::{Engine, Program};
use serde::Serialize;

use super::Arguments;

/// Describes machine and build.
#[derive(Serialize)]
pub(super) struct Machine {
    pub(super) reenact: String,
    pub(super) rustc: String,
    pub(super) lock: String,
    pub(super) binary: String,
    pub(super) system: String,
    /// Threads that run at once.
    pub(super) threads: usize,
    pub(super) engines: Vec<EngineDevices>,
}

/// Holds the devices of the programs that share them.
#[derive(Serialize)]
pub(super) struct EngineDevices {
    pub(super) programs: Vec<String>,
    pub(super) devices: Vec<DeviceReport>,
}

impl Machine {
    /// Looks at the machine with the eyes of these programs.
    pub(super) fn look(programs: &[&dyn Program], arguments: &Arguments) -> Result<Self, Failure> {
        let none = Engine { class: Default::default(), notes: Default::default() };
        let build = environment_of(none)?;
        let wanted = arguments.device.as_deref();
        let mut engines: Vec<EngineDevices> = Vec::new();
        for program in programs {
            let devices = devices(*program, arguments)?;
            match engines.iter_mut().find(|engine| engine.devices == devices) {
                Some(engine) => engine.programs.push(program.name().into()),
                None => {
                    engines.push(EngineDevices { programs: vec![program.name().into()], devices });
                }
            }
        }
        if let Some(wanted) = wanted {
            keep(&mut engines, wanted)?;
        }
        Ok(Self {
            lock: build.lock_text(),
            reenact: build.reenact,
            rustc: build.rustc,
            binary: build.binary.to_string(),
            system: build.system,
            threads: available_threads(),
            engines,
        })
    }

    pub(super) fn has_usable_device(&self) -> bool {
        self.engines.iter().flat_map(|engine| &engine.devices).any(DeviceReport::is_usable)
    }
}

fn devices(program: &dyn Program, arguments: &Arguments) -> Result<Vec<DeviceReport>, Failure> {
    let name = arguments.device.as_deref().unwrap_or(USUAL_DEVICE);
    let setting = arguments.device(name).bare_setting(available_threads());
    let mut devices = program.platform().devices(&setting);
    // The doctor names each once; a program is not trusted to.
    let mut seen = std::collections::BTreeSet::new();
    devices.retain(|device| seen.insert(device.name.clone()));
    Ok(devices)
}

/// Keeps the device that the user asked for.
fn keep(engines: &mut Vec<EngineDevices>, wanted: &str) -> Result<(), Failure> {
    let all = engines.iter().flat_map(|engine| &engine.devices);
    let known: std::collections::BTreeSet<String> = all.map(|found| found.name.clone()).collect();
    if !known.contains(wanted) {
        let known: Vec<String> = known.into_iter().collect();
        let wanted: String = wanted.chars().take(40).collect();
        return Err(Failure::inconclusive(format!(
            "device `{wanted}`: this build has no such one"
        ))
        .hint(format!("it has {}", known.join(", "))));
    }
    for engine in engines.iter_mut() {
        engine.devices.retain(|device| device.name == wanted);
    }
    engines.retain(|engine| !engine.devices.is_empty());
    Ok(())
}
