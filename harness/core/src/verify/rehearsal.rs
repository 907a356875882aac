//! Whether a training repeats: a few steps taken several times, and compared.
//!
//! A replay can only agree with a recording if the program computes the same bits
//! each time. A rehearsal is what some steps did, from the initial weights on; two
//! of them are compared as a replay is with its recording, and the first difference
//! is named by step, part and tensor.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::divergence::{Stage, StepDivergence, StepValues};
use super::explain::list;
use crate::format::{KernelSelection, StepLayouts};
use crate::state::{Fingerprint, Layout, State, StateRoot};
use crate::trainer::{StepTrace, Trainer, TrainerError};

/// Holds what the first steps of a training did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The state before the first step.
    pub opening: Snapshot,
    /// What the steps did.
    pub steps: Vec<StepTrace>,
    /// Names of the tensors, from which step on; they seldom change.
    pub layouts: Vec<(u64, StepLayouts)>,
    /// The state after the last one, as a checkpoint would hold it.
    pub closing: Snapshot,
    /// The kernels that were chosen; a recording would pin them.
    pub selections: Vec<KernelSelection>,
}

/// Starts a training whose kernels are pinned as far as they are given.
pub type StartPinned<'a> =
    dyn FnMut(&[KernelSelection]) -> Result<Box<dyn Trainer>, TrainerError> + 'a;

impl Rehearsal {
    fn layouts(&self, step: u64) -> Option<&StepLayouts> {
        let mut latest_first = self.layouts.iter().rev();
        latest_first.find(|(first, _)| *first <= step).map(|(_, layouts)| layouts)
    }
}

/// Stands for a captured state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its root.
    pub root: StateRoot,
    /// Its tensors.
    pub layout: Layout,
    /// The fingerprint of each.
    pub fingerprints: Vec<Fingerprint>,
}

impl Snapshot {
    fn of(state: &State) -> Self {
        let layout = state.layout().as_ref().clone();
        Self { root: state.root(), layout, fingerprints: state.fingerprints() }
    }

    /// Names the tensors that differ; none if the states are the same.
    fn differing(&self, other: &Self) -> Option<Vec<String>> {
        (self.root != other.root).then(|| {
            super::divergence::differing(
                (&self.layout, &self.fingerprints),
                (&other.layout, &other.fingerprints),
            )
        })
    }
}

/// Returns the step before which a rehearsal of so many steps is restored.
pub fn middle(steps: u64) -> u64 {
    steps / 2
}

/// Takes the first `steps` steps of a training. With `restored_step`, the state
/// before that step is captured and restored into a new trainer, as a replay does:
/// what the state does not hold is lost there.
///
/// A training that cannot be restored anywhere ([`Trainer::resumes_anywhere`]) has a
/// checkpoint in the middle, whether it is restored there or not, as a recorder has one
/// wherever a replay begins.
pub fn rehearse(
    start: &mut StartPinned<'_>,
    pinned: &[KernelSelection],
    steps: u64,
    restored_step: Option<u64>,
    progress: &mut dyn FnMut(u64),
) -> Result<Rehearsal, TrainerError> {
    let mut trainer = start(pinned)?;
    let opening = Snapshot::of(&trainer.capture(0)?);
    let (mut taken, mut layouts) = (Vec::new(), Vec::<(u64, StepLayouts)>::new());
    for step in 0..steps {
        if restored_step == Some(step) {
            let state = trainer.capture(step)?;
            let chosen = trainer.selections()?;
            // Some devices are held by one trainer at a time.
            drop(trainer);
            trainer = start(&chosen)?;
            trainer.restore(&state)?;
        } else if step == middle(steps) && !trainer.resumes_anywhere() {
            trainer.capture(step)?;
        }
        taken.push(trainer.step(step)?);
        let (state, gradient) = (trainer.layout(), trainer.gradient_layout());
        let (state, gradient) = (state.as_ref().clone(), gradient.as_ref().clone());
        let names = StepLayouts { state, gradient };
        if layouts.last().is_none_or(|(_, before)| *before != names) {
            layouts.push((step, names));
        }
        progress(step);
    }
    let closing = Snapshot::of(&trainer.capture(steps)?);
    let selections = trainer.selections()?;
    Ok(Rehearsal { opening, steps: taken, layouts, closing, selections })
}

/// Names the part of a training in which two rehearsals first differ; in the order
/// in which a training computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The weights before the first step.
    InitialWeights,
    /// The samples of a step or what the model was given for them.
    Batch,
    /// The learning rate.
    LearningRate,
    /// The loss: the forward pass.
    Loss,
    /// The gradient: the backward pass.
    Gradient,
    /// The update: optimizer or buffers.
    Update,
    /// The captured state, although every step agrees.
    ClosingState,
}

impl From<Stage> for Part {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Batch => Self::Batch,
            Stage::LearningRate => Self::LearningRate,
            Stage::Loss => Self::Loss,
            Stage::Gradient => Self::Gradient,
            Stage::Update => Self::Update,
        }
    }
}

/// Says where two rehearsals first differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// The step; for the closing state, the step that would be next.
    pub step: u64,
    /// The part of it.
    pub part: Part,
    /// The tensors that differ; none where the part has no tensors.
    pub tensors: Vec<String>,
    /// What the one computed; none outside of a step.
    pub first: Option<StepValues>,
    /// What the other computed.
    pub second: Option<StepValues>,
}

impl Departure {
    /// Compares two rehearsals of as many steps; none if they agree in every bit.
    pub fn between(first: &Rehearsal, second: &Rehearsal) -> Option<Self> {
        let outside = |step, part, tensors| Self { step, part, tensors, first: None, second: None };
        if let Some(tensors) = first.opening.differing(&second.opening) {
            return Some(outside(0, Part::InitialWeights, tensors));
        }
        let mut steps = 0..first.steps.len().min(second.steps.len());
        if let Some(found) = steps.find_map(|index| Self::of_step(index, first, second)) {
            return Some(found);
        }
        let tensors = first.closing.differing(&second.closing)?;
        Some(outside(first.steps.len() as u64, Part::ClosingState, tensors))
    }

    fn of_step(index: usize, first: &Rehearsal, second: &Rehearsal) -> Option<Self> {
        let (ours, theirs) = (second.layouts(index as u64)?, first.layouts(index as u64)?);
        let ours = (&ours.state, &ours.gradient);
        let found = StepDivergence::of(&first.steps[index], &second.steps[index], theirs, ours)?;
        let tensors = match found.stage {
            Stage::Gradient => found.gradients,
            Stage::Update => found.tensors,
            Stage::Batch | Stage::LearningRate | Stage::Loss => Vec::new(),
        };
        Some(Self {
            step: found.step,
            part: found.stage.into(),
            tensors,
            first: Some(found.recorded),
            second: Some(found.replayed),
        })
    }

    /// Returns what puts the earlier of two first.
    pub fn order(&self) -> (u64, Part) {
        (self.step, self.part)
    }
}

impl fmt::Display for Departure {
    /// Names step, part and tensors: "step 3, gradient of `model.weight`".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = list(&self.tensors.iter().map(String::as_str).collect::<Vec<_>>());
        let step = self.step;
        match self.part {
            Part::InitialWeights => write!(f, "before step 0, initial {names}"),
            Part::ClosingState => write!(f, "after the last step, captured {names}"),
            Part::Batch => write!(f, "step {step}, batch"),
            Part::LearningRate => write!(f, "step {step}, learning rate"),
            Part::Gradient => write!(f, "step {step}, gradient of {names}"),
            Part::Update => write!(f, "step {step}, update of {names}"),
            Part::Loss => {
                write!(f, "step {step}, loss")?;
                let loss = |values: &Option<StepValues>| values.as_ref()?.loss;
                match (loss(&self.first), loss(&self.second)) {
                    (Some(first), Some(second)) => write!(f, ": {first} and {second}"),
                    _ => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;
    use crate::toy::Toy;
    use crate::trainer::{Program, Setting};

    fn rehearsal(hyperparameters: &str, threads: usize, restored_step: Option<u64>) -> Rehearsal {
        let spec = include_str!("../../../../replay-specs/toy-plane.toml");
        let program = format!("[program]\nname = \"toy-plane\"\n{hyperparameters}\n");
        let spec = spec.replace("[program]\nname = \"toy-plane\"\n", &program);
        let spec = Spec::parse(&spec).unwrap();
        let setting = Setting::new("cpu", threads);
        let data = Toy.data(&spec, &setting).unwrap();
        let mut threads = threads;
        let mut start = |pinned: &[KernelSelection]| {
            let selections = pinned.to_vec().into();
            let setting = Setting { threads, selections, ..setting.clone() };
            // With one thread a tuned toy would choose otherwise, were it not pinned.
            threads = 1;
            Toy.start(&spec, data.clone(), &setting)
        };
        rehearse(&mut start, &[], 5, restored_step, &mut |_| ()).unwrap()
    }

    fn unsteady(part: &str, by: &str) -> String {
        format!(
            "[program.hyperparameters]\nunsteady = \"{part}\"\nunsteady_step = 3\nunsteady_by = \"{by}\""
        )
    }

    #[test]
    fn a_steady_program_repeats_in_every_bit() {
        let first = rehearsal("", 1, None);
        assert_eq!(first.steps.len(), 5);
        for second in [rehearsal("", 4, None), rehearsal("", 1, Some(2)), rehearsal("", 1, Some(0))]
        {
            assert_eq!(Departure::between(&first, &second), None);
        }
    }

    #[test]
    fn kernels_once_chosen_are_kept() {
        let tuned = "[program.hyperparameters]\ntuned = true";
        let (plain, restored) = (rehearsal(tuned, 4, None), rehearsal(tuned, 4, Some(2)));
        assert_eq!((plain.selections.len(), plain.selections[0].choice), (1, 1));
        assert_eq!(Departure::between(&plain, &restored), None);
        assert_ne!(Departure::between(&plain, &rehearsal(tuned, 1, None)), None);
    }

    #[test]
    fn the_first_difference_is_named_by_step_part_and_tensor() {
        let weight = &["model.weight"][..];
        for (name, part, tensors) in [
            ("batch", Part::Batch, &[][..]),
            ("loss", Part::Loss, &[]),
            ("gradient", Part::Gradient, weight),
            ("update", Part::Update, weight),
        ] {
            let hyperparameters = unsteady(name, "run");
            let rehearse = || rehearsal(&hyperparameters, 1, None);
            let found = Departure::between(&rehearse(), &rehearse()).unwrap();
            assert_eq!((found.step, found.part), (3, part), "{found}");
            assert_eq!(found.tensors, tensors, "{found}");
        }
    }

    #[test]
    fn weights_and_captures_are_told_from_steps() {
        let found = |part: &str| {
            let hyperparameters = unsteady(part, "run");
            let rehearse = || rehearsal(&hyperparameters, 1, None);
            Departure::between(&rehearse(), &rehearse()).unwrap()
        };
        let initial = found("initial-weights");
        assert_eq!((initial.step, initial.part), (0, Part::InitialWeights));
        assert_eq!(initial.to_string(), "before step 0, initial `model.weight`");
        let closing = found("closing-state");
        assert_eq!((closing.step, closing.part), (5, Part::ClosingState));
        assert_eq!(closing.to_string(), "after the last step, captured `model.weight`");
    }

    #[test]
    fn threads_and_what_a_state_does_not_hold_are_seen() {
        let by_threads = unsteady("gradient", "threads");
        let with = |threads| rehearsal(&by_threads, threads, None);
        assert_eq!(Departure::between(&with(2), &with(2)), None);
        let found = Departure::between(&with(1), &with(2)).unwrap();
        assert_eq!(found.to_string(), "step 3, gradient of `model.weight`");
        let by_restoring = unsteady("update", "restore");
        let restored = |step| rehearsal(&by_restoring, 1, step);
        assert_eq!(Departure::between(&restored(None), &restored(None)), None);
        let found = Departure::between(&restored(None), &restored(Some(2))).unwrap();
        assert_eq!(found.order(), (3, Part::Update));
    }

    /// As on a GPU, where two honest programs were said not to repeat.
    #[test]
    fn how_tensors_lie_in_memory_follows_the_checkpoints_and_is_no_fault() {
        let by_layout = unsteady("gradient", "layout");
        let plain = rehearsal(&by_layout, 1, None);
        let restored = rehearsal(&by_layout, 1, Some(middle(5)));
        assert_eq!(Departure::between(&plain, &restored), None);
        let elsewhere = rehearsal(&by_layout, 1, Some(3));
        assert!(Departure::between(&plain, &elsewhere).is_some(), "the layout is seen");
    }
}
