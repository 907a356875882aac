//! What a spec may say: limits, and messages that name the key.

use super::{
    CHECKPOINTS_MAX, Cadence, Clipping, DataSpec, GroupSpec, Hyperparameter, OptimizerSpec,
    SAMPLES_PER_STEP_MAX, SPEC_BYTES_MAX, SPEC_FORMAT, STEPS_MAX, Sampling, Spec,
};
use crate::plain::{plain, plain_lines};
use crate::steering::SAMPLES_MAX;

const NAME_CHARS_MAX: usize = 64;

/// Limits the groups; each is tried for each parameter.
const GROUPS_MAX: u64 = 256;

/// Limits the phases of the batch size.
const BATCH_PHASES_MAX: u64 = 1024;

/// Limits how deep hyperparameters nest.
const NESTED_MAX: usize = 8;

/// Limits a pattern of module paths.
const PATTERN_CHARS_MAX: usize = 256;

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
    #[error("`format = {found}`: this reenact reads formats 1 to {SPEC_FORMAT}")]
    Format {
        /// What the spec says.
        found: u32,
    },
    /// A spec of format 1 has what only format 2 knows.
    #[error("`{key}` came with format 2 of the spec: write `format = 2`")]
    Newer {
        /// The key, dotted.
        key: &'static str,
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
        match self.format {
            1 => self.check_first()?,
            2..=SPEC_FORMAT => {}
            found => return Err(SpecError::Format { found }),
        }
        check_name("name", &self.name)?;
        check_name("program.name", &self.program.name)?;
        self.files.keys().try_for_each(|name| check_file_name("files", name))?;
        self.check_data(["data.name", "data.samples", "data.digest", "data.files"], &self.data)?;
        if let Some(start) = &self.start {
            check_file_name("start.recording", &start.recording)?;
        }
        in_range("root_seed", self.root_seed, 0, i64::MAX as u64)?;
        in_range("steps", self.steps, 1, STEPS_MAX)?;
        let least = self.steps.div_ceil(CHECKPOINTS_MAX).max(1);
        in_range("checkpoint_every", self.checkpoint_every, least, self.steps)?;
        self.check_batch()?;
        self.check_hyperparameters()?;
        check_optimizer(&self.optimizer)?;
        in_range("groups", self.groups.len() as u64, 0, GROUPS_MAX)?;
        self.groups.iter().try_for_each(check_group)?;
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

    /// A spec of format 1 has nothing that came later.
    fn check_first(&self) -> Result<(), SpecError> {
        let nested = |value: &Hyperparameter| {
            matches!(value, Hyperparameter::List(_) | Hyperparameter::Table(_))
        };
        let batch = super::BatchSpec::new(self.batch.size, self.batch.accumulation);
        let later = [
            ("program.precision", !self.program.precision.is_single()),
            ("program.hyperparameters", self.program.hyperparameters.values().any(nested)),
            ("data.digest", self.data.digest.is_none()),
            ("data.files", !self.data.files.is_empty()),
            ("start", self.start.is_some()),
            ("batch", self.batch != batch),
            ("optimizer.kind", !self.optimizer.is_first()),
            ("groups", !self.groups.is_empty()),
            ("clipping.kind", matches!(self.clipping, Some(Clipping::TensorNorm { .. }))),
            ("learning_rate.kind", !self.learning_rate.is_first()),
            ("average", self.average.is_some()),
            ("validation", self.validation.is_some()),
        ];
        let first = later.into_iter().find(|(_, present)| *present);
        first.map_or(Ok(()), |(key, _)| Err(SpecError::Newer { key }))
    }

    fn check_data(&self, keys: [&'static str; 4], data: &DataSpec) -> Result<(), SpecError> {
        let [name, samples, digest, files] = keys;
        check_name(name, &data.name)?;
        in_range(samples, data.samples, 1, SAMPLES_MAX)?;
        let refuse = |key, problem: String| Err(SpecError::Value { key, problem });
        if data.digest.is_none() && data.files.is_empty() {
            return refuse(
                digest,
                "it needs a `digest`, or `files` in which all samples lie".into(),
            );
        }
        match data.files.iter().find(|name| !self.files.contains_key(*name)) {
            Some(name) => refuse(files, format!("{name:?} is no file that [files] declares")),
            None => Ok(()),
        }
    }

    fn check_validation(&self) -> Result<(), SpecError> {
        let Some(validation) = &self.validation else { return Ok(()) };
        if let Cadence::Steps(every) = validation.every {
            in_range("validation.every", every, 1, STEPS_MAX)?;
        }
        in_range("validation.batch_size", validation.batch_size, 1, SAMPLES_PER_STEP_MAX)?;
        self.check_data(
            [
                "validation.data.name",
                "validation.data.samples",
                "validation.data.digest",
                "validation.data.files",
            ],
            &validation.data,
        )
    }

    fn check_batch(&self) -> Result<(), SpecError> {
        in_range("batch.size", self.batch.size, 1, SAMPLES_PER_STEP_MAX)?;
        let most = SAMPLES_PER_STEP_MAX / self.batch.size;
        in_range("batch.accumulation", self.batch.accumulation, 1, most)?;
        self.check_step_fits("batch.size", self.batch.size)?;
        let phases = &self.batch.phases;
        in_range("batch.phases", phases.len() as u64, 0, BATCH_PHASES_MAX)?;
        let mut step_start = 0;
        for phase in phases {
            in_range("batch.phases.step_start", phase.step_start, step_start + 1, STEPS_MAX)?;
            step_start = phase.step_start;
            let most = SAMPLES_PER_STEP_MAX / self.batch.accumulation;
            in_range("batch.phases.size", phase.size, 1, most)?;
            self.check_step_fits("batch.phases.size", phase.size)?;
        }
        Ok(())
    }

    /// A step that consumes more samples than there are is the batch's fault.
    fn check_step_fits(&self, key: &'static str, size: u64) -> Result<(), SpecError> {
        let samples = self.data.samples;
        let refuse = |key, problem| Err(SpecError::Value { key, problem });
        if size > samples {
            let problem = format!("{size} is more than `data.samples` = {samples}");
            return refuse(key, problem);
        }
        if size * self.batch.accumulation > samples {
            let problem = format!(
                "{} times `{key}` = {size} is more than `data.samples` = {samples}",
                self.batch.accumulation
            );
            return refuse("batch.accumulation", problem);
        }
        Ok(())
    }

    fn check_hyperparameters(&self) -> Result<(), SpecError> {
        let named = self.program.hyperparameters.iter();
        named.clone().try_for_each(|(name, value)| check_hyperparameter(name, value, 0))
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

fn check_hyperparameter(name: &str, value: &Hyperparameter, depth: usize) -> Result<(), SpecError> {
    const KEY: &str = "program.hyperparameters";
    check_name(KEY, name)?;
    check_value(KEY, value, depth)
}

fn check_value(key: &'static str, value: &Hyperparameter, depth: usize) -> Result<(), SpecError> {
    if depth > NESTED_MAX {
        let problem = format!("it nests deeper than {NESTED_MAX}");
        return Err(SpecError::Value { key, problem });
    }
    match value {
        Hyperparameter::Real(value) => real(key, *value, true, "a finite number"),
        // So that the canonical text has one way to write it.
        Hyperparameter::Text(text) => check_name(key, text),
        Hyperparameter::Flag(_) | Hyperparameter::Integer(_) => Ok(()),
        Hyperparameter::List(values) => {
            values.iter().try_for_each(|value| check_value(key, value, depth + 1))
        }
        Hyperparameter::Table(table) => table.iter().try_for_each(|(name, value)| {
            check_name(key, name)?;
            check_value(key, value, depth + 1)
        }),
    }
}

fn check_optimizer(optimizer: &OptimizerSpec) -> Result<(), SpecError> {
    let share =
        |key, value: f64| real(key, value, (0.0..1.0).contains(&value), "at least 0 and below 1");
    let not_negative = |key, value: f64| real(key, value, value >= 0.0, "at least 0");
    match optimizer {
        OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
            share("optimizer.beta_1", *beta_1)?;
            share("optimizer.beta_2", *beta_2)?;
            real("optimizer.epsilon", *epsilon, *epsilon > 0.0, "above 0")?;
            not_negative("optimizer.weight_decay", *weight_decay)
        }
        OptimizerSpec::Sgd { momentum, weight_decay, .. } => {
            share("optimizer.momentum", *momentum)?;
            not_negative("optimizer.weight_decay", *weight_decay)
        }
        OptimizerSpec::Engine { kind, constants } => {
            check_name("optimizer.kind", kind)?;
            constants.iter().try_for_each(|(name, value)| {
                check_name("optimizer", name)?;
                check_value("optimizer", value, 0)
            })
        }
    }
}

fn check_group(group: &GroupSpec) -> Result<(), SpecError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    let pattern = &group.pattern;
    if pattern.is_empty() || pattern.len() > PATTERN_CHARS_MAX || !pattern.chars().all(allowed) {
        let shown: String = pattern.chars().take(NAME_CHARS_MAX).collect();
        let problem = format!(
            "{shown:?} is no pattern: 1 to {PATTERN_CHARS_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`, `*`"
        );
        return Err(SpecError::Value { key: "groups.match", problem });
    }
    let factor = group.learning_rate_factor;
    real("groups.learning_rate_factor", factor, factor >= 0.0, "at least 0")?;
    if let Some(decay) = group.weight_decay {
        real("groups.weight_decay", decay, decay >= 0.0, "at least 0")?;
    }
    in_range("groups.frozen_until", group.frozen_until, 0, STEPS_MAX)?;
    group.clipping.map_or(Ok(()), |clipping| check_clipping("groups.clipping.limit", clipping))?;
    group.optimizer.as_ref().map_or(Ok(()), check_optimizer)
}

fn check_clipping(key: &'static str, clipping: Clipping) -> Result<(), SpecError> {
    real(key, clipping.limit(), clipping.limit() > 0.0, "above 0")
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
fn check_file_name(key: &'static str, name: &str) -> Result<(), SpecError> {
    check_name(key, name)?;
    if name.starts_with('.') {
        let problem = format!("{name:?} is no name of a file: it begins with a dot");
        return Err(SpecError::Value { key, problem });
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
