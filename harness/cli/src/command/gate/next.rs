//! What to type after a gate.

use std::path::Path;

use reenact_core::sanitize::quoted;
use reenact_gate::{Arm, ArmFound, Judgement, SpecFound};

/// Fills in the next command of each arm that does not pass.
pub(super) fn fill(found: &mut SpecFound, path: &Path, pending: Option<&Path>) {
    let waits = found.pending.is_some();
    for arm in found.arms.iter_mut().filter(|arm| arm.state != Judgement::Pass) {
        arm.next = Some(next(arm, path, waits, pending));
    }
}

fn next(arm: &ArmFound, path: &Path, waits: bool, pending: Option<&Path>) -> String {
    let spec = quoted(&path.to_string_lossy());
    match arm.arm {
        Arm::Baseline if waits => {
            let from =
                pending.map(|folder| format!(" --from {}", quoted(&folder.to_string_lossy())));
            format!(
                "if that is meant: reenact gate accept {spec}{} --reason TEXT",
                from.unwrap_or_default()
            )
        }
        Arm::Repeat | Arm::Resume | Arm::Baseline => format!("reenact doctor {spec}"),
        Arm::Old => "reenact audit RUN --sample all --report DIR".into(),
        Arm::Canary => format!("reenact gate {spec} --arms canary"),
    }
}
