//! Whether a file is the model of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plain::count;
use crate::state::TensorDifference;

/// Says whether a file is the model of a recorded run, tensor by tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFile {
    /// The file.
    pub file: String,
    /// The step that the run's last committed state opens.
    pub step_last: u64,
    /// The step whose opening state's model it is; none if it is none of the run's.
    pub step: Option<u64>,
    /// Whether it holds the running averages of the weights.
    #[serde(default)]
    pub averaged: bool,
    /// Where it differs from the model at the end of the run; empty if it does not.
    pub differences: Vec<TensorDifference>,
}

impl ModelFile {
    /// Says whether it is the model at the end of the run.
    pub fn is_final(&self) -> bool {
        self.step == Some(self.step_last)
    }
}

impl fmt::Display for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, step_last, differences, averaged, .. } = self;
        let of = if *averaged { "the averaged model" } else { "the model" };
        match self.step {
            Some(step) if step == *step_last => {
                write!(f, "{file} is {of} of this run, bit for bit")
            }
            Some(step) => write!(
                f,
                "{file} is not the model of this run's end, step {step_last}, but {of} that opens \
                 step {step}"
            ),
            None => {
                let first = differences.first().map_or("", |found| found.name.as_str());
                write!(
                    f,
                    "{file} is not the model of this run: {} differ, `{first}` first",
                    count(differences.len() as u64, "tensor")
                )
            }
        }
    }
}
