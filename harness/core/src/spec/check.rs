//! What a spec may say: limits, and messages that name the key.

use super::{
    CHECKPOINTS_MAX, Clipping, Hyperparameter, OptimizerSpec, SAMPLES_PER_STEP_MAX, SPEC_BYTES_MAX,
    SPEC_FORMAT, STEPS_MAX, Sampling, Spec,
};
use crate::plain::{plain, plain_lines};
use crate::steering::SAMPLES_MAX;

const NAME_CHARS_MAX: usize = 64;

/// Says what is wrong with a spec.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The text is no TOML of the expected form.
    #[error("{0}")]
    Syntax(String),
    /// The text is larger than any spec.
    #[error("the spec has {bytes} bytes; at most {SPEC_BYTES_MAX} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The format version is another.
    #[error("`format = {found}`: this reenact reads format {SPEC_FORMAT}")]
    Format {
        /// What the spec says.
        found: u32,
    },
    /// A value is impossible.
    #[error("`{key}`: {problem}")]
    Value {
        /// The key, dotted.
        key: &'static str,
        /// What is wrong and what is possible.
        problem: String,
    },
}

impl SpecError {
    pub(super) fn syntax(error: &toml::de::Error) -> Self {
        Self::Syntax(said(error))
    }
}

/// Returns what a reader of TOML says, in lines: the place, the line there with a mark under
/// it, the problem. The first ones are the reader's own; in the problem stand keys, which may
/// break lines of their own.
pub(crate) fn said(error: &toml::de::Error) -> String {
    // Where the reader gives up on the whole text, it names no place in it.
    let whole = error.span().is_none().then_some("it is no TOML that can be read: ");
    let text = error.to_string();
    let text = text.trim_end();
    let problem = error.message().trim_end();
    let place = text.strip_suffix(problem).unwrap_or_default();
    format!("{}{}{}", whole.unwrap_or_default(), plain_lines(place), plain(problem))
}

impl Spec {
    pub(super) fn check(&self) -> Result<(), SpecError> {
        if self.format != SPEC_FORMAT {
            return Err(SpecError::Format { found: self.format });
        }
        check_name("name", &self.name)?;
        check_name("program.name", &self.program.name)?;
        check_name("data.name", &self.data.name)?;
        self.files.keys().try_for_each(|name| check_file_name(name))?;
        in_range("root_seed", self.root_seed, 0, i64::MAX as u64)?;
        in_range("steps", self.steps, 1, STEPS_MAX)?;
        let least = self.steps.div_ceil(CHECKPOINTS_MAX).max(1);
        in_range("checkpoint_every", self.checkpoint_every, least, self.steps)?;
        self.check_batch()?;
        self.check_hyperparameters()?;
        self.check_optimizer()?;
        if let Some(Clipping::GlobalNorm { limit } | Clipping::Value { limit }) = self.clipping {
            real("clipping.limit", limit, limit > 0.0, "above 0")?;
        }
        self.learning_rate.check(self.steps)?;
        self.check_sampling()
    }

    fn check_batch(&self) -> Result<(), SpecError> {
        in_range("batch.size", self.batch.size, 1, SAMPLES_PER_STEP_MAX)?;
        let most = SAMPLES_PER_STEP_MAX / self.batch.size;
        in_range("batch.accumulation", self.batch.accumulation, 1, most)?;
        in_range("data.samples", self.data.samples, 1, SAMPLES_MAX)?;
        self.check_step_fits()
    }

    /// A step that consumes more samples than there are is the batch's fault.
    fn check_step_fits(&self) -> Result<(), SpecError> {
        let (size, samples) = (self.batch.size, self.data.samples);
        let refuse = |key, problem| Err(SpecError::Value { key, problem });
        if size > samples {
            let problem = format!("{size} is more than `data.samples` = {samples}");
            return refuse("batch.size", problem);
        }
        if self.samples_per_step() > samples {
            let problem = format!(
                "{} times `batch.size` = {size} is more than `data.samples` = {samples}",
                self.batch.accumulation
            );
            return refuse("batch.accumulation", problem);
        }
        Ok(())
    }

    fn check_hyperparameters(&self) -> Result<(), SpecError> {
        for (name, value) in &self.program.hyperparameters {
            check_name("program.hyperparameters", name)?;
            match value {
                Hyperparameter::Real(value) => {
                    real("program.hyperparameters", *value, true, "a finite number")?;
                }
                // So that the canonical text has one way to write it.
                Hyperparameter::Text(text) => check_name("program.hyperparameters", text)?,
                Hyperparameter::Flag(_) | Hyperparameter::Integer(_) => {}
            }
        }
        Ok(())
    }

    fn check_optimizer(&self) -> Result<(), SpecError> {
        let share = |key, value: f64| {
            real(key, value, (0.0..1.0).contains(&value), "at least 0 and below 1")
        };
        let not_negative = |key, value: f64| real(key, value, value >= 0.0, "at least 0");
        match self.optimizer {
            OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                share("optimizer.beta_1", beta_1)?;
                share("optimizer.beta_2", beta_2)?;
                real("optimizer.epsilon", epsilon, epsilon > 0.0, "above 0")?;
                not_negative("optimizer.weight_decay", weight_decay)
            }
            OptimizerSpec::Sgd { momentum, weight_decay, .. } => {
                share("optimizer.momentum", momentum)?;
                not_negative("optimizer.weight_decay", weight_decay)
            }
        }
    }

    fn check_sampling(&self) -> Result<(), SpecError> {
        match self.sampling {
            Sampling::All {} => Ok(()),
            Sampling::Count { segments } => in_range("sampling.segments", segments, 1, STEPS_MAX),
            Sampling::Confidence { confidence, tampered } => {
                let open = confidence > 0.0 && confidence < 1.0;
                real("sampling.confidence", confidence, open, "above 0 and below 1")?;
                in_range("sampling.tampered", tampered, 1, STEPS_MAX)
            }
        }
    }
}

fn check_name(key: &'static str, name: &str) -> Result<(), SpecError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
    let problem =
        format!("{shown:?} is no name: 1 to {NAME_CHARS_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`");
    Err(SpecError::Value { key, problem })
}

/// A file lies in the data folder itself, so its name is no path.
fn check_file_name(name: &str) -> Result<(), SpecError> {
    check_name("files", name)?;
    if name.starts_with('.') {
        let problem = format!("{name:?} is no name of a file: it begins with a dot");
        return Err(SpecError::Value { key: "files", problem });
    }
    Ok(())
}

pub(crate) fn in_range(
    key: &'static str,
    value: u64,
    least: u64,
    most: u64,
) -> Result<(), SpecError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let problem = format!("{value} is out of range: {least} to {most} is possible");
    Err(SpecError::Value { key, problem })
}

pub(crate) fn real(
    key: &'static str,
    value: f64,
    good: bool,
    wanted: &str,
) -> Result<(), SpecError> {
    if good && value.is_finite() {
        return Ok(());
    }
    let problem = format!("{value} is out of range: it has to be {wanted}");
    Err(SpecError::Value { key, problem })
}
