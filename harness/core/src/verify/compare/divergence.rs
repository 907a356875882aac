//! Where a replay leaves its recording.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::StepLayouts;
use crate::state::{Fingerprint, Layout, TensorDifference};
use crate::trainer::StepTrace;
use crate::verify::figure::FigureDifference;

/// Names the part of a step in which it first differs; in the order in which a
/// step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The samples or what the model was given for them.
    Batch,
    /// The learning rate.
    LearningRate,
    /// The kernels: what the device was given to compute.
    Kernels,
    /// The loss: the forward pass.
    Loss,
    /// The gradient: the backward pass.
    Gradient,
    /// The update: optimizer, buffers, or an edit of the state.
    Update,
    /// What was measured after the update, on samples that are held out.
    Validation,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "batch",
            Self::LearningRate => "learning rate",
            Self::Kernels => "kernels",
            Self::Loss => "loss",
            Self::Gradient => "gradient",
            Self::Update => "update",
            Self::Validation => "validation",
        })
    }
}

/// Says where one replayed segment leaves its recording, and by how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// The first step that differs; none if every step agrees and only the
    /// closing state does not.
    pub step: Option<StepDivergence>,
    /// Tensors of the closing state that differ, each with both values.
    pub closing: Vec<TensorDifference>,
    /// Why the recorded closing state could not be compared tensor by tensor, where its
    /// committed root alone shows that it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing_unread: Option<String>,
}

/// Says how a step differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepDivergence {
    /// The step.
    pub step: u64,
    /// The stage in which it first differs.
    pub stage: Stage,
    /// Parameters whose gradient differs.
    pub gradients: Vec<String>,
    /// Tensors of the state after the step that differ.
    pub tensors: Vec<String>,
    /// What the recording holds.
    pub recorded: StepValues,
    /// What the replay computed.
    pub replayed: StepValues,
    /// How many kernels were launched, recorded and replayed, where they are not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launches: Option<(u32, u32)>,
    /// Figures of the validation that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<FigureDifference>,
}

/// Holds the values of a step that a person can read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepValues {
    /// Learning rate; none if it is not finite, as JSON has no NaN.
    pub learning_rate: Option<f64>,
    /// Loss; none if it is not finite, as JSON has no NaN.
    pub loss: Option<f32>,
    /// Bits of the loss.
    pub loss_bits: u32,
}

impl StepValues {
    fn of(trace: &StepTrace) -> Self {
        let loss = Some(trace.loss()).filter(|loss| loss.is_finite());
        let learning_rate = Some(trace.learning_rate()).filter(|rate| rate.is_finite());
        Self { learning_rate, loss, loss_bits: trace.loss_bits }
    }
}

impl StepDivergence {
    /// Compares what of a step is equal on every class of device: samples, batch,
    /// learning rate, which tensors there are, and which figures.
    pub(in crate::verify) fn of_what_is_exact(
        recorded: &StepTrace,
        replayed: &StepTrace,
        recorded_layouts: &StepLayouts,
        replayed_layouts: (&Layout, &Layout),
    ) -> Option<Self> {
        let (state_layout, gradient_layout) = replayed_layouts;
        let mut masked = recorded.clone();
        masked.loss_bits = replayed.loss_bits;
        masked.launches = replayed.launches;
        let measured = masked.validation.as_ref().zip(replayed.validation.as_ref());
        if measured.is_some_and(|(recorded, replayed)| recorded.measure_the_same(replayed)) {
            masked.validation.clone_from(&replayed.validation);
        }
        if recorded_layouts.state == *state_layout {
            masked.state.clone_from(&replayed.state);
        }
        if recorded_layouts.gradient == *gradient_layout {
            masked.gradient.clone_from(&replayed.gradient);
        }
        Self::of(&masked, replayed, recorded_layouts, replayed_layouts).map(|found| {
            let recorded = StepValues::of(recorded);
            Self { recorded, ..found }
        })
    }

    /// Compares a step; none if it agrees in everything.
    pub fn of(
        recorded: &StepTrace,
        replayed: &StepTrace,
        recorded_layouts: &StepLayouts,
        replayed_layouts: (&Layout, &Layout),
    ) -> Option<Self> {
        let (state_layout, gradient_layout) = replayed_layouts;
        // Nearly every step agrees: names are looked up only where one does not.
        let same_names = recorded_layouts.state == *state_layout
            && recorded_layouts.gradient == *gradient_layout;
        if same_names && recorded == replayed {
            return None;
        }
        let tensors =
            differing((&recorded_layouts.state, &recorded.state), (state_layout, &replayed.state));
        let gradients = differing(
            (&recorded_layouts.gradient, &recorded.gradient),
            (gradient_layout, &replayed.gradient),
        );
        let launches = launched_otherwise(recorded, replayed);
        let figures = FigureDifference::between(&recorded.validation, &replayed.validation);
        let stage = if (recorded.samples, recorded.batch) != (replayed.samples, replayed.batch) {
            Stage::Batch
        } else if recorded.learning_rate_bits != replayed.learning_rate_bits {
            Stage::LearningRate
        } else if recorded.loss_bits != replayed.loss_bits {
            Stage::Loss
        } else if !gradients.is_empty() {
            Stage::Gradient
        } else if !tensors.is_empty() {
            Stage::Update
        } else if !figures.is_empty() {
            Stage::Validation
        } else {
            // Other kernels that give the same bits are no divergence.
            return None;
        };
        let stage = if launches.is_some() { stage.min(Stage::Kernels) } else { stage };
        Some(Self {
            step: replayed.step,
            stage,
            gradients,
            tensors,
            recorded: StepValues::of(recorded),
            replayed: StepValues::of(replayed),
            launches,
            figures,
        })
    }

    /// Returns the first stage whose numbers differ, whatever was launched.
    pub fn stage_of_numbers(&self) -> Stage {
        match self.stage {
            Stage::Kernels if self.recorded.loss_bits != self.replayed.loss_bits => Stage::Loss,
            Stage::Kernels if !self.gradients.is_empty() => Stage::Gradient,
            Stage::Kernels if !self.tensors.is_empty() => Stage::Update,
            Stage::Kernels => Stage::Validation,
            stage => stage,
        }
    }
}

/// Returns how many kernels two traces of a step launched, where both say so and they are
/// not the same ones.
pub(in crate::verify) fn launched_otherwise(
    recorded: &StepTrace,
    replayed: &StepTrace,
) -> Option<(u32, u32)> {
    let (recorded, replayed) = (recorded.launches?, replayed.launches?);
    (recorded != replayed).then_some((recorded.count, replayed.count))
}

/// Names the tensors whose fingerprints differ, or that only one side has.
pub(in crate::verify) fn differing(
    recorded: (&Layout, &[Fingerprint]),
    replayed: (&Layout, &[Fingerprint]),
) -> Vec<String> {
    let only_there =
        |spec: &crate::state::TensorSpec, layout: &Layout| layout.position(&spec.name).is_none();
    let ours = replayed.0.tensors().iter().zip(replayed.1);
    let mut names: Vec<String> = ours
        .filter(|(spec, fingerprint)| match recorded.0.position(&spec.name) {
            Some(index) => {
                recorded.0.tensors()[index] != **spec || recorded.1[index] != **fingerprint
            }
            None => true,
        })
        .map(|(spec, _)| spec.name.clone())
        .collect();
    let missing = recorded.0.tensors().iter().filter(|spec| only_there(spec, replayed.0));
    names.extend(missing.map(|spec| spec.name.clone()));
    names.sort();
    names
}
