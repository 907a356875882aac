//! The calibration: how far honest replays on one class of device end from
//! recordings of another.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use crate::digest::{Digest, Hasher};
use crate::spec::{Sampling, Spec};

/// Format version of the calibration.
///
/// 1: the first (2026-11).
pub const CALIBRATION_FORMAT: u32 = 1;

/// Limits a calibration's text: one of 30,000 tensors stays below it.
pub const CALIBRATION_BYTES_MAX: usize = 1 << 24;

const TENSORS_MAX: usize = 100_000;
const RUNS_MAX: usize = 10_000;
const FACTS_MAX: usize = 256;
const DRIFTS_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 4096;

/// Of each measure, these quantiles of the honest replays are kept.
pub const QUANTILES: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];

/// Says how far honest replays end from honest recordings, between two classes
/// of device, and what is allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Format version, [`CALIBRATION_FORMAT`].
    pub format: u32,
    /// Name of the program.
    pub program: String,
    /// Digest of what of the spec it depends on ([`Calibration::subject`]).
    pub subject: Digest,
    /// Steps of a segment; the last may have fewer.
    pub segment_steps: u64,
    /// Whether both classes derive the same initial state, bit for bit. If not,
    /// no audit can hold it against a recording.
    pub initial_state_agrees: bool,
    /// Honest replays that it rests on, of all runs together.
    pub segments: u64,
    /// The thresholds are this many times what honest replays needed.
    pub margin: f64,
    /// Commitment digests of the recordings that were replayed.
    pub runs: Vec<Digest>,
    /// How often an honest recording is accused, at most.
    pub false_alarms: FalseAlarms,
    /// Class that recorded.
    pub recorded: BTreeMap<String, String>,
    /// Class that replayed.
    pub replayed: BTreeMap<String, String>,
    /// What is allowed of the sum of residuals, by the number of segments;
    /// ascending. Empty where the runs have one segment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftAllowed>,
    /// What is allowed of each tensor of floats, by name.
    pub tensor: Vec<TensorAllowed>,
}

/// Bounds how often an honest recording is accused.
///
/// Both hold for a margin of 1, on average over calibrations, for a recording
/// that is as likely as those of the calibration (exchangeable with them). A
/// larger margin lowers the true rates by an amount that nothing proves. Segments that
/// share a chance of their run, such as kernels that are timed once a process, are one draw
/// and not many: for these only the rate of the drift, that of whole runs, holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FalseAlarms {
    /// Chance that an honest segment is beyond a threshold of any tensor.
    pub segment: f64,
    /// Chance that the drift of an honest audit is beyond what is allowed.
    pub drift: f64,
}

/// Says how much drift is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftAllowed {
    /// Number of segments whose residuals are added up.
    pub segments: u64,
    /// Largest drift of any tensor, in units of its `noise_l2`.
    pub factor: f64,
}

/// Says what is allowed of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorAllowed {
    /// The tensor.
    pub name: String,
    /// Longest residual, as a share of the update of the segment or of a usual
    /// one, whichever is longer.
    pub relative_l2_max: f64,
    /// Largest residual of an element, in units in the last place of the
    /// tensor's largest element or of a usual one, whichever is larger.
    pub ulp_max: f64,
    /// Root of the mean square of the honest residuals, as shares of the updates.
    pub noise_l2: f64,
    /// Median length of the update of a segment.
    pub update_l2_usual: f64,
    /// Median unit in the last place of the tensor's largest element.
    pub ulp_usual: f64,
    /// Quantiles ([`QUANTILES`]) of the residual's share of the update.
    pub relative_l2_quantiles: [f64; QUANTILES.len()],
    /// Quantiles ([`QUANTILES`]) of the residual's largest element.
    pub ulp_quantiles: [f64; QUANTILES.len()],
}

/// Says why a text is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// It is too large.
    #[error("{bytes} bytes are too many for a calibration")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is no text.
    #[error("it is no UTF-8 text")]
    NotText,
    /// It is no TOML, or has other keys.
    #[error("{0}")]
    Syntax(String),
    /// It is of another format.
    #[error("it is of format {found}; this reenact reads {CALIBRATION_FORMAT}")]
    Format {
        /// Its number.
        found: u32,
    },
    /// A value is out of its range.
    #[error("`{key}`: {problem}")]
    Value {
        /// Where.
        key: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Calibration {
    /// Digests what of a spec a calibration depends on: all but the name, the
    /// root seed and the sampling policy.
    pub fn subject(spec: &Spec) -> Digest {
        let sampling = Sampling::All {};
        let subject = Spec { name: "calibration".into(), root_seed: 0, sampling, ..spec.clone() };
        Hasher::new("reenact v1 calibration subject").bytes(subject.canonical().as_bytes()).finish()
    }

    /// Returns the digest of a stored calibration.
    pub fn digest_of_text(text: &[u8]) -> Digest {
        Hasher::new("reenact v1 calibration").bytes(text).finish()
    }

    /// Reads and checks a calibration.
    pub fn parse(text: &[u8]) -> Result<Self, CalibrationError> {
        if text.len() > CALIBRATION_BYTES_MAX {
            return Err(CalibrationError::TooLarge { bytes: text.len() });
        }
        let text = std::str::from_utf8(text).map_err(|_| CalibrationError::NotText)?;
        let found: Self = toml::from_str(text)
            .map_err(|error| CalibrationError::Syntax(crate::spec::said(&error)))?;
        found.check()?;
        Ok(found)
    }

    /// Writes the text.
    ///
    /// # Errors
    /// If no reader would take it.
    pub fn encode(&self) -> Result<String, CalibrationError> {
        self.check()?;
        let text = toml::to_string(self).expect("a checked calibration has only what TOML has");
        match text.len() {
            bytes if bytes > CALIBRATION_BYTES_MAX => Err(CalibrationError::TooLarge { bytes }),
            _ => Ok(text),
        }
    }

    /// Returns what is allowed of a tensor.
    pub fn tensor(&self, name: &str) -> Option<&TensorAllowed> {
        let place = self.tensor.binary_search_by(|tensor| tensor.name.as_str().cmp(name));
        place.ok().map(|place| &self.tensor[place])
    }

    /// Returns how much drift is allowed over so many segments; none for fewer
    /// than were calibrated, as for one alone.
    pub fn drift_allowed(&self, segments: u64) -> Option<f64> {
        let after = self.drift.partition_point(|known| known.segments < segments);
        let above = self.drift.get(after);
        if above.is_some_and(|known| known.segments == segments) {
            return above.map(|known| known.factor);
        }
        let below = after.checked_sub(1).map(|place| self.drift[place].factor)?;
        // Between two numbers that were measured, the more generous counts.
        Some(above.map_or(below, |known| known.factor.max(below)))
    }

    /// Says why it does not hold for a recording that is replayed here; none if
    /// it does.
    pub fn objection(
        &self,
        spec: &Spec,
        trained_by: &[(u64, Environment)],
        auditor: &Environment,
    ) -> Option<String> {
        let theirs = |found: &&(u64, Environment)| found.1.engine.class != self.recorded;
        if self.subject != Self::subject(spec) {
            Some(format!(
                "the calibration is for another spec: one of the program `{}` with segments of {} \
                 steps, or with other data, steps, batches, rates or hyperparameters; only name, \
                 root seed and sampling policy may differ",
                crate::sanitize::plain(&self.program),
                self.segment_steps
            ))
        } else if trained_by.is_empty() || trained_by.iter().any(|found| theirs(&found)) {
            Some("the calibration is for recordings of another class of device".into())
        } else if auditor.engine.class != self.replayed {
            Some("the calibration is for replays on another class of device than this one".into())
        } else {
            None
        }
    }

    fn check(&self) -> Result<(), CalibrationError> {
        if self.format != CALIBRATION_FORMAT {
            return Err(CalibrationError::Format { found: self.format });
        }
        check(self.recorded != self.replayed, "replayed", "it is the class that recorded")?;
        for (key, class) in [("recorded", &self.recorded), ("replayed", &self.replayed)] {
            let short = |text: &String| text.len() <= TEXT_BYTES_MAX;
            let facts = class.iter().all(|(name, value)| short(name) && short(value));
            check(!class.is_empty() && class.len() <= FACTS_MAX, key, "too many facts, or none")?;
            check(facts, key, "a fact is too long")?;
        }
        check(self.program.len() <= TEXT_BYTES_MAX, "program", "it is too long")?;
        check(self.segment_steps > 0, "segment_steps", "it has to be above 0")?;
        check(self.segments > 0, "segments", "it has to be above 0")?;
        check((1.0..=1e6).contains(&self.margin), "margin", "it has to lie in 1 to 1e6")?;
        let runs = (1..=RUNS_MAX).contains(&self.runs.len());
        check(runs, "runs", "there have to be 1 to 10,000")?;
        let rates = [self.false_alarms.segment, self.false_alarms.drift];
        let chance = rates.iter().all(|rate| (0.0..=1.0).contains(rate));
        check(chance, "false_alarms", "a chance lies in 0 to 1")?;
        self.check_drift()?;
        check(!self.tensor.is_empty(), "tensor", "there is none")?;
        check(self.tensor.len() <= TENSORS_MAX, "tensor", "there are too many")?;
        let names: BTreeSet<&str> = self.tensor.iter().map(|tensor| &*tensor.name).collect();
        let sorted = self.tensor.is_sorted_by(|a, b| a.name < b.name);
        check(sorted && names.len() == self.tensor.len(), "tensor", "names have to ascend")?;
        self.tensor.iter().try_for_each(TensorAllowed::check)
    }

    fn check_drift(&self) -> Result<(), CalibrationError> {
        let ascends = self.drift.is_sorted_by(|a, b| a.segments < b.segments);
        let many = self.drift.iter().all(|known| known.segments > 1);
        check(self.drift.len() <= DRIFTS_MAX, "drift", "there are too many")?;
        check(ascends && many, "drift", "numbers of segments have to ascend from 2 on")?;
        let positive = self.drift.iter().all(|known| is_positive(known.factor));
        check(positive, "drift", "a factor has to be above 0 and finite")
    }
}

impl TensorAllowed {
    fn check(&self) -> Result<(), CalibrationError> {
        let key: String = self.name.chars().take(64).flat_map(char::escape_default).collect();
        let key = format!("tensor {key}");
        let sizes = [self.noise_l2, self.update_l2_usual, self.ulp_usual];
        let mut positive = [self.relative_l2_max, self.ulp_max].into_iter().chain(sizes);
        let quantiles = [self.relative_l2_quantiles, self.ulp_quantiles];
        let ascend = |found: &[f64; QUANTILES.len()]| {
            found.is_sorted() && found.iter().all(|value| *value >= 0.0 && value.is_finite())
        };
        check((1..=256).contains(&self.name.len()), &key, "a name has 1 to 256 bytes")?;
        check(positive.all(is_positive), &key, "thresholds have to be above 0 and finite")?;
        check(quantiles.iter().all(ascend), &key, "quantiles have to ascend from 0 on")
    }
}

fn is_positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

fn check(holds: bool, key: &str, problem: &'static str) -> Result<(), CalibrationError> {
    if holds { Ok(()) } else { Err(CalibrationError::Value { key: key.into(), problem }) }
}

#[cfg(test)]
mod tests;
