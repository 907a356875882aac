//! What a stored state is like, where nothing that a training does gives it.

use super::trial::Trial;
use super::weights::put_in;
use super::{Divergent, Inquiry};
use crate::state::{DType, State};
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Tensors that are named.
const NAMED_MAX: usize = 4;
const SIGN: u32 = 1 << 31;

impl Inquiry<'_> {
    /// Compares the state that was stored after the step with the honest one. Only what a
    /// tensor is like is said, and nothing if no tensor is like anything.
    pub(super) fn seek_likeness(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let names = &divergent.found.tensors;
        // Where most tensors differ, it is another state, and a step is saved.
        if 2 * names.len() > divergent.recorded.state.len() {
            return Ok(None);
        }
        let Some(recorded) = self.recorded_after(divergent.step)? else { return Ok(None) };
        let Some(honest) = self.honest_after(divergent)? else { return Ok(None) };
        let opening = load_opening(self)?;
        let Some(what) = described(&honest, &recorded, &opening, names) else { return Ok(None) };
        let trial =
            Trial::edited_after(Cause::StateWritten { what }, put_in(&recorded, names.clone()));
        Ok(self.attempt(divergent, &trial)?.then_some(trial))
    }
}

fn load_opening(inquiry: &Inquiry<'_>) -> Result<State, ReplayError> {
    super::load(inquiry.recording, inquiry.segment.step_start, inquiry.limit)
}

/// Says what each tensor is like; none if not one is like anything.
fn described(
    honest: &State,
    recorded: &State,
    opening: &State,
    names: &[String],
) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    let mut exchanged: Vec<&str> = Vec::new();
    let mut others = 0;
    for name in names {
        if exchanged.contains(&name.as_str()) {
            continue;
        }
        if let Some(other) = exchanged_with(honest, recorded, name, names) {
            exchanged.push(other);
            found.push(format!("`{name}` and `{other}` are exchanged"));
        } else if let Some(like) = like(honest, recorded, opening, name) {
            found.push(format!("`{name}` {like}"));
        } else {
            others += 1;
        }
    }
    if found.is_empty() {
        return None;
    }
    let more = found.len().saturating_sub(NAMED_MAX) + others;
    found.truncate(NAMED_MAX);
    found.extend(match more {
        0 => None,
        1 => Some("1 more tensor differs".to_owned()),
        more => Some(format!("{more} more tensors differ")),
    });
    if names.iter().all(|name| !name.starts_with("model.")) {
        found.push("no tensor of the model differs".to_owned());
    }
    Some(found.join("; "))
}

fn exchanged_with<'a>(
    honest: &State,
    recorded: &State,
    name: &str,
    names: &'a [String],
) -> Option<&'a str> {
    let of = |state: &State, name: &str| state.tensor(name).map(|(_, bytes)| bytes.to_vec());
    let (ours, theirs) = (of(honest, name)?, of(recorded, name)?);
    let other = names.iter().find(|other| {
        other.as_str() != name
            && of(honest, other).as_ref() == Some(&theirs)
            && of(recorded, other).as_ref() == Some(&ours)
    });
    other.map(String::as_str)
}

fn like(honest: &State, recorded: &State, opening: &State, name: &str) -> Option<String> {
    let (spec, ours) = honest.tensor(name)?;
    let (_, theirs) = recorded.tensor(name)?;
    if ours.len() != theirs.len() {
        return None;
    }
    if spec.elements() == 1
        && !matches!(spec.dtype, DType::F16 | DType::Bf16 | DType::F32 | DType::F64)
    {
        let (ours, theirs) = (spec.dtype.show(ours), spec.dtype.show(theirs));
        return Some(format!("is {theirs} instead of {ours}"));
    }
    if theirs.iter().all(|byte| *byte == 0) {
        return Some("is all zero".into());
    }
    if opening.tensor(name).is_some_and(|(_, before)| before == theirs) {
        return Some("is the one that opens the segment".into());
    }
    let negated = ours
        .as_chunks()
        .0
        .iter()
        .zip(theirs.as_chunks().0)
        .all(|(ours, theirs)| u32::from_le_bytes(*ours) ^ SIGN == u32::from_le_bytes(*theirs));
    (spec.dtype == DType::F32 && negated).then(|| "is negated".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::TensorSpec;

    fn state(tensors: &[(&str, [f32; 2])]) -> State {
        let tensor = |(name, values): &(&str, [f32; 2])| {
            let spec = TensorSpec { name: (*name).into(), dtype: DType::F32, shape: vec![2] };
            (spec, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        };
        State::from_named(tensors.iter().map(tensor).collect()).unwrap()
    }

    #[test]
    fn each_likeness_has_its_words() {
        let opening = state(&[("model.a", [9.0, 8.0]), ("optimizer.b", [7.0, 6.0])]);
        let honest = state(&[("model.a", [1.0, 2.0]), ("optimizer.b", [3.0, 4.0])]);
        let said = |a, b, names: &[&str]| {
            let recorded = state(&[("model.a", a), ("optimizer.b", b)]);
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            described(&honest, &recorded, &opening, &names)
        };
        let both = ["model.a", "optimizer.b"];
        assert_eq!(
            said([3.0, 4.0], [1.0, 2.0], &both).unwrap(),
            "`model.a` and `optimizer.b` are exchanged"
        );
        assert_eq!(
            said([1.0, 2.0], [-3.0, -4.0], &["optimizer.b"]).unwrap(),
            "`optimizer.b` is negated; no tensor of the model differs"
        );
        assert_eq!(
            said([9.0, 8.0], [3.0, 4.5], &both).unwrap(),
            "`model.a` is the one that opens the segment; 1 more tensor differs"
        );
        assert_eq!(said([0.0, 0.0], [3.0, 4.0], &["model.a"]).unwrap(), "`model.a` is all zero");
        assert_eq!(said([5.0, 5.5], [5.0, 5.0], &both), None);
    }
}
