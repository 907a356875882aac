//! The states that an insider puts in.

use super::edit::{MODEL, edit_floats, element, is_real, move_first_element, scale_moments};
use super::{AttackError, PostHocAttack, PostHocKind};
use crate::format::{Checkpoint, History, Object, ReadRun};
use crate::state::State;

/// Limits a state; the recordings that attacks are planted into are our own.
const STATE_BYTES_MAX: u64 = 1 << 40;

/// Gives the content of a finished recording.
pub(super) struct Source<'a> {
    pub(super) run: &'a dyn ReadRun,
    pub(super) history: History,
}

impl<'a> Source<'a> {
    pub(super) fn open(run: &'a dyn ReadRun) -> Result<Self, AttackError> {
        Ok(Self { run, history: History::read(run.open(Object::Journal)?)? })
    }

    fn has(&self, step: u64) -> bool {
        self.history.checkpoints.contains_key(&step)
    }

    fn state(&self, step: u64) -> Result<State, AttackError> {
        let root = self.history.checkpoints.get(&step).copied().unwrap_or_default();
        let source = self.run.open(Object::Checkpoint(root))?;
        Checkpoint::open(source)
            .and_then(|checkpoint| checkpoint.load(STATE_BYTES_MAX))
            .map_err(|problem| AttackError::Checkpoint { step, problem })
    }
}

/// Makes the forged states of one attack.
pub(super) struct Forger<'a> {
    pub(super) attack: &'a PostHocAttack,
    pub(super) source: &'a Source<'a>,
    pub(super) other: Option<&'a Source<'a>>,
}

impl Forger<'_> {
    /// Returns the state that is put in at a boundary, with the names of the
    /// tensors that are not the recorded ones; none if it is left alone.
    pub(super) fn forge(&self, step: u64) -> Result<Option<(State, Vec<String>)>, AttackError> {
        if !self.touches(step) {
            return Ok(None);
        }
        let honest = self.source.state(step)?;
        let forged = match self.attack.kind {
            PostHocKind::WeightEdit => self.move_weight(honest.clone())?,
            PostHocKind::MomentEdit => scale_moments(honest.clone(), self.attack.strength as f32),
            PostHocKind::Splice => self.other_state(&honest, step)?,
            PostHocKind::NoTraining => {
                with_model_of(honest.clone(), &self.source.state(0)?, |_, initial| initial)
            }
            PostHocKind::Interpolation => self.interpolate(honest.clone(), step)?,
            PostHocKind::BitFlip
            | PostHocKind::Truncated
            | PostHocKind::Withheld
            | PostHocKind::PoisonedSelections
            | PostHocKind::WithheldSelections
            | PostHocKind::FiguresEdit => honest.clone(),
        };
        let changed = changed(&honest, &forged);
        Ok((!changed.is_empty()).then_some((forged, changed)))
    }

    fn touches(&self, step: u64) -> bool {
        self.attack.kind.edits_state()
            && step > 0
            && self.attack.step.is_none_or(|place| place == step)
    }

    fn move_weight(&self, mut state: State) -> Result<State, AttackError> {
        let floats = state.tensors().filter(|(spec, bytes)| {
            is_real(spec.dtype) && !bytes.is_empty() && spec.name.starts_with(MODEL)
        });
        let first = floats.map(|(spec, _)| spec.name.clone()).next();
        let name = self.attack.tensor.clone().or(first).unwrap_or_default();
        let found = state.tensor(&name);
        if !found.is_some_and(|(spec, bytes)| is_real(spec.dtype) && !bytes.is_empty()) {
            return Err(self.no_place(format!("the state has no weight `{name}` of real numbers")));
        }
        move_first_element(&mut state, &name, self.attack.strength as i64);
        Ok(state)
    }

    fn other_state(&self, honest: &State, step: u64) -> Result<State, AttackError> {
        let other = self.other.ok_or_else(|| self.no_place("no other recording is given"))?;
        if !other.has(step) {
            return Err(self.no_place(format!("the other recording holds no state {step}")));
        }
        let state = other.state(step)?;
        if state.layout() != honest.layout() {
            return Err(self.no_place("the other recording's state has other tensors"));
        }
        Ok(state)
    }

    fn interpolate(&self, state: State, step: u64) -> Result<State, AttackError> {
        let checkpoints = &self.source.history.checkpoints;
        let before = checkpoints.range(..step).next_back();
        let after = checkpoints.range(step + 1..).next();
        let (Some((&before, _)), Some((&after, _))) = (before, after) else {
            return Err(self.no_place("a boundary on either side is needed"));
        };
        let (before, after) = (self.source.state(before)?, self.source.state(after)?);
        let with_before = with_model_of(state, &before, |_, value| value);
        Ok(with_model_of(with_before, &after, |a, b| (a + b) / 2.0))
    }

    pub(super) fn no_place(&self, problem: impl Into<String>) -> AttackError {
        AttackError::NoPlace { attack: self.attack.to_string(), problem: problem.into() }
    }
}

/// Joins every float of the model with that of another state.
fn with_model_of(state: State, other: &State, join: impl Fn(f32, f32) -> f32) -> State {
    edit_floats(state, MODEL, |name, index, value| {
        let theirs = other.tensor(name).and_then(|(spec, bytes)| {
            let bytes = bytes.chunks_exact(spec.dtype.size() as usize).nth(index)?;
            Some(element(spec.dtype, bytes))
        });
        theirs.map_or(value, |theirs| join(value, theirs))
    })
}

fn changed(honest: &State, forged: &State) -> Vec<String> {
    let pairs = honest.tensors().zip(forged.tensors());
    pairs.filter(|(a, b)| a.1 != b.1).map(|((spec, _), _)| spec.name.clone()).collect()
}
