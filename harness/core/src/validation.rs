//! Measuring a model while it trains: when, and on which samples.

use std::sync::Arc;

use crate::data::{Batch, DataError, DataSet};
use crate::figure::Figures;
use crate::spec::Spec;
use crate::steering::ValidationSteps;
use crate::trainer::{Metric, Program, Setting, TrainerError};

/// Holds what an engine needs to measure its model as a spec declares.
///
/// An engine opens it where it starts a training, and asks after each update whether it is
/// [due](Self::is_due). What it measures goes into the step's trace, and must change nothing
/// that a later step would see.
#[derive(Clone, Debug)]
pub struct Validation {
    steps: ValidationSteps,
    data: Arc<dyn DataSet>,
    batch_size: usize,
}

impl Validation {
    /// Opens the samples that the spec holds out, and compares them with its declaration;
    /// none if the spec declares no validation.
    ///
    /// # Errors
    /// [`TrainerError::Data`] if they are not the declared ones.
    pub fn open(
        program: &dyn Program,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Option<Self>, TrainerError> {
        let Some(declared) = &spec.validation else { return Ok(None) };
        let refuse =
            |name: &str, problem: String| Err(TrainerError::Data { name: name.into(), problem });
        let steps = match ValidationSteps::of(spec) {
            Ok(steps) => steps,
            Err(error) => return refuse(&spec.data.name, error.to_string()),
        };
        let data = program.validation_data(spec, setting)?;
        let (name, samples) = (&declared.data.name, data.len());
        if samples != declared.data.samples {
            let problem = format!(
                "it has {samples} samples that are held out; the spec declares {}: correct \
                 `samples` under [validation.data]",
                declared.data.samples
            );
            return refuse(name, problem);
        }
        // Without one, the samples lie in files whose pieces are checked as they are read.
        if let Some(wanted) = declared.data.digest {
            let found = match data.digest() {
                Ok(found) => found,
                Err(error) => return refuse(name, error.to_string()),
            };
            if found != wanted {
                let problem = format!(
                    "the digest of what is held out is {found}; the spec declares {wanted}: \
                     another version of the data, or a wrong `digest` under [validation.data]"
                );
                return refuse(name, problem);
            }
        }
        Ok(Some(Self { steps, data, batch_size: declared.batch_size as usize }))
    }

    /// Says whether the model is measured after the update of `step`.
    pub fn is_due(&self, step: u64) -> bool {
        self.steps.after(step)
    }

    /// Returns the number of samples that are held out.
    pub fn samples(&self) -> u64 {
        self.data.len()
    }

    /// Builds the batches, one at a time, in the order of the samples; the last one may be
    /// smaller.
    pub fn batches(&self) -> impl Iterator<Item = Result<Batch, DataError>> + '_ {
        let (samples, size) = (self.data.len(), self.batch_size);
        (0..samples).step_by(size).map(move |first| {
            let end = samples.min(first + size as u64);
            let numbers: Vec<u32> = (first..end).map(|sample| sample as u32).collect();
            self.data.batch(&numbers)
        })
    }

    /// Takes what was measured after the update of `step`.
    ///
    /// # Errors
    /// [`TrainerError::Program`] if it cannot be recorded: too many figures, or bad names.
    pub fn figures(step: u64, measured: Vec<Metric>) -> Result<Figures, TrainerError> {
        Figures::measured(measured).map_err(|error| TrainerError::Program {
            during: format!("in the validation after step {step}"),
            problem: error.to_string(),
        })
    }
}
