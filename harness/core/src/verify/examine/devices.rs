//! Comparing the devices that trained with the declared class.

use crate::sanitize::plain;
use crate::trainer::Engine;
use crate::verify::finding::{Finding, Place};
use crate::verify::recording::Recording;

/// A run declared for one class of device and trained on another is not the
/// declared one.
pub(in crate::verify) fn check_devices(recording: &Recording<'_>) -> Vec<Finding> {
    let declared = recording.spec.device.name();
    let environments = recording.history.environments.iter();
    let device = |engine: &Engine| engine.class.get(Engine::DEVICE).cloned().unwrap_or_default();
    environments
        .map(|(step, found)| (step, device(&found.engine)))
        .filter(|(_, device)| device != declared)
        .map(|(&step, device)| {
            let device = plain(&device);
            let problem = format!("it was trained on `{device}`; the spec declares `{declared}`");
            Finding::divergent(Place::step(step), problem)
        })
        .collect()
}
