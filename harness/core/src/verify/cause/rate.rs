//! Was another learning rate used?

use super::super::explanation::Cause;
use super::super::replay::ReplayError;
use super::trial::Trial;
use super::{Divergent, Inquiry};
use crate::state::{DType, State};
use crate::variation::Variation;

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
/// Rates next to an estimate, in units of the last place, that are tried.
const ULPS: i32 = 24;

impl Inquiry<'_> {
    /// Takes the rate that was recorded.
    pub(super) fn seek_recorded_rate(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let bits = divergent.recorded.learning_rate_bits;
        let factor = f64::from_bits(bits) / self.declared_rate(divergent.step);
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
        let usual = USUAL.into_iter().map(|factor| rate(factor, declared));
        if let Some(trial) = self.first_of(divergent, usual)? {
            return Ok(Some(trial));
        }
        let estimates = match self.recorded_after(divergent.step)? {
            Some(recorded) => self.by_state(divergent, &recorded)?.into_iter().collect(),
            None => self.by_loss(divergent)?,
        };
        for estimate in estimates {
            let near = near(estimate, declared).into_iter();
            if let Some(trial) = self.first_of(divergent, near)? {
                return Ok(Some(trial));
            }
        }
        Ok(None)
    }

    /// Fits the recorded update by a multiple of the replayed one, by least
    /// squares.
    fn by_state(
        &mut self,
        divergent: &Divergent,
        recorded: &State,
    ) -> Result<Option<f64>, ReplayError> {
        let replayed = self.honest_after(divergent)?;
        let (mut product, mut square) = (0.0, 0.0);
        for name in &divergent.found.tensors {
            let of = |state| floats(state, name);
            let (before, ours, theirs) = (of(&divergent.before), of(&replayed), of(recorded));
            for ((before, ours), theirs) in before.iter().zip(&ours).zip(&theirs) {
                product += (theirs - before) * (ours - before);
                square += (ours - before).powi(2);
            }
        }
        Ok(Some(product / square).filter(|factor| factor.is_finite()))
    }

    /// Finds the factors with which the next step begins with the recorded
    /// loss.
    fn by_loss(&mut self, divergent: &Divergent) -> Result<Vec<f64>, ReplayError> {
        let wanted = self.recorded(divergent.step + 1)?.loss();
        let mut off = Vec::new();
        for factor in GRID {
            off.push((factor, self.next_loss(divergent, factor)? - wanted));
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
            let off = self.next_loss(divergent, middle)? - wanted;
            if off == 0.0 {
                return Ok(middle);
            }
            *(if (off < 0.0) == (below < 0.0) { &mut low } else { &mut high }) = middle;
        }
        Ok((low + high) / 2.0)
    }

    /// Returns the loss of the step after, if this one had used that rate.
    fn next_loss(&mut self, divergent: &Divergent, factor: f64) -> Result<f32, ReplayError> {
        let rate = self.declared_rate(divergent.step) * factor;
        self.trials += 1;
        self.trainer.restore(&divergent.before)?;
        self.take(divergent.step, &Variation::learning_rate(rate))?;
        Ok(self.take(divergent.step + 1, &Variation::default())?.loss())
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
