//! What a replay shows, in plain words.

use super::divergence::{Divergence, Stage, StepDivergence};
use super::examine::list;
use super::replay::Replay;
use crate::state::{Difference, TensorDifference};

impl Replay {
    /// Says in plain words where the replay leaves the recording.
    pub fn explain(&self) -> String {
        let index = self.segment.index;
        let first = match (&self.divergence, self.initial.is_empty()) {
            (_, false) => format!(
                "step 0: the recorded initial state is not the one that the spec's seed gives: {}.",
                describe(&self.initial)
            ),
            (Some(divergence), true) => divergence.explain(),
            (None, true) => return format!("segment {index}: replay and recording agree"),
        };
        format!("segment {index}, {first}")
    }
}

impl Divergence {
    fn explain(&self) -> String {
        let closing = match self.closing.as_slice() {
            [] => "the closing state agrees again".to_owned(),
            differences => format!("in the closing state {}", describe(differences)),
        };
        match &self.step {
            Some(step) => format!("{}; {closing}.", step.explain()),
            None => format!("every recorded step is reproduced, but {closing}."),
        }
    }
}

impl StepDivergence {
    fn explain(&self) -> String {
        let (step, stage) = (self.step, self.stage);
        let what = match stage {
            Stage::Batch => "the samples or their content are others".to_owned(),
            Stage::LearningRate => format!(
                "{:e} was recorded, {:e} is derived",
                self.recorded.learning_rate, self.replayed.learning_rate
            ),
            Stage::Loss => format!(
                "the forward pass gives {} instead of the recorded {}",
                show_loss(self.replayed.loss, self.replayed.loss_bits),
                show_loss(self.recorded.loss, self.recorded.loss_bits)
            ),
            Stage::Gradient => {
                format!(
                    "loss and batch agree, but the gradient of {} does not",
                    names(&self.gradients)
                )
            }
            Stage::Update => format!(
                "batch, learning rate, loss and gradient agree, but {} is updated otherwise",
                names(&self.tensors)
            ),
        };
        format!("step {step}: the replay first differs in the {stage}: {what}")
    }
}

fn names(names: &[String]) -> String {
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn show_loss(loss: Option<f32>, bits: u32) -> String {
    loss.map_or_else(|| format!("NaN or infinity (bits {bits:08x})"), |loss| loss.to_string())
}

fn describe(differences: &[TensorDifference]) -> String {
    let shown: Vec<String> = differences.iter().take(2).map(describe_one).collect();
    match differences.len() {
        0..=2 => shown.join(" and "),
        more => format!("{} and {} more tensors differ", shown.join(", "), more - 2),
    }
}

fn describe_one(found: &TensorDifference) -> String {
    let name = &found.name;
    match &found.difference {
        Difference::OnlyRecorded => format!("`{name}` is only in the recording"),
        Difference::OnlyReplayed => format!("`{name}` is missing in the recording"),
        Difference::Shape { recorded, replayed } => {
            format!("`{name}` is {recorded} in the recording and {replayed} in the replay")
        }
        Difference::Elements { count, of, index_first, recorded, replayed, ulp_max } => {
            let ulp = ulp_max.map_or_else(String::new, |ulp| format!(", at most {ulp} ulp apart"));
            format!(
                "`{name}` differs in {count} of {of} elements (first at {index_first}: \
                 recorded {recorded}, replayed {replayed}{ulp})"
            )
        }
    }
}
