//! The accepted steps, a line each: where two of these texts part, the bits have moved.

use std::fmt;

use reenact_core::digest::{Digest, Hasher};
use reenact_core::figure::Figures;
use reenact_core::format::StepLayouts;
use reenact_core::sanitize::plain;
use reenact_core::state::{Fingerprint, Layout, StateRoot};
use reenact_core::trainer::StepTrace;
use reenact_core::verify::Stage;

use crate::Spoilt;
use crate::lock::STEPS_MAX;
use crate::spoilt::{last_line, text};

/// Format version of the trace.
///
/// 1: the first (2026-11).
/// 2: steps may say what was measured after them; a trace without any is of format 1 (2026-11).
pub const TRACE_FORMAT: u64 = 2;

/// Limits the text of a trace.
pub const TRACE_BYTES_MAX: usize = 1 << 20;

const BEGINNING: &str = "reenact trace ";
/// Letters that are quoted of a line.
const QUOTED_MAX: usize = 100;

/// Holds what is accepted of a training, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Digest of the spec.
    pub spec: Digest,
    /// Root of the initial state.
    pub first: StateRoot,
    /// The steps, from 0 on.
    pub steps: Vec<TraceStep>,
    /// Root of the state after the last one.
    pub last: StateRoot,
    /// The journal that names tensors; none if not even a step of it is short enough.
    pub journal: Option<JournalBinding>,
}

/// Binds a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalBinding {
    /// Digest of the file.
    pub digest: Digest,
    /// Steps that it holds, from the first on.
    pub steps: u64,
}

/// Holds what one step did, short: in each part enough digits to see that it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// Beginning of a digest of the sample numbers and the batch.
    pub batch: u32,
    /// Bits of the learning rate, an `f64`.
    pub learning_rate_bits: u64,
    /// Bits of the loss, an `f32`.
    pub loss_bits: u32,
    /// Beginning of a digest of the gradients' names and fingerprints.
    pub gradient: u64,
    /// The same of the state after the step.
    pub update: u64,
    /// The same of the figures that were measured after it, with their names; none if it was
    /// not measured.
    pub figures: Option<u64>,
}

/// Says why a text is no trace; names the line.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Something befell the text.
    #[error(transparent)]
    Spoilt(#[from] Spoilt),
    /// It is something else.
    #[error("line 1: this is no trace, which `reenact gate accept` writes")]
    Foreign,
    /// A newer or older reenact wrote it.
    #[error("line 1: it is of format {found}; this reenact reads 1 to {TRACE_FORMAT}")]
    Format {
        /// What it says.
        found: u64,
    },
    /// A line is not what belongs there.
    #[error("line {line} is `{found}`, where {expected} belongs")]
    Line {
        /// Which.
        line: usize,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
}

impl TraceStep {
    /// Shortens what was recorded of a step whose fingerprints stand for these tensors.
    pub fn of(trace: &StepTrace, layouts: &StepLayouts) -> Self {
        let mut batch = Hasher::new("reenact v1 gate batch");
        let batch = batch.fixed(&trace.samples.0).fixed(&trace.batch.0).finish();
        let tensors = |layout, fingerprints| first64(tensors(layout, fingerprints));
        Self {
            batch: (first64(batch) >> 32) as u32,
            learning_rate_bits: trace.learning_rate_bits,
            loss_bits: trace.loss_bits,
            gradient: tensors(&layouts.gradient, &trace.gradient),
            update: tensors(&layouts.state, &trace.state),
            figures: trace.validation.as_ref().map(|found| first64(figures(found))),
        }
    }

    /// Returns the first part in which another step differs, in the order of the computation.
    pub fn stage_of_difference(&self, other: &Self) -> Option<Stage> {
        let parts = [
            (self.batch != other.batch, Stage::Batch),
            (self.learning_rate_bits != other.learning_rate_bits, Stage::LearningRate),
            (self.loss_bits != other.loss_bits, Stage::Loss),
            (self.gradient != other.gradient, Stage::Gradient),
            (self.update != other.update, Stage::Update),
            (self.figures != other.figures, Stage::Validation),
        ];
        parts.into_iter().find_map(|(differs, stage)| differs.then_some(stage))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').peekable();
        let mut part = |name: &str, digits: usize| {
            words.next_if_eq(&name)?;
            let word = words.next().filter(|word| word.len() == digits)?;
            u64::from_str_radix(word, 16).ok()
        };
        let found = Self {
            batch: part("batch", 8)? as u32,
            learning_rate_bits: part("rate", 16)?,
            loss_bits: part("loss", 8)? as u32,
            gradient: part("gradient", 16)?,
            update: part("update", 16)?,
            figures: part("figures", 16),
        };
        // One spelling: no capitals, no signs, nothing behind.
        (found.to_string() == text).then_some(found)
    }
}

impl fmt::Display for TraceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, learning_rate_bits, loss_bits, gradient, update, figures } = self;
        write!(f, "batch {batch:08x} rate {learning_rate_bits:016x} loss {loss_bits:08x} ")?;
        write!(f, "gradient {gradient:016x} update {update:016x}")?;
        figures.iter().try_for_each(|figures| write!(f, " figures {figures:016x}"))
    }
}

/// The beginning of a digest, as its text begins.
fn first64(digest: Digest) -> u64 {
    u64::from_be_bytes(*digest.0.first_chunk().expect("a digest has 32 bytes"))
}

/// Another name, type or shape is another tensor.
fn tensors(layout: &Layout, fingerprints: &[Fingerprint]) -> Digest {
    let mut hasher = Hasher::new("reenact v1 gate tensors");
    hasher.u64(fingerprints.len() as u64);
    for (spec, fingerprint) in layout.tensors().iter().zip(fingerprints) {
        hasher.bytes(spec.name.as_bytes()).bytes(spec.dtype.name().as_bytes());
        hasher.u64(spec.shape.len() as u64);
        spec.shape.iter().for_each(|&size| {
            hasher.u64(size);
        });
        hasher.u64(fingerprint.0);
    }
    hasher.finish()
}

/// Another name is another figure; numbers are compared by their bits.
fn figures(figures: &Figures) -> Digest {
    let mut hasher = Hasher::new("reenact v1 gate figures");
    hasher.u64(figures.all().len() as u64);
    for figure in figures.all() {
        hasher.bytes(figure.name.as_bytes()).u64(figure.value_bits);
    }
    hasher.finish()
}

impl Trace {
    /// Returns the format of its text: the first that holds all of it.
    fn format(&self) -> u64 {
        if self.steps.iter().any(|step| step.figures.is_some()) { 2 } else { 1 }
    }

    /// Reads what `Display` writes, and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        let text = text(bytes, TRACE_BYTES_MAX)?;
        let mut lines = Lines { lines: text.lines(), line: 0, current: "" };
        let format = check_format(text.lines().next().unwrap_or_default(), text.contains('\n'))?;
        if !text.ends_with('\n') {
            return Err(Spoilt::Cut { line: last_line(text) }.into());
        }
        lines.next()?;
        let spec = lines.next()?.digest("spec", "`spec DIGEST`")?;
        let first = StateRoot(lines.next()?.digest("first", "`first DIGEST`")?);
        let mut steps = Vec::new();
        while !lines.next()?.current.starts_with("last ") {
            steps.push(lines.step(steps.len() as u64)?);
        }
        let last = StateRoot(lines.digest("last", "`last DIGEST`")?);
        let journal = lines.next()?.journal(steps.len() as u64)?;
        if let Ok(lines) = lines.next() {
            return Err(lines.refuse("the end"));
        }
        let trace = Self { spec, first, steps, last, journal };
        // One text: figures are what the second format is for.
        if trace.format() == format { Ok(trace) } else { Err(TraceError::Foreign) }
    }

    /// Returns the digest of a stored trace, by which a lock binds it.
    pub fn digest_of_text(bytes: &[u8]) -> Digest {
        Hasher::new("reenact v1 gate trace").bytes(bytes).finish()
    }

    /// Returns the digest of the text of this one.
    pub fn digest(&self) -> Digest {
        Self::digest_of_text(self.to_string().as_bytes())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{BEGINNING}{}\nspec {}\nfirst {}", self.format(), self.spec, self.first)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{number} {step}")?;
        }
        writeln!(f, "last {}", self.last)?;
        match self.journal {
            Some(JournalBinding { digest, steps }) => writeln!(f, "journal {digest} steps {steps}"),
            None => writeln!(f, "journal none"),
        }
    }
}

/// Looks at the first line, of which a cut may have left a part.
fn check_format(first: &str, whole: bool) -> Result<u64, TraceError> {
    match first.strip_prefix(BEGINNING).and_then(|number| number.parse().ok()) {
        Some(format @ 1..=TRACE_FORMAT) => Ok(format),
        Some(found) => Err(TraceError::Format { found }),
        None if !whole && BEGINNING.starts_with(first) => Ok(1),
        None => Err(TraceError::Foreign),
    }
}

/// Reads a trace line by line.
struct Lines<'a> {
    lines: std::str::Lines<'a>,
    line: usize,
    current: &'a str,
}

impl Lines<'_> {
    /// Goes to the next line; what ends before its last line was cut.
    fn next(&mut self) -> Result<&Self, Spoilt> {
        self.current = self.lines.next().ok_or(Spoilt::Cut { line: self.line.max(1) })?;
        self.line += 1;
        Ok(self)
    }

    fn refuse(&self, expected: &'static str) -> TraceError {
        let found: String = self.current.chars().take(QUOTED_MAX).collect();
        TraceError::Line { line: self.line, expected, found: plain(&found) }
    }

    fn digest(&self, name: &str, expected: &'static str) -> Result<Digest, TraceError> {
        let digest = self.current.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
        let digest = digest.and_then(|digest| digest.parse().ok());
        digest.ok_or_else(|| self.refuse(expected))
    }

    fn step(&self, number: u64) -> Result<TraceStep, TraceError> {
        if number == STEPS_MAX {
            return Err(self.refuse("the end of the steps, of which there are at most 4096,"));
        }
        let rest = self.current.strip_prefix(&number.to_string());
        let step = rest.and_then(|rest| TraceStep::parse(rest.strip_prefix(' ')?));
        step.ok_or_else(|| self.refuse("the next step, or `last DIGEST`,"))
    }

    fn journal(&self, steps_max: u64) -> Result<Option<JournalBinding>, TraceError> {
        let binding = || {
            let (digest, steps) = self.current.strip_prefix("journal ")?.split_once(" steps ")?;
            let (digest, number) = (digest.parse().ok()?, steps.parse().ok()?);
            let there = (1..=steps_max).contains(&number) && number.to_string() == steps;
            there.then_some(JournalBinding { digest, steps: number })
        };
        match self.current {
            "journal none" => Ok(None),
            _ => binding()
                .map(Some)
                .ok_or_else(|| self.refuse("`journal DIGEST steps NUMBER`, or `journal none`,")),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
