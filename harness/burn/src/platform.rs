//! burn with its devices, apart from any training.

use reenact_core::machine::{DeviceReport, Influence, Kernels, OperationProbe};
use reenact_core::trainer::{Engine, Platform, Setting, TrainerError};

use crate::{device, influence, operations};

/// Computes with burn, on the devices that this build knows.
///
/// [`Burn`](crate::Burn) returns it. So does a program of one's own whose trainer computes
/// with burn:
///
/// ```
/// use reenact_burn::BurnPlatform;
/// use reenact_core::trainer::{Platform, Setting};
///
/// let engine = BurnPlatform.engine(&Setting::new("cpu", 1)).unwrap();
/// assert_eq!(engine.class["backend"], "flex");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BurnPlatform;

impl Platform for BurnPlatform {
    fn engine(&self, setting: &Setting) -> Result<Engine, TrainerError> {
        device::engine(setting)
    }

    fn devices(&self, setting: &Setting) -> Vec<DeviceReport> {
        let on = |device| self.report(&Setting { device, ..setting.clone() });
        device::known().into_iter().map(on).collect()
    }

    fn influences(&self) -> Vec<Influence> {
        influence::all()
    }

    fn operations(
        &self,
        setting: &Setting,
        kernels: &Kernels,
    ) -> Result<Option<Vec<OperationProbe>>, TrainerError> {
        operations::all(setting, kernels)
    }
}
