//! What computes, apart from any program.

use super::{Engine, Setting, TrainerError};
use crate::machine::{DeviceReport, Influence, Kernels, OperationProbe};

/// Says what computes: an engine with the devices that it knows. Programs of one engine
/// share it.
///
/// Only [`engine`](Self::engine) has to be there; an engine that says nothing more still
/// records and replays.
pub trait Platform: Send + Sync {
    /// Returns what the engine and the setting's device are, for the environment.
    ///
    /// # Errors
    /// [`TrainerError::Device`] if there is no such device, or it cannot be used.
    fn engine(&self, setting: &Setting) -> Result<Engine, TrainerError>;

    /// Says whether the setting's device can be used here, as the engine describes it.
    fn report(&self, setting: &Setting) -> DeviceReport {
        let name = &setting.device;
        match self.engine(setting) {
            Ok(engine) => DeviceReport::usable(name, engine),
            Err(TrainerError::Device { problem, .. }) => DeviceReport::unusable(name, problem, ""),
            Err(error) => DeviceReport::unusable(name, error, ""),
        }
    }

    /// Lists the devices that this build knows, also those that cannot be used
    /// here, with the reason. The setting's own device is only a hint. By default
    /// that one alone.
    fn devices(&self, setting: &Setting) -> Vec<DeviceReport> {
        vec![self.report(setting)]
    }

    /// Lists variables and files that could change what the engine or a library
    /// below it computes, with what they do here. By default none.
    fn influences(&self) -> Vec<Influence> {
        Vec::new()
    }

    /// Returns operations of the engine to be run by themselves on the setting's
    /// device, ready with their input. With [`Kernels::Free`], none if the engine
    /// has no such list; with [`Kernels::Pinned`], none if it never chooses a
    /// kernel by measuring, so that there is nothing to pin. By default none.
    ///
    /// # Errors
    /// [`TrainerError::Device`] if the device cannot be used.
    fn operations(
        &self,
        _setting: &Setting,
        _kernels: &Kernels,
    ) -> Result<Option<Vec<OperationProbe>>, TrainerError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that has one device.
    struct One;

    impl Platform for One {
        fn engine(&self, setting: &Setting) -> Result<Engine, TrainerError> {
            match setting.device.as_str() {
                "cpu" => Ok(Engine { class: Default::default(), notes: Default::default() }),
                name => {
                    Err(TrainerError::Device { name: name.into(), problem: "no driver".into() })
                }
            }
        }
    }

    #[test]
    fn an_engines_refusal_is_its_problem() {
        let refused = One.report(&Setting::new("cuda:0", 1));
        assert_eq!(refused, DeviceReport::unusable("cuda:0", "no driver", ""));
        assert!(!refused.is_usable());
        let usual = One.devices(&Setting::new("cpu", 1));
        assert!(usual.len() == 1 && usual[0].name == "cpu" && usual[0].is_usable());
    }
}
