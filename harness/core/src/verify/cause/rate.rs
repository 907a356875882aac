//! Was another learning rate used?

use super::trial::{Outcome, Trial};
use super::{Divergent, Inquiry};
use crate::state::{DType, State};
use crate::trainer::Request;
use crate::variation::Variation;
use crate::verify::divergence::StepDivergence;
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Factors that are tried first.
const USUAL: [f64; 12] = [2.0, 0.5, 10.0, 0.1, 0.0, 1.05, 0.95, 1.1, 0.9, 1.5, 5.0, -1.0];
/// Factors between which the next step's loss is looked at.
const GRID: [f64; 18] = [
    -10.0, -3.0, -0.75, -0.25, 0.0, 0.25, 0.5, 0.8, 0.95, 0.99, 1.01, 1.05, 1.25, 2.0, 3.0, 6.0,
    15.0, 100.0,
];
/// Halvings of an interval.
const HALVINGS: u32 = 30;
/// Significant digits of the factors that are tried near an estimate.
const DIGITS: std::ops::RangeInclusive<i32> = 1..=7;
/// How near to an estimate by the state a usual factor has to be to be tried.
const USUAL_NEAR: f64 = 0.01;
/// Roundings of a weight that an update by another rate may be off by, in units
/// of the last place.
const ROUNDINGS: f64 = 8.0;
/// Rates next to an estimate, in units of the last place, that are tried.
const ULPS: i32 = 24;

impl Inquiry<'_> {
    /// Takes the rate that was recorded.
    pub(super) fn seek_recorded_rate(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let bits = divergent.recorded.learning_rate_bits;
        // JSON has no word for what is no finite number.
        let factor = f64::from_bits(bits) / self.declared_rate(divergent.step);
        let factor = Some(factor).filter(|factor| factor.is_finite());
        let variation = Variation { learning_rate_bits: Some(bits), ..Variation::default() };
        let trial = Trial {
            recorded_rate_bits: Some(bits),
            ..Trial::varied(Cause::LearningRateRecorded { factor }, variation)
        };
        Ok(self.attempt(divergent, &trial)?.then_some(trial))
    }

    /// Solves for the factor: by the recorded state after the step where it was
    /// stored, or else by the loss of the next step.
    pub(super) fn seek_rate(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let declared = self.declared_rate(divergent.step);
        if let Some(recorded) = self.recorded_after(divergent.step)? {
            let Some(estimate) = self.by_state(divergent, &recorded)? else { return Ok(None) };
            let usual = USUAL.into_iter().filter(|usual| (usual - estimate).abs() < USUAL_NEAR);
            let usual = usual.map(|factor| rate(factor, declared));
            return self.first_of(divergent, usual.chain(near(estimate, declared)));
        }
        let mut bounds = (f64::NEG_INFINITY, f64::INFINITY);
        for factor in USUAL {
            let trial = rate(factor, declared);
            match self.outcome(divergent, &trial)? {
                Outcome::Holds => return Ok(Some(trial)),
                Outcome::Differs(found) => narrow(&mut bounds, factor, divergent, &found),
                Outcome::NotTried => return Ok(None),
            }
        }
        for estimate in self.by_loss(divergent, bounds)? {
            if let Some(trial) = self.first_of(divergent, near(estimate, declared))? {
                return Ok(Some(trial));
            }
        }
        Ok(None)
    }

    /// Fits the recorded update by a multiple of the replayed one, by least
    /// squares; none if it is no multiple, as no rate gives it then.
    fn by_state(
        &mut self,
        divergent: &Divergent,
        recorded: &State,
    ) -> Result<Option<f64>, ReplayError> {
        let Some(replayed) = self.honest_after(divergent)? else { return Ok(None) };
        let names = &divergent.found.tensors;
        let of = |state| names.iter().flat_map(move |name| floats(state, name));
        let weights = || {
            of(&divergent.before).zip(of(&replayed)).zip(of(recorded)).map(|((a, b), c)| [a, b, c])
        };
        let (mut product, mut square) = (0.0, 0.0);
        for [before, ours, theirs] in weights() {
            product += (theirs - before) * (ours - before);
            square += (ours - before).powi(2);
        }
        let factor = product / square;
        let (mut off, mut rounding) = (0.0, 0.0);
        for [before, ours, theirs] in weights() {
            off += (theirs - before - factor * (ours - before)).powi(2);
            let size = (before.abs() + ours.abs() + theirs.abs()) * (1.0 + factor.abs());
            rounding += (ROUNDINGS * f64::from(f32::EPSILON) * size).powi(2);
        }
        Ok(Some(factor).filter(|factor| factor.is_finite() && off <= rounding))
    }

    /// Finds the factors with which the next step begins with the recorded
    /// loss, between two bounds.
    fn by_loss(
        &mut self,
        divergent: &Divergent,
        (low, high): (f64, f64),
    ) -> Result<Vec<f64>, ReplayError> {
        let wanted = self.recorded(divergent.step + 1)?.loss();
        let mut off = Vec::new();
        for factor in GRID.into_iter().filter(|factor| (low..=high).contains(factor)) {
            let Some(loss) = self.next_loss(divergent, factor)? else { return Ok(Vec::new()) };
            off.push((factor, loss - wanted));
        }
        let mut found = Vec::new();
        for pair in off.windows(2) {
            let [(low, below), (high, above)] = [pair[0], pair[1]];
            if below == 0.0 {
                found.push(low);
            } else if (below < 0.0) != (above < 0.0) {
                found.push(self.halve(divergent, wanted, (low, below), high)?);
            }
        }
        Ok(found)
    }

    fn halve(
        &mut self,
        divergent: &Divergent,
        wanted: f32,
        (mut low, below): (f64, f32),
        mut high: f64,
    ) -> Result<f64, ReplayError> {
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            let Some(loss) = self.next_loss(divergent, middle)? else { break };
            let off = loss - wanted;
            if off == 0.0 {
                return Ok(middle);
            }
            *(if (off < 0.0) == (below < 0.0) { &mut low } else { &mut high }) = middle;
        }
        Ok((low + high) / 2.0)
    }

    /// Returns the loss of the step after, if this one had used that rate; none
    /// if the search has to end.
    fn next_loss(
        &mut self,
        divergent: &Divergent,
        factor: f64,
    ) -> Result<Option<f32>, ReplayError> {
        if !self.may_take(2) {
            return Ok(None);
        }
        self.trials += 1;
        self.in_vain += 2;
        let rate = self.declared_rate(divergent.step) * factor;
        self.trainer.restore(&divergent.before)?;
        self.take(divergent.step, &Request::varied(Variation::learning_rate(rate)))?;
        Ok(Some(self.take(divergent.step + 1, &Request::default())?.loss()))
    }
}

/// A factor that moves a tensor which the recording has as the declared rate
/// gives it is too far from 1, and so is everything beyond.
fn narrow(bounds: &mut (f64, f64), factor: f64, divergent: &Divergent, found: &StepDivergence) {
    let moves = |name| !divergent.found.tensors.contains(name);
    if !found.tensors.iter().any(moves) {
        return;
    }
    if factor < 1.0 {
        bounds.0 = bounds.0.max(factor);
    } else {
        bounds.1 = bounds.1.min(factor);
    }
}

fn rate(factor: f64, declared: f64) -> Trial {
    let variation = Variation::learning_rate(declared * factor);
    Trial::varied(Cause::LearningRate { factor }, variation)
}

/// Lists factors near an estimate: short decimals first, then the rates that an
/// `f32` can hold.
fn near(estimate: f64, declared: f64) -> Vec<Trial> {
    let mut trials: Vec<Trial> = DIGITS
        .flat_map(|digits| decimals(estimate, digits))
        .map(|factor| rate(factor, declared))
        .collect();
    let bits = ((declared * estimate) as f32).to_bits();
    for ulps in (0..=ULPS).flat_map(|far| [far, -far]) {
        let used = f64::from(f32::from_bits(bits.wrapping_add(ulps as u32)));
        let cause = Cause::LearningRate { factor: used / declared };
        trials.push(Trial::varied(cause, Variation::learning_rate(used)));
    }
    trials
}

/// Rounds to so many significant digits, and to the decimals beside.
fn decimals(value: f64, digits: i32) -> Vec<f64> {
    let magnitude = value.abs().log10().floor();
    if !magnitude.is_finite() {
        return Vec::new();
    }
    let decimals = digits - 1 - magnitude as i32;
    let round = |value: f64| format!("{value:.*}", decimals.clamp(0, 12) as usize);
    let unit = 10f64.powi(-decimals);
    let values = [value, value - unit, value + unit].map(|value| round(value).parse().ok());
    values.into_iter().flatten().collect()
}

fn floats(state: &State, name: &str) -> Vec<f64> {
    let found = state.tensor(name).filter(|(spec, _)| spec.dtype == DType::F32);
    let bytes = found.map_or(&[][..], |(_, bytes)| bytes);
    bytes.as_chunks().0.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_decimals_are_near() {
        assert_eq!(decimals(1.049_97, 3), [1.05, 1.04, 1.06]);
        assert_eq!(decimals(0.312, 1), [0.3, 0.2, 0.4]);
        assert_eq!(decimals(7.3, 1), [7.0, 6.0, 8.0]);
        assert!(decimals(f64::NAN, 3).is_empty() && decimals(0.0, 3).is_empty());
    }
}
