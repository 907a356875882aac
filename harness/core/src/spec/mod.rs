//! What a run declares before it starts.
//!
//! A [`Spec`] is written in TOML (see `replay-specs/README.md`, which is
//! normative). Unknown keys are errors. [`Spec::canonical`] gives the one text
//! of a spec; its digest is the first thing in every journal.

mod average;
mod batch;
mod check;
mod data;
mod difference;
mod format;
mod group;
mod hyperparameter;
mod nesting;
mod optimizer;
mod phase;
mod precision;
mod schedule;
mod start;
mod validation;

pub use average::AverageSpec;
pub use batch::{BatchPhase, BatchSpec, Combination, LastBatch};
pub use check::SpecError;
pub(crate) use check::{in_range, real, said};
pub use data::{DataSpec, SAMPLES_MAX};
pub use difference::SpecDifference;
pub use group::{GroupSpec, matches};
pub use hyperparameter::Hyperparameter;
pub use optimizer::{Clipping, OptimizerSpec};
pub use phase::Phase;
pub use precision::Precision;
pub use schedule::LearningRate;
pub use start::StartSpec;
pub use validation::{Cadence, NamedCadence, ValidationSpec};

use std::collections::BTreeMap;
use std::slice::Chunks;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};

/// Newest format version of the spec. Older ones are read as well.
///
/// 1: the first (2026-11).
/// 2: phases of rate and batch, groups, any optimizer, averages, validation, data in files;
/// a file's digest is its plain BLAKE3 hash; initial weights and masks are the same on every
/// device (2026-11).
pub const SPEC_FORMAT: u32 = 2;

/// Limits a spec's text; ours are below 1 KiB.
pub const SPEC_BYTES_MAX: usize = 64 << 10;

/// Limits the steps of a run; a journal of more would not be replayed anyway.
pub const STEPS_MAX: u64 = 1 << 32;

/// Limits the checkpoints after the first, so that one commitment lists them.
pub const CHECKPOINTS_MAX: u64 = 100_000;

/// Limits the samples that one step consumes.
pub const SAMPLES_PER_STEP_MAX: u64 = 1 << 20;

/// Declares a run: everything that steers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Format version, 1 to [`SPEC_FORMAT`].
    pub format: u32,
    /// Name of the run, for people.
    pub name: String,
    /// Seed from which every other seed, the data order and the initial
    /// weights are derived. At most 2^63 - 1, TOML's largest integer.
    pub root_seed: u64,
    /// Number of optimizer updates.
    pub steps: u64,
    /// Steps between two checkpoints; the last segment may be shorter.
    pub checkpoint_every: u64,
    /// Class of device that the run is declared for.
    pub device: DeviceClass,
    /// How a replay is compared with the recording.
    pub comparison: Comparison,
    /// Model and hyperparameters.
    pub program: ProgramSpec,
    /// Data set.
    pub data: DataSpec,
    /// Files that the program reads, by name, with their digests ([`Spec::digest_of_file`]):
    /// weights to start from, say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The recording whose final model this one begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartSpec>,
    /// Samples of a step.
    pub batch: BatchSpec,
    /// Optimizer and its constants.
    pub optimizer: OptimizerSpec,
    /// Groups of parameters that are trained otherwise; the first that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSpec>,
    /// Clipping of the gradient before the update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipping: Option<Clipping>,
    /// Learning-rate schedule.
    pub learning_rate: LearningRate,
    /// Running average of the weights, kept beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<AverageSpec>,
    /// When the model is measured on what is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<ValidationSpec>,
    /// Which segments an audit draws when nobody says otherwise.
    pub sampling: Sampling,
}

/// Names a class of devices on which one computation gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// The kernels of GPU backends, compiled for the processor.
    CubeclCpu,
}

impl DeviceClass {
    /// Returns the name that a spec uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::CubeclCpu => "cubecl-cpu",
        }
    }

    /// Returns the device that is taken where a user names none.
    pub const fn first_device(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda:0",
            Self::CubeclCpu => "cubecl-cpu",
        }
    }

    /// Returns the class of a device, whose name begins with it; what follows is
    /// the engine's affair.
    pub fn of_device(name: &str) -> Option<Self> {
        let class = name.split([':', '/']).next().unwrap_or_default();
        [Self::Cpu, Self::Cuda, Self::CubeclCpu].into_iter().find(|known| known.name() == class)
    }
}

/// Says how a replay is compared with the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Every bit of the state has to agree.
    BitExact,
}

/// Names the training program and its hyperparameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramSpec {
    /// Registered name of the program.
    pub name: String,
    /// Type in which the model computes.
    #[serde(default, skip_serializing_if = "Precision::is_single")]
    pub precision: Precision,
    /// Hyperparameters; each program says which it knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hyperparameters: BTreeMap<String, Hyperparameter>,
}

/// Says which segments an audit draws when nobody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampling {
    /// Every segment. In braces, as serde would ignore unknown keys otherwise.
    All {},
    /// A fixed number, drawn without replacement.
    Count {
        /// Number of segments.
        segments: u64,
    },
    /// As many as find `tampered` altered segments with probability
    /// `confidence`.
    Confidence {
        /// Probability of detection, above 0 and below 1.
        confidence: f64,
        /// Number of altered segments to assume.
        tampered: u64,
    },
}

/// Returns the digest by which a spec of format 1 declares a file.
pub fn digest_of_file(content: &[u8]) -> Digest {
    Hasher::new("reenact v1 file").bytes(content).finish()
}

impl Spec {
    /// Reads and checks a spec.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        if text.len() > SPEC_BYTES_MAX {
            return Err(SpecError::TooLarge { bytes: text.len() });
        }
        nesting::check(text)?;
        let read = |error| SpecError::syntax(&error);
        let table = toml::from_str(text).map_err(read)?;
        format::check_number(&table)?;
        let spec: Self = toml::from_str(text).map_err(read)?;
        spec.check()?;
        if spec.format == 1 {
            spec.check_first(&table)?;
        }
        Ok(spec)
    }

    /// Gives the canonical text, to be stored with a recording.
    ///
    /// # Errors
    /// [`SpecError::TooLarge`] if no reader would take it.
    pub fn stored(&self) -> Result<String, SpecError> {
        let text = self.canonical();
        match text.len() {
            bytes if bytes > SPEC_BYTES_MAX => Err(SpecError::TooLarge { bytes }),
            _ => Ok(text),
        }
    }

    /// Gives the one text of this spec, whatever its author's spacing, key
    /// order and comments were. [`Spec::digest`] is taken over it.
    pub fn canonical(&self) -> String {
        toml::to_string(self).expect("a checked spec has no value that TOML cannot write")
    }

    /// Returns the digest of the canonical text.
    pub fn digest(&self) -> Digest {
        Self::digest_of_text(self.canonical().as_bytes())
    }

    /// Returns the digest of a stored canonical text.
    pub fn digest_of_text(text: &[u8]) -> Digest {
        Hasher::new("reenact v1 spec").bytes(text).finish()
    }

    /// Returns the digest by which this spec declares a file: its plain BLAKE3 hash, from
    /// format 2 on.
    pub fn digest_of_file(&self, content: &[u8]) -> Digest {
        match self.format {
            1 => digest_of_file(content),
            _ => Digest(*blake3::hash(content).as_bytes()),
        }
    }

    /// Returns the samples of each micro-batch of `step`.
    pub fn micro_batches<'a>(&self, step: u64, samples: &'a [u32]) -> Chunks<'a, u32> {
        samples.chunks(self.batch.size_at(step) as usize)
    }

    /// Returns the learning rate of `step`; none where only the program knows it.
    pub fn learning_rate_at(&self, step: u64) -> Option<f64> {
        self.learning_rate.at(step, self.steps)
    }

    /// Returns the samples that each whole epoch leaves out, others each time,
    /// because the samples of a step do not divide the data. With several sizes it is not
    /// the same number each time, and none is returned.
    pub fn unused_samples(&self) -> u64 {
        let samples_per_step = self.batch.size * self.batch.accumulation;
        let whole_epoch = self.data.samples / samples_per_step <= self.steps;
        let dropped = self.batch.last == LastBatch::Dropped && self.batch.phases.is_empty();
        if whole_epoch && dropped { self.data.samples % samples_per_step } else { 0 }
    }

    /// Says how many samples each epoch leaves out; none if it uses all.
    pub fn unused_samples_note(&self) -> Option<String> {
        let (unused, samples) = (self.unused_samples(), self.data.samples);
        let step = self.batch.size * self.batch.accumulation;
        (unused > 0).then(|| {
            format!(
                "each epoch leaves out {unused} of {samples} samples, as a step consumes {step} \
                 of them; which ones, the data order draws anew"
            )
        })
    }

    /// Returns the steps at which the state is checkpointed: 0, every
    /// `checkpoint_every`, and the last.
    pub fn boundaries(&self) -> impl Iterator<Item = u64> + use<> {
        let last = self.steps;
        (0..last).step_by(self.checkpoint_every as usize).chain([last])
    }

    /// Says whether the state before `step` is a checkpoint.
    pub fn is_boundary(&self, step: u64) -> bool {
        step == self.steps || step.is_multiple_of(self.checkpoint_every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"
# Spacing, order and comments are the author's.
name="golden"
format=1
steps=12
root_seed=7
checkpoint_every=3
device="cpu"
comparison="bit-exact"
program={name="p",hyperparameters={width=4,dropout=0.1,kind="a",deep=true}}
data={name="d",digest="0101010101010101010101010101010101010101010101010101010101010101",samples=64}
batch={size=4,accumulation=2}
optimizer={kind="adamw",beta_1=0.9,beta_2=0.999,epsilon=1e-8,weight_decay=0.0}
clipping={kind="global-norm",limit=1.0}
learning_rate={kind="warmup-cosine",peak=3e-3,floor=0.0,warmup_steps=2}
sampling={kind="all"}
"#;

    const CANONICAL: &str = r#"format = 1
name = "golden"
root_seed = 7
steps = 12
checkpoint_every = 3
device = "cpu"
comparison = "bit-exact"

[program]
name = "p"

[program.hyperparameters]
deep = true
dropout = 0.1
kind = "a"
width = 4

[data]
name = "d"
samples = 64
digest = "0101010101010101010101010101010101010101010101010101010101010101"

[batch]
size = 4
accumulation = 2

[optimizer]
kind = "adamw"
beta_1 = 0.9
beta_2 = 0.999
epsilon = 0.00000001
weight_decay = 0.0

[clipping]
kind = "global-norm"
limit = 1.0

[learning_rate]
kind = "warmup-cosine"
peak = 0.003
floor = 0.0
warmup_steps = 2

[sampling]
kind = "all"
"#;

    #[test]
    fn a_device_names_its_class() {
        for class in [DeviceClass::Cpu, DeviceClass::Cuda, DeviceClass::CubeclCpu] {
            assert_eq!(DeviceClass::of_device(class.first_device()), Some(class));
        }
        assert_eq!(DeviceClass::of_device("cuda:3/unfused"), Some(DeviceClass::Cuda));
        assert_eq!(DeviceClass::of_device("cubecl-cpu/unfused"), Some(DeviceClass::CubeclCpu));
        assert_eq!(DeviceClass::of_device("cpux"), None);
        assert_eq!(DeviceClass::of_device(""), None);
    }

    #[test]
    fn golden_canonical_text() {
        let spec = Spec::parse(WRITTEN).unwrap();
        assert_eq!(spec.canonical(), CANONICAL);
        assert_eq!(Spec::parse(CANONICAL).unwrap(), spec);
        let digest = "8de4edd4ece3c66462431ed921711f3effe29ee3a3c7bb3a841d6e4956927fc7";
        assert_eq!(spec.digest().to_string(), digest);
    }

    #[test]
    fn unknown_keys_are_errors_everywhere() {
        for place in [
            "format=1",
            "width=4",
            "size=4",
            "kind=\"adamw\"",
            "limit=1.0",
            "kind=\"all\"",
            "floor=0.0",
            "samples=64",
        ] {
            let separator = if place == "format=1" { "\n" } else { "," };
            let text = WRITTEN.replace(place, &format!("{place}{separator}surprise=1"));
            let known = place == "width=4";
            assert_eq!(Spec::parse(&text).is_ok(), known, "{place}");
        }
    }

    #[test]
    fn files_are_declared_by_name_and_digest() {
        let digest = digest_of_file(b"weights");
        let with = |name: &str| format!("{WRITTEN}\n[files]\n{name:?} = \"{digest}\"\n");
        let spec = Spec::parse(&with("a.bin")).unwrap();
        assert_eq!(spec.files["a.bin"], digest);
        assert_eq!(Spec::parse(&spec.canonical()).unwrap(), spec);
        assert_ne!(spec.digest(), Spec::parse(WRITTEN).unwrap().digest());
        for name in ["", "..", ".a", "/a", "a/b", "../a", "a\\b", "a b"] {
            let error = Spec::parse(&with(name)).unwrap_err().to_string();
            assert!(error.contains("`files`"), "{error}");
        }
    }
}
