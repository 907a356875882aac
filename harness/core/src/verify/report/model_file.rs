//! Whether a file is the model of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::Comparison;
use crate::sanitize::count;
use crate::state::{Difference, TensorDifference};

/// Limits the differences that a report lists; the rest is counted.
const DIFFERENCES_MAX: usize = 100;

/// Says whether a file is the model of a recorded run, tensor by tensor. It is no part of the
/// verdict, which is on the run: whoever exchanged the file need not be who trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelFile {
    /// The file.
    pub file: String,
    /// The step that the run's last committed state opens; none if that could not be read.
    pub step_last: Option<u64>,
    /// The step whose opening state's model it is; none if it is none of the run's.
    pub step: Option<u64>,
    /// Whether it holds the running averages of the weights.
    pub averaged: bool,
    /// Number of tensors that the run's last model and the file hold in other bits, or of
    /// another type or shape.
    pub differing: u64,
    /// Number of tensors of that model that the file lacks.
    pub missing: u64,
    /// Number of tensors of the file that the model lacks.
    pub extra: u64,
    /// Largest absolute difference of two elements; none where only types, shapes and names
    /// differ, and where one of two elements is not finite.
    pub absolute_max: Option<f64>,
    /// The first differences from that model, 100 at most. What is `recorded` is the run's,
    /// what is `replayed` the file's.
    pub differences: Vec<TensorDifference>,
    /// Why the two could not be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl ModelFile {
    /// Says that a file could not be compared yet.
    pub fn new(file: String) -> Self {
        Self { file, ..Self::default() }
    }

    /// Says whether it is the model at the end of what the run is committed to.
    pub fn is_final(&self) -> bool {
        self.problem.is_none() && self.step.is_some() && self.step == self.step_last
    }

    /// Says whether it is known to be another model than that.
    pub fn is_other(&self) -> bool {
        self.problem.is_none() && !self.is_final()
    }

    /// Takes over how the file differs from the run's last model.
    pub fn take(&mut self, found: Comparison) {
        let Comparison { mut differences, absolute_max } = found;
        let number = |of: fn(&Difference) -> bool| {
            differences.iter().filter(|found| of(&found.difference)).count() as u64
        };
        self.missing = number(|found| matches!(found, Difference::OnlyRecorded));
        self.extra = number(|found| matches!(found, Difference::OnlyReplayed));
        self.differing = differences.len() as u64 - self.missing - self.extra;
        self.absolute_max = absolute_max;
        differences.truncate(DIFFERENCES_MAX);
        self.differences = differences;
    }

    /// Counts what differs, names the first and says by how much.
    fn how(&self) -> String {
        let parts = [
            (self.differing, "differ"),
            (self.missing, "missing"),
            (self.extra, "that the run's model does not have"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<_> = parts
            .map(|(number, what)| match *what {
                "differ" if *number == 1 => "1 tensor differs".to_owned(),
                what => format!("{} {what}", count(*number, "tensor")),
            })
            .collect();
        let first = self.differences.first();
        let first = first.map(|found| format!("; the first is `{}`", found.name));
        let most = self.absolute_max.map(|most| format!("; by {most:e} at most"));
        format!("{}{}{}", parts.join(", "), first.unwrap_or_default(), most.unwrap_or_default())
    }
}

impl TensorDifference {
    /// Says in one clause how a tensor of a file differs from the run's.
    pub fn in_model_file(&self) -> String {
        match &self.difference {
            Difference::OnlyRecorded => "missing in the file".into(),
            Difference::OnlyReplayed => "only in the file".into(),
            Difference::Shape { recorded, replayed } => {
                format!("{recorded} in the run, {replayed} in the file")
            }
            Difference::Elements { count, of, index_first, recorded, replayed, .. } => format!(
                "{count} of {of} elements; first [{index_first}]: {recorded} in the run, \
                 {replayed} in the file; {}",
                self.difference.apart()
            ),
        }
    }
}

impl fmt::Display for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, averaged, .. } = self;
        if let Some(problem) = &self.problem {
            return write!(f, "{file} could not be compared with the model of this run: {problem}");
        }
        let of = if *averaged { "the averaged model" } else { "the model" };
        let last = self.step_last.unwrap_or_default();
        match self.step {
            Some(step) if step == last => {
                write!(f, "{file} is {of} of this run at step {step}, its last, bit for bit")
            }
            Some(step) => write!(
                f,
                "{file} is not the model of this run at step {last}, its last, but {of} at step \
                 {step}, bit for bit"
            ),
            None => write!(f, "{file} is not the model of this run: {}", self.how()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_counted_and_said() {
        let found = |name: &str, difference| TensorDifference { name: name.into(), difference };
        let shape = Difference::Shape { recorded: "F32 [1]".into(), replayed: "F32 [2]".into() };
        let mut differences = vec![found("a", shape), found("b", Difference::OnlyRecorded)];
        differences.extend((0..200).map(|i| found(&format!("c{i}"), Difference::OnlyReplayed)));
        let mut model = ModelFile::new("m.safetensors".into());
        model.step_last = Some(60);
        model.take(Comparison { differences, absolute_max: Some(0.5) });
        assert_eq!((model.differing, model.missing, model.extra), (1, 1, 200));
        assert_eq!(model.differences.len(), DIFFERENCES_MAX);
        assert_eq!(
            model.to_string(),
            "m.safetensors is not the model of this run: 1 tensor differs, 1 tensor missing, 200 \
             tensors that the run's model does not have; the first is `a`; by 5e-1 at most"
        );
        assert!(model.is_other() && !model.is_final());
    }

    #[test]
    fn what_was_not_compared_is_neither() {
        let mut model = ModelFile::new("m".into());
        model.problem = Some("the recording cannot be read".into());
        assert!(!model.is_other() && !model.is_final());
        assert!(model.to_string().contains("could not be compared"));
    }
}
