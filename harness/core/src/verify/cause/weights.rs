//! Were weights written after the update?

use super::trial::{Edit, Trial};
use super::{Divergent, Inquiry};
use crate::state::{DType, State, fingerprint};
use crate::verify::delta::Delta;
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Units in the last place on either side that are tried for each element, at
/// most.
const ULPS_MAX: u64 = 1 << 16;
/// Bytes that may be fingerprinted to find an element.
const BYTES_MAX: u64 = 1 << 33;

impl Inquiry<'_> {
    /// Compares with the recorded state where it was stored; elsewhere looks
    /// for one element of one tensor that is a little off.
    ///
    /// Only the weights differ, with the same gradient and the same moments: no
    /// update gives that, whatever its learning rate.
    pub(super) fn seek_weight(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let names = divergent.found.tensors.clone();
        if names.len() > 1 && !self.is_stored_after(divergent.step) {
            return Ok(None);
        }
        let Some(after) = self.honest_after(divergent)? else { return Ok(None) };
        let trial = match self.recorded_after(divergent.step)? {
            Some(recorded) => Some(adopted(&after, &recorded, names)),
            None => match &names[..] {
                [name] => self.one_element(divergent, &after, name),
                _ => None,
            },
        };
        let Some(trial) = trial else { return Ok(None) };
        Ok(self.attempt(divergent, &trial)?.then_some(trial))
    }

    fn one_element(&self, divergent: &Divergent, after: &State, name: &str) -> Option<Trial> {
        let wanted = self.print_of(name, divergent)?;
        let (spec, honest) = after.tensor(name)?;
        let each = honest.len() as u64 * (honest.len() as u64 / 4) * 2;
        if spec.dtype != DType::F32 || each == 0 {
            return None;
        }
        let ulps_max = (BYTES_MAX / each).min(ULPS_MAX) as u32;
        let mut bytes = honest.to_vec();
        for ulps in (1..=ulps_max).flat_map(|ulps| [ulps, ulps.wrapping_neg()]) {
            for (index, was) in honest.as_chunks::<4>().0.iter().enumerate() {
                let place = 4 * index..4 * index + 4;
                let bits = u32::from_le_bytes(*was).wrapping_add(ulps);
                bytes[place.clone()].copy_from_slice(&bits.to_le_bytes());
                if fingerprint(&bytes) == wanted {
                    let what = format!("element [{index}] of `{name}` by {} ulp", ulps as i32);
                    return Some(written(name.to_owned(), bytes, what));
                }
                bytes[place].copy_from_slice(was);
            }
        }
        None
    }
}

fn written(name: String, bytes: Vec<u8>, what: String) -> Trial {
    let edit = move |state: &State| {
        let mut state = state.clone();
        if let Some(tensor) = state.tensor_mut(&name) {
            tensor.copy_from_slice(&bytes);
        }
        state
    };
    Trial::edited_after(Cause::WeightsWritten { what }, Box::new(edit))
}

/// Puts the recorded tensors in.
fn adopted(after: &State, recorded: &State, names: Vec<String>) -> Trial {
    let deltas = names.iter().filter_map(|name| Delta::between(after, recorded, name));
    let what = Delta::describe(&deltas.collect::<Vec<_>>());
    Trial::edited_after(Cause::WeightsWritten { what }, put_in(recorded, names))
}

/// Returns the edit that puts these tensors of the recorded state in.
pub(super) fn put_in(recorded: &State, names: Vec<String>) -> Edit {
    let recorded = recorded.clone();
    Box::new(move |state: &State| {
        let mut state = state.clone();
        for name in &names {
            let theirs = recorded.tensor(name).map(|(_, bytes)| bytes);
            let pair = theirs.zip(state.tensor_mut(name));
            if let Some((theirs, ours)) = pair.filter(|(a, b)| a.len() == b.len()) {
                ours.copy_from_slice(theirs);
            }
        }
        state
    })
}
