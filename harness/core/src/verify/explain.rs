//! What a replay shows, in plain words.

use super::divergence::{Divergence, Stage, StepDivergence};
use super::replay::Replay;
use crate::state::{Difference, TensorDifference};

/// Names shown before the rest is only counted.
const NAMES_MAX: usize = 3;

impl Replay {
    /// Says in one sentence where it leaves the recording, and whether the
    /// recording held what it needed; none if it does not leave it.
    pub fn explain(&self) -> Option<String> {
        let place = self.divergence.as_ref()?.explain();
        if self.unrecorded.is_empty() {
            return Some(place);
        }
        Some(format!("{place}; {}", self.unrecorded.explain_divergence()))
    }
}

impl Divergence {
    /// Says in one sentence where the replay first leaves the recording.
    pub fn explain(&self) -> String {
        let place = match &self.step {
            Some(step) => step.explain(),
            None => "every recorded step is reproduced, but the closing state is another".into(),
        };
        match &self.closing_unread {
            Some(why) => format!(
                "{place}; that the closing state is not the committed one is known by its root \
                 alone, as the recording changed while it was audited: {why}"
            ),
            None => place,
        }
    }
}

impl StepDivergence {
    fn explain(&self) -> String {
        let what = match self.stage {
            Stage::Batch => {
                "the model was given other samples, or other content for them".to_owned()
            }
            Stage::LearningRate => format!(
                "{} was recorded, the spec derives {}",
                show_rate(self.recorded.learning_rate),
                show_rate(self.replayed.learning_rate)
            ),
            Stage::Loss => format!(
                "from the same state and batch, the forward pass gives {} instead of the \
                 recorded {}",
                show_loss(self.replayed.loss, self.replayed.loss_bits),
                show_loss(self.recorded.loss, self.recorded.loss_bits)
            ),
            Stage::Gradient => {
                format!("batch and loss agree; the gradient of {} does not", names(&self.gradients))
            }
            Stage::Update => format!(
                "batch, learning rate, loss and gradient agree; the update of {} does not",
                names(&self.tensors)
            ),
        };
        format!("step {}, {}: {what}", self.step, self.stage)
    }
}

fn names(names: &[String]) -> String {
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Lists a few names and counts the rest.
pub(super) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn show_rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "NaN or infinity".to_owned(), |rate| format!("{rate:e}"))
}

fn show_loss(loss: Option<f32>, bits: u32) -> String {
    loss.map_or_else(|| format!("NaN or infinity (bits {bits:08x})"), |loss| loss.to_string())
}

impl TensorDifference {
    /// Says in one clause how the tensor differs.
    pub fn explain(&self) -> String {
        match &self.difference {
            Difference::OnlyRecorded => "only in the recording".into(),
            Difference::OnlyReplayed => "missing in the recording".into(),
            Difference::Shape { recorded, replayed } => {
                format!("{recorded} in the recording, {replayed} in the replay")
            }
            Difference::Elements { count, of, index_first, recorded, replayed, ulp_max } => {
                let ulp = ulp_max.map_or_else(|| "NaN".into(), |ulp| format!("{ulp} ulp"));
                format!(
                    "{count} of {of} elements; first [{index_first}]: recorded {recorded}, \
                     replayed {replayed}; at most {ulp} apart"
                )
            }
        }
    }
}
