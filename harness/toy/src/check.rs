//! What of a spec the toy knows.

use reenact_core::spec::{Combination, OptimizerSpec, Precision, Spec};
use reenact_core::trainer::TrainerError;

/// Refuses what the toy does not do.
pub(crate) fn declared(spec: &Spec) -> Result<(), TrainerError> {
    let known = match spec.optimizer {
        OptimizerSpec::Sgd { nesterov, weight_decay, .. } => !nesterov && weight_decay == 0.0,
        OptimizerSpec::AdamW { .. } | OptimizerSpec::Engine { .. } => false,
    };
    let plain = spec.groups.is_empty()
        && spec.clipping.is_none()
        && spec.average.is_none()
        && spec.start.is_none()
        && spec.program.precision == Precision::F32
        && spec.batch.combination == Combination::Mean;
    if known && plain {
        return Ok(());
    }
    Err(TrainerError::Hyperparameter(format!(
        "`optimizer.kind = {:?}`: this program knows only `sgd` without nesterov, weight decay and \
         clipping, and no groups, average, start, other precision or combination of micro-batches",
        spec.optimizer.kind()
    )))
}
