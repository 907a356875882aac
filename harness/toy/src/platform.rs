//! What the toy program computes with.

use reenact_core::machine::{DeviceReport, Kernels, OperationOutcome, OperationProbe};
use reenact_core::state::fingerprint;
use reenact_core::trainer::{Engine, Platform, Setting, TrainerError};

use crate::device::ToyDevice;
use crate::points::Points;
use crate::unsteady;

/// Computes on the toy's devices, in plain Rust.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToyPlatform;

impl Platform for ToyPlatform {
    fn engine(&self, setting: &Setting) -> Result<Engine, TrainerError> {
        let class = ToyDevice::open(&setting.device)?.class();
        Ok(Engine { class, notes: Default::default() })
    }

    fn devices(&self, setting: &Setting) -> Vec<DeviceReport> {
        vec![self.report(&Setting { device: "cpu".into(), ..setting.clone() })]
    }

    fn operations(
        &self,
        setting: &Setting,
        kernels: &Kernels,
    ) -> Result<Option<Vec<OperationProbe>>, TrainerError> {
        self.engine(setting)?;
        Ok((*kernels == Kernels::Free).then(operations))
    }
}

/// Lists what the toy computes with, and one operation that is never the same, so
/// that a table which calls everything deterministic is seen to be wrong.
fn operations() -> Vec<OperationProbe> {
    let all = || Points::TRAINED.numbers().flat_map(|number| Points::point(number).0);
    let output = |value: f32| Ok(OperationOutcome::output(fingerprint(&value.to_le_bytes())));
    vec![
        OperationProbe::new("sum", move || output(all().sum())),
        OperationProbe::new("product", move || output(all().map(|x| 1.0 + x / 64.0).product())),
        OperationProbe::new("random (a control: it has to be unsafe)", || {
            Ok(OperationOutcome::output(unsteady::fresh()))
        }),
    ]
}
