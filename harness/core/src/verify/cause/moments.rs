//! Were the optimizer's moments scaled?

use super::trial::Trial;
use super::{Divergent, Inquiry};
use crate::state::{DType, Fingerprint, State, fingerprint};
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Thousandths up to which a factor is tried, on either side of zero.
const THOUSANDTHS_MAX: i32 = 20_000;

impl Inquiry<'_> {
    /// Finds the factor by the smallest tensor that differs, then tries it on
    /// all of them.
    pub(super) fn seek_moments(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let Some(after) = self.honest_after(divergent)? else { return Ok(None) };
        let Some(smallest) = smallest(&after, &divergent.found.tensors) else { return Ok(None) };
        let Some(wanted) = self.print_of(&smallest, divergent) else { return Ok(None) };
        let values = floats(&after, &smallest);
        let fits = |factor: &f32| scaled_print(&values, *factor) == wanted;
        let Some(factor) = factors().find(fits) else { return Ok(None) };
        let names = divergent.found.tensors.clone();
        let cause = Cause::MomentsScaled { factor, tensors: names.len() as u64 };
        let trial =
            Trial::edited_after(cause, Box::new(move |state| scaled(state, &names, factor)));
        Ok(self.attempt(divergent, &trial)?.then_some(trial))
    }

    /// Returns the recorded fingerprint of a tensor after the step.
    pub(super) fn print_of(&self, name: &str, divergent: &Divergent) -> Option<Fingerprint> {
        let layouts = self.recording.history.layouts(divergent.step)?;
        let place = layouts.state.position(name)?;
        divergent.recorded.state.get(place).copied()
    }
}

/// Lists factors, likely ones first: zero, hundredths, thousandths, powers of
/// ten.
fn factors() -> impl Iterator<Item = f32> {
    let hundredths = (0..=THOUSANDTHS_MAX / 10).map(|part| f64::from(part) / 100.0);
    let thousandths = (0..=THOUSANDTHS_MAX).map(|part| f64::from(part) / 1000.0);
    let powers = (-12..=12).map(|power| 10f64.powi(power));
    let all = hundredths.chain(thousandths).chain(powers);
    all.flat_map(|factor| [factor as f32, -factor as f32])
}

/// Names the smallest tensor that holds anything but zeros.
fn smallest(state: &State, names: &[String]) -> Option<String> {
    let differing = state.tensors().filter(|(spec, bytes)| {
        spec.dtype == DType::F32
            && names.contains(&spec.name)
            && bytes.iter().any(|byte| *byte != 0)
    });
    differing.min_by_key(|(_, bytes)| bytes.len()).map(|(spec, _)| spec.name.clone())
}

fn floats(state: &State, name: &str) -> Vec<f32> {
    let bytes = state.tensor(name).map_or(&[][..], |(_, bytes)| bytes);
    bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn scaled_print(values: &[f32], factor: f32) -> Fingerprint {
    let bytes: Vec<u8> = values.iter().flat_map(|value| (value * factor).to_le_bytes()).collect();
    fingerprint(&bytes)
}

fn scaled(state: &State, names: &[String], factor: f32) -> State {
    let mut state = state.clone();
    for name in names {
        let floats = state.tensor(name).is_some_and(|(spec, _)| spec.dtype == DType::F32);
        let bytes = state.tensor_mut(name).filter(|_| floats).unwrap_or_default();
        for element in bytes.as_chunks_mut().0 {
            *element = (f32::from_le_bytes(*element) * factor).to_le_bytes();
        }
    }
    state
}
