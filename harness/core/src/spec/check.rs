//! What a spec may say: limits, and messages that name the key.

use std::collections::BTreeMap;

use super::{
    CHECKPOINTS_MAX, Cadence, Clipping, DataSpec, Hyperparameter, OptimizerSpec, SAMPLES_MAX,
    SAMPLES_PER_STEP_MAX, SPEC_BYTES_MAX, SPEC_FORMAT, STEPS_MAX, Sampling, Spec,
};
use crate::sanitize::{plain, plain_lines};

const NAME_CHARS_MAX: usize = 64;

/// Limits how deep hyperparameters nest.
const NESTED_MAX: usize = 8;

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
    /// The text nests deeper than any spec.
    #[error("line {line} nests deeper than any spec; take brackets or dots out")]
    Deep {
        /// The line, from 1 on.
        line: usize,
    },
    /// The format version is another.
    #[error("`format = {found}`: this reenact reads formats 1 to {SPEC_FORMAT}")]
    Format {
        /// What the spec says.
        found: i64,
    },
    /// A spec of format 1 has what only format 2 knows.
    #[error("{key} came with format 2 of the spec: write `format = 2`")]
    Newer {
        /// What it has, in words.
        key: String,
    },
    /// A value is impossible.
    #[error("`{key}`: {problem}")]
    Value {
        /// The key, dotted; the elements of a list count from 0.
        key: String,
        /// What is wrong and what is possible.
        problem: String,
    },
}

impl SpecError {
    pub(super) fn syntax(error: &toml::de::Error) -> Self {
        Self::Syntax(said(error))
    }

    pub(super) fn value(key: &str, problem: impl Into<String>) -> Self {
        Self::Value { key: key.into(), problem: problem.into() }
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
        check_name("name", &self.name)?;
        check_name("program.name", &self.program.name)?;
        self.files.keys().try_for_each(|name| check_file_name("files", name))?;
        self.check_data("data", &self.data)?;
        if let Some(start) = &self.start {
            check_file_name("start.recording", &start.recording)?;
        }
        in_range("root_seed", self.root_seed, 0, i64::MAX as u64)?;
        in_range("steps", self.steps, 1, STEPS_MAX)?;
        let least = self.steps.div_ceil(CHECKPOINTS_MAX).max(1);
        in_range("checkpoint_every", self.checkpoint_every, least, self.steps)?;
        self.batch.check(self.data.samples)?;
        check_values("program.hyperparameters", &self.program.hyperparameters, 0)?;
        check_optimizer("optimizer", &self.optimizer)?;
        super::group::check(&self.groups)?;
        self.clipping.map_or(Ok(()), |clipping| check_clipping("clipping.limit", clipping))?;
        self.learning_rate.check(self.steps)?;
        if let Some(average) = self.average {
            let (decay, open) = (average.decay, (0.0..1.0).contains(&average.decay));
            real("average.decay", decay, open, "at least 0 and below 1")?;
            in_range("average.step_start", average.step_start, 0, STEPS_MAX)?;
        }
        self.check_validation()?;
        self.check_sampling()
    }

    fn check_data(&self, table: &str, data: &DataSpec) -> Result<(), SpecError> {
        let key = |name: &str| format!("{table}.{name}");
        check_name(&key("name"), &data.name)?;
        in_range(&key("samples"), data.samples, 1, SAMPLES_MAX)?;
        if data.digest.is_none() && data.files.is_empty() {
            let problem = "it is missing; declare `files` in its place where all samples lie in \
                           files";
            return Err(SpecError::value(&key("digest"), problem));
        }
        for (number, name) in data.files.iter().enumerate() {
            let refuse = |problem| Err(SpecError::value(&key("files"), problem));
            if !self.files.contains_key(name) {
                let name = plain(name);
                return refuse(format!("{name:?} is no file that [files] declares"));
            }
            if data.files[..number].contains(name) {
                return refuse(format!("{name:?} stands there twice"));
            }
        }
        Ok(())
    }

    fn check_validation(&self) -> Result<(), SpecError> {
        let Some(validation) = &self.validation else { return Ok(()) };
        if let Cadence::Steps(every) = validation.every {
            in_range("validation.every", every, 1, STEPS_MAX)?;
        }
        in_range("validation.batch_size", validation.batch_size, 1, SAMPLES_PER_STEP_MAX)?;
        self.check_data("validation.data", &validation.data)
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

/// Checks hyperparameters or constants by name; `depth` lists and tables are around them.
fn check_values(
    table: &str,
    values: &BTreeMap<String, Hyperparameter>,
    depth: usize,
) -> Result<(), SpecError> {
    values.iter().try_for_each(|(name, value)| {
        check_name(table, name)?;
        check_value(&format!("{table}.{name}"), value, depth)
    })
}

fn check_value(key: &str, value: &Hyperparameter, depth: usize) -> Result<(), SpecError> {
    if depth > NESTED_MAX {
        let problem = format!("it lies in more than {NESTED_MAX} lists and tables");
        return Err(SpecError::value(key, problem));
    }
    match value {
        Hyperparameter::Real(value) => real(key, *value, true, "a finite number"),
        // So that the canonical text has one way to write it.
        Hyperparameter::Text(text) => check_name(key, text),
        Hyperparameter::Flag(_) | Hyperparameter::Integer(_) => Ok(()),
        Hyperparameter::List(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(n, value)| check_value(&format!("{key}[{n}]"), value, depth + 1)),
        // How the reader of TOML hands over a date or a time.
        Hyperparameter::Table(table) if table.contains_key("$__toml_private_datetime") => {
            Err(SpecError::value(key, "a date or time is not possible; write it as a text"))
        }
        Hyperparameter::Table(table) => check_values(key, table, depth + 1),
    }
}

pub(super) fn check_optimizer(table: &str, optimizer: &OptimizerSpec) -> Result<(), SpecError> {
    let key = |name: &str| format!("{table}.{name}");
    let share = |name, value: f64| {
        real(&key(name), value, (0.0..1.0).contains(&value), "at least 0 and below 1")
    };
    let not_negative = |name, value: f64| real(&key(name), value, value >= 0.0, "at least 0");
    match optimizer {
        OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
            share("beta_1", *beta_1)?;
            share("beta_2", *beta_2)?;
            real(&key("epsilon"), *epsilon, *epsilon > 0.0, "above 0")?;
            not_negative("weight_decay", *weight_decay)
        }
        OptimizerSpec::Sgd { momentum, weight_decay, .. } => {
            share("momentum", *momentum)?;
            not_negative("weight_decay", *weight_decay)
        }
        OptimizerSpec::Engine { kind, constants } => {
            check_name(&key("kind"), kind)?;
            check_values(table, constants, 0)
        }
    }
}

pub(super) fn check_clipping(key: &str, clipping: Clipping) -> Result<(), SpecError> {
    real(key, clipping.limit(), clipping.limit() > 0.0, "above 0")
}

fn check_name(key: &str, name: &str) -> Result<(), SpecError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
    let problem =
        format!("{shown:?} is no name: 1 to {NAME_CHARS_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`");
    Err(SpecError::value(key, problem))
}

/// A file lies in the data folder itself, so its name is no path.
fn check_file_name(key: &str, name: &str) -> Result<(), SpecError> {
    check_name(key, name)?;
    if name.starts_with('.') {
        let problem = format!("{name:?} is no name of a file: it begins with a dot");
        return Err(SpecError::value(key, problem));
    }
    Ok(())
}

pub(crate) fn in_range(key: &str, value: u64, least: u64, most: u64) -> Result<(), SpecError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let problem = format!("{value} is out of range: {least} to {most} is possible");
    Err(SpecError::value(key, problem))
}

pub(crate) fn real(key: &str, value: f64, good: bool, wanted: &str) -> Result<(), SpecError> {
    if good && value.is_finite() {
        return Ok(());
    }
    let problem = format!("{value} is out of range: it has to be {wanted}");
    Err(SpecError::value(key, problem))
}
