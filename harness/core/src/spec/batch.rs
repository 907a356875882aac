//! Samples of a step.

use serde::{Deserialize, Serialize};

use super::{SAMPLES_PER_STEP_MAX, STEPS_MAX, SpecError, in_range};

/// Limits the phases of the batch size.
const PHASES_MAX: usize = 1024;

/// Says how many samples a step consumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSpec {
    /// Samples of one micro-batch, until a phase says otherwise.
    pub size: u64,
    /// Micro-batches whose gradients are joined into one update.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulation: u64,
    /// How the gradients of micro-batches are joined.
    #[serde(default, skip_serializing_if = "is_default")]
    pub combination: Combination,
    /// What becomes of samples that fill no whole step at the end of an epoch.
    #[serde(default, skip_serializing_if = "is_default")]
    pub last: LastBatch,
    /// Other sizes from a step on, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<BatchPhase>,
}

/// Says how large micro-batches are from a step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPhase {
    /// The first step.
    pub step_start: u64,
    /// Samples of one micro-batch.
    pub size: u64,
}

/// Says how the gradients and losses of a step's micro-batches are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combination {
    /// Their mean; each micro-batch counts the same.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their mean, weighted by what the program says each loss counts: its tokens, say.
    Weighted,
}

/// Says what becomes of samples that fill no whole step at the end of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// They are left out; which ones, the order draws anew in each epoch.
    #[default]
    Dropped,
    /// They make a smaller step.
    Kept,
    /// The step is filled with the first samples of the next epoch.
    Wrapped,
}

impl BatchSpec {
    /// Takes the same number of samples at each step.
    pub fn new(size: u64, accumulation: u64) -> Self {
        Self {
            size,
            accumulation,
            combination: Combination::default(),
            last: LastBatch::default(),
            phases: Vec::new(),
        }
    }

    /// Returns the samples of one micro-batch of `step`; the last one of a step that ends an
    /// epoch may have fewer.
    pub fn size_at(&self, step: u64) -> u64 {
        let begun = self.phases.iter().take_while(|phase| phase.step_start <= step);
        begun.last().map_or(self.size, |phase| phase.size)
    }

    /// Returns the largest number of samples that any step consumes.
    pub fn samples_per_step_max(&self) -> u64 {
        let sizes = self.phases.iter().map(|phase| phase.size);
        sizes.fold(self.size, u64::max).saturating_mul(self.accumulation)
    }

    pub(super) fn check(&self, samples: u64) -> Result<(), SpecError> {
        in_range("batch.size", self.size, 1, SAMPLES_PER_STEP_MAX)?;
        let most = SAMPLES_PER_STEP_MAX / self.size;
        in_range("batch.accumulation", self.accumulation, 1, most)?;
        self.check_step_fits("batch.size", self.size, samples)?;
        in_range("batch.phases", self.phases.len() as u64, 0, PHASES_MAX as u64)?;
        let mut step_start = 0;
        for (number, phase) in self.phases.iter().enumerate() {
            let key = |name: &str| format!("batch.phases[{number}].{name}");
            in_range(&key("step_start"), phase.step_start, step_start + 1, STEPS_MAX)?;
            step_start = phase.step_start;
            let most = SAMPLES_PER_STEP_MAX / self.accumulation;
            in_range(&key("size"), phase.size, 1, most)?;
            self.check_step_fits(&key("size"), phase.size, samples)?;
        }
        Ok(())
    }

    /// A step that consumes more samples than there are is the batch's fault.
    fn check_step_fits(&self, key: &str, size: u64, samples: u64) -> Result<(), SpecError> {
        if size > samples {
            let problem = format!("{size} is more than `data.samples` = {samples}");
            return Err(SpecError::value(key, problem));
        }
        let accumulation = self.accumulation;
        if size * accumulation > samples {
            let problem = format!(
                "{accumulation} times `{key}` = {size} is more than `data.samples` = {samples}"
            );
            return Err(SpecError::value("batch.accumulation", problem));
        }
        Ok(())
    }

    /// Returns the stretches of steps of one size: each one's first step and the samples
    /// of a step.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (u64, u64)> {
        let first = (0, self.size * self.accumulation);
        let others = self.phases.iter().map(|p| (p.step_start, p.size * self.accumulation));
        std::iter::once(first).chain(others)
    }
}

fn one() -> u64 {
    1
}

fn is_one(value: &u64) -> bool {
    *value == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
