//! What a replay shows, in plain words.

use crate::state::{Difference, TensorDifference};
use crate::verify::divergence::{Divergence, Stage, StepDivergence};
use crate::verify::figure::FigureDifference;

/// Units in the last place that still say something; across zero they are counted in billions.
const ULP_SHOWN_MAX: u64 = 99_999;
/// Names shown before the rest is only counted.
const NAMES_MAX: usize = 3;

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
            Stage::Kernels => self.explain_kernels(),
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
            Stage::Validation => self.explain_figures(),
        };
        format!("step {}, {}: {what}", self.step, self.stage)
    }
}

impl StepDivergence {
    /// Says that only what was measured is another, and what that means.
    fn explain_figures(&self) -> String {
        let shown = self.figures.iter().take(NAMES_MAX).map(FigureDifference::explain);
        let mut shown = shown.collect::<Vec<_>>().join("; ");
        if let Some(more @ 1..) = self.figures.len().checked_sub(NAMES_MAX) {
            shown += &format!("; and {more} more");
        }
        format!(
            "the state after the step agrees in every bit, what was measured with it does not:              the figures were edited, or measured on other data or by other code ({shown})"
        )
    }

    /// Says that other kernels were launched, and what came of it.
    fn explain_kernels(&self) -> String {
        let launched = match self.launches {
            Some((recorded, replayed)) if recorded != replayed => format!(
                "the recording launched {recorded} kernels, the replay of the same program \
                 {replayed}"
            ),
            _ => "other kernels were launched than the replay of the same program launches".into(),
        };
        let from = match self.stage_of_numbers() {
            Stage::Gradient => format!("the gradient of {} differs", names(&self.gradients)),
            Stage::Update => format!("the update of {} differs", names(&self.tensors)),
            Stage::Validation => self.explain_figures(),
            _ => format!(
                "the loss is {} instead of the recorded {}",
                show_loss(self.replayed.loss, self.replayed.loss_bits),
                show_loss(self.recorded.loss, self.recorded.loss_bits)
            ),
        };
        format!("{launched}; {from}")
    }
}

fn names(names: &[String]) -> String {
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Lists a few names and counts the rest.
pub(in crate::verify) fn list(names: &[&str]) -> String {
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
            Difference::Elements { count, of, index_first, recorded, replayed, .. } => {
                format!(
                    "{count} of {of} elements; first [{index_first}]: recorded {recorded}, \
                     replayed {replayed}; {}",
                    self.difference.apart()
                )
            }
        }
    }
}

impl Difference {
    /// Says in one clause how far the elements are apart; nothing where none are compared.
    pub fn apart(&self) -> String {
        let Self::Elements { ulp_max, relative_l2, .. } = self else { return String::new() };
        let ulp = match ulp_max {
            Some(ulp) if *ulp <= ULP_SHOWN_MAX => Some(format!("at most {ulp} ulp apart")),
            Some(_) => None,
            None => Some("NaN involved".to_owned()),
        };
        let length = relative_l2
            .map(|relative| format!("L2 of the difference {relative:.1e} of the tensor's"));
        let said: Vec<String> = ulp.into_iter().chain(length).collect();
        if said.is_empty() { "far apart".into() } else { said.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{DType, TensorSpec};

    fn apart(recorded: f32, replayed: f32) -> String {
        let spec = TensorSpec { name: "w".into(), dtype: DType::F32, shape: vec![2] };
        let bytes = |first: f32| [first.to_le_bytes(), 1f32.to_le_bytes()].concat();
        let found = Difference::of_bytes(&spec, &bytes(recorded), &bytes(replayed)).unwrap();
        TensorDifference { name: "w".into(), difference: found }.explain()
    }

    #[test]
    fn units_across_zero_stand_beside_a_length() {
        assert_eq!(
            apart(1e-8, -1e-8),
            "1 of 2 elements; first [0]: recorded 1e-8, replayed -1e-8; L2 of the difference \
             2.0e-8 of the tensor's"
        );
        assert_eq!(
            apart(f32::NAN, 0.0),
            "1 of 2 elements; first [0]: recorded NaN (bits 0x7fc00000), replayed 0; NaN involved"
        );
    }
}
