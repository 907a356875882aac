//! Whether a training repeats: a few steps taken several times, and compared.
//!
//! A replay can only agree with a recording if the program computes the same bits
//! each time. A rehearsal is what some steps did, from the initial weights on; two
//! of them are compared as a replay is with its recording, and the first difference
//! is named by step, part and tensor.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::{KernelSelection, StepLayouts};
use crate::state::{Fingerprint, Layout, State, StateRoot};
use crate::trainer::{Request, StepTrace, Trainer, TrainerError};
use crate::verify::divergence::{Stage, StepDivergence, StepValues};
use crate::verify::explain::list;

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
            crate::verify::divergence::differing(
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
        taken.push(trainer.step(step, &Request::default())?);
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
    /// What was measured after the update.
    Validation,
    /// The captured state, although every step agrees.
    ClosingState,
}

impl From<Stage> for Part {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Batch => Self::Batch,
            Stage::LearningRate => Self::LearningRate,
            Stage::Kernels | Stage::Loss => Self::Loss,
            Stage::Gradient => Self::Gradient,
            Stage::Update => Self::Update,
            Stage::Validation => Self::Validation,
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
    /// The tensors that differ, or the figures of a validation; none where the part has
    /// neither.
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
        let stage = found.stage_of_numbers();
        let tensors = match stage {
            Stage::Gradient => found.gradients,
            Stage::Update => found.tensors,
            Stage::Validation => found.figures.into_iter().map(|figure| figure.name).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            step: found.step,
            part: stage.into(),
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
            Part::Validation => write!(f, "step {step}, validation: {names}"),
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
