//! Was the gradient or the update another one?

use super::trial::Trial;
use super::{Divergent, Inquiry};
use crate::attack::forget_moments;
use crate::variation::Variation;
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Bits of the mantissa of the number formats that kernels compute in, then of
/// all others.
const MANTISSAS: [u32; 22] =
    [10, 7, 3, 2, 1, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

/// Lets the optimizer begin anew.
pub(super) fn forgotten() -> Trial {
    Trial::edited_before(Cause::MomentsForgotten, Box::new(forget_moments))
}

impl Inquiry<'_> {
    /// Tries gradients of lower precision.
    pub(super) fn seek_precision(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let trials = MANTISSAS.into_iter().map(|mantissa_bits| {
            let variation =
                Variation { mantissa_bits: Some(mantissa_bits), ..Variation::default() };
            Trial::varied(Cause::LowerPrecision { mantissa_bits }, variation)
        });
        self.first_of(divergent, trials)
    }

    /// Tries what can happen between an honest gradient and the state after the
    /// step.
    pub(super) fn seek_update(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        match self.seek_known_update(divergent)? {
            Some(trial) => Ok(Some(trial)),
            None => self.seek_likeness(divergent),
        }
    }

    fn seek_known_update(&mut self, divergent: &Divergent) -> Result<Option<Trial>, ReplayError> {
        if divergent.only("optimizer.") {
            return self.seek_moments(divergent);
        }
        let negated = Variation { negated: true, ..Variation::default() };
        let unclipped = Variation { unclipped: true, ..Variation::default() };
        let clipped = self.recording.spec.clipping.is_some();
        let mut trials = vec![Trial::varied(Cause::SignFlipped, negated), forgotten()];
        trials.extend(clipped.then(|| Trial::varied(Cause::ClippingSkipped, unclipped)));
        if let Some(trial) = self.first_of(divergent, trials)? {
            return Ok(Some(trial));
        }
        // Another rate or an edit leaves the optimizer's own tensors alone.
        if !divergent.only("model.") {
            return Ok(None);
        }
        match divergent.found.tensors.len() {
            1 => match self.seek_weight(divergent)? {
                Some(trial) => Ok(Some(trial)),
                None => self.seek_rate(divergent),
            },
            _ => match self.seek_rate(divergent)? {
                Some(trial) => Ok(Some(trial)),
                None => self.seek_weight(divergent),
            },
        }
    }
}
