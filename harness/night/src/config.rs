//! What a night is told to do: one TOML file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::verify::Independence;
use reenact_store::is_bucket;
use serde::{Deserialize, Deserializer};

use crate::engine::Engine;

/// Limits the file.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Holds what a night is told to do. Paths are as they stand in the file, or lie in its folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Format version, 1.
    pub format: u32,
    /// The ledger, which the night also plans with.
    pub ledger: PathBuf,
    /// Folder for the nights' pages.
    pub reports: PathBuf,
    /// How often a night is due.
    #[serde(default = "day")]
    pub period: Period,
    /// Who may vouch for recordings; none if nobody has to.
    pub allowed_signers: Option<PathBuf>,
    /// Binaries that the auditor's own people built; none if there are none.
    pub trusted_builds: Option<PathBuf>,
    /// Which independence audits need to have; none if anything will do.
    pub require: Option<Independence>,
    /// What may be spent.
    pub budget: Budget,
    /// What is to be reached.
    #[serde(default)]
    pub goal: Goal,
    /// Where segments are replayed; none for processes of this machine.
    pub executor: Option<Engine>,
    /// What is watched.
    pub runs: Vec<Runs>,
    /// Who is told.
    #[serde(default)]
    pub tell: Tell,
}

/// Says what a night may spend.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Hours of replaying, all devices together.
    pub device_hours: f64,
    /// How long the night may last: nothing starts that would not end in time.
    pub wall: Option<Period>,
    /// Bytes that are read and hashed again where nothing is replayed, the runs that were not
    /// looked at for longest first.
    #[serde(default)]
    pub read: Bytes,
}

/// Says what is to be reached for each run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Goal {
    /// Number of tampered segments that are to be found.
    pub tampered: u64,
    /// With which probability.
    pub confidence: f64,
    /// How long after a segment was first seen.
    pub within: Period,
    /// Share of the budget for segments that are covered, on another device or build.
    pub revisit: f64,
    /// Attacks that are planted in copies first; where one is missed, the night does not count.
    pub canaries: u64,
}

/// Names runs that are watched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Name of the group.
    pub name: String,
    /// Folders of recordings; `*`, `?` and `[...]` stand for many.
    pub from: Patterns,
    /// Of these, which are left out: a pattern of the folder's name, or of its whole path.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// How much a run of this group weighs beside others.
    #[serde(default = "one")]
    pub weight: f64,
    /// Where segments are replayed; none for the first device of the spec's class.
    pub device: Option<String>,
    /// The spec that was ordered.
    pub expect: Option<PathBuf>,
    /// Who may vouch for these runs, instead of those above.
    pub allowed_signers: Option<PathBuf>,
    /// Folder with the files of data sets; the config's own if none is named.
    pub data: Option<PathBuf>,
}

/// Says who is told, and how.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tell {
    /// File for Prometheus' node exporter.
    pub metrics: Option<PathBuf>,
    /// File for CI.
    pub junit: Option<PathBuf>,
    /// Run when an incident is opened, changed or reopened.
    #[serde(default)]
    pub opened: Vec<String>,
    /// Run when one is resolved.
    #[serde(default)]
    pub resolved: Vec<String>,
    /// Run when something planned was not judged.
    #[serde(default)]
    pub not_judged: Vec<String>,
    /// Run at the end of each night.
    #[serde(default)]
    pub finished: Vec<String>,
    /// How long after an open incident is told again; none for never.
    #[serde(rename = "again_after")]
    pub again_after: Option<Period>,
}

/// Holds one pattern or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Patterns {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Holds a length of time, as in `6h` or `14 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// In seconds.
    pub seconds: u64,
}

/// Holds a number of bytes, as in `2 TiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// Says why a night cannot be told by a file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Reads a config. Its relative paths are relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| ConfigError(error.to_string()))?;
        config.check().map_err(ConfigError)?;
        config.resolve(folder);
        Ok(config)
    }

    /// Returns the digest of a config's text.
    pub fn digest(text: &str) -> Digest {
        Hasher::new("reenact v1 night config").bytes(text.as_bytes()).finish()
    }

    /// Returns the device seconds that may be spent.
    pub fn device_seconds(&self) -> f64 {
        self.budget.device_hours * 3600.0
    }

    fn check(&self) -> Result<(), String> {
        let Self { format, goal, budget, runs, .. } = self;
        let within = |name: &str, value: f64, range: std::ops::RangeInclusive<f64>| {
            let fits = range.contains(&value);
            let (low, high) = (range.start(), range.end());
            if fits {
                Ok(())
            } else {
                Err(format!("{name} = {value}: {low} to {high} is expected"))
            }
        };
        if *format != 1 {
            return Err(format!("format = {format}: this version reads format 1"));
        }
        within("budget.device_hours", budget.device_hours, 0.0..=1e6)?;
        within("goal.confidence", goal.confidence, 0.0..=1.0)?;
        within("goal.revisit", goal.revisit, 0.0..=1.0)?;
        within("goal.tampered", goal.tampered as f64, 1.0..=1e9)?;
        within("goal.canaries", goal.canaries as f64, 0.0..=100.0)?;
        if self.period.seconds == 0 || goal.within.seconds == 0 {
            return Err("period and goal.within: longer than 0 is expected".into());
        }
        if runs.is_empty() {
            return Err("no [[runs]]: nothing would be watched".into());
        }
        self.executor.iter().try_for_each(Engine::check)?;
        runs.iter().try_for_each(Runs::check)
    }

    fn resolve(&mut self, folder: &Path) {
        let tell = &mut self.tell;
        let named = [&mut self.ledger, &mut self.reports].into_iter();
        let named = named.chain(&mut self.allowed_signers).chain(&mut self.trusted_builds);
        let named = named.chain(&mut tell.metrics).chain(&mut tell.junit);
        named.for_each(|path| *path = folder.join(&*path));
        self.executor.iter_mut().for_each(|engine| engine.resolve(folder));
        for runs in &mut self.runs {
            let paths = runs.expect.iter_mut().chain(&mut runs.allowed_signers);
            paths.chain(&mut runs.data).for_each(|path| *path = folder.join(&*path));
            let resolve = |pattern: &mut String| {
                // What a pattern stands for is no text of the folder's own.
                let folder = glob::Pattern::escape(&folder.to_string_lossy());
                if !is_bucket(pattern) && !Path::new(&*pattern).is_absolute() {
                    *pattern = format!("{folder}/{pattern}");
                }
            };
            match &mut runs.from {
                Patterns::One(pattern) => resolve(pattern),
                Patterns::Many(patterns) => patterns.iter_mut().for_each(resolve),
            }
        }
    }
}

impl Runs {
    /// Returns its patterns.
    pub fn patterns(&self) -> &[String] {
        match &self.from {
            Patterns::One(pattern) => std::slice::from_ref(pattern),
            Patterns::Many(patterns) => patterns,
        }
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return Err(format!(
                "runs `{name}`: weight = {}: more than 0 is expected",
                self.weight
            ));
        }
        for pattern in self.patterns().iter().chain(&self.exclude) {
            let before = pattern.rsplit_once('/').map_or("", |(before, _)| before);
            if is_bucket(pattern) && before.contains(['*', '?', '[']) {
                let problem = "in a bucket, only the last part stands for many";
                return Err(format!("runs `{name}`: {pattern}: {problem}"));
            }
            glob::Pattern::new(pattern)
                .map_err(|error| format!("runs `{name}`: {pattern}: {error}"))?;
        }
        Ok(())
    }
}

impl Default for Goal {
    fn default() -> Self {
        let within = Period { seconds: 14 * 86_400 };
        Self { tampered: 1, confidence: 0.95, within, revisit: 0.0, canaries: 1 }
    }
}

fn day() -> Period {
    Period { seconds: 86_400 }
}

fn one() -> f64 {
    1.0
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no length of time; `6h` and `14 days` are");
        let span: Span = text.parse().map_err(|_| refuse())?;
        let duration: SignedDuration =
            span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| refuse())?;
        u64::try_from(duration.as_secs()).map(|seconds| Self { seconds }).map_err(|_| refuse())
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let power = units.iter().position(|known| *known == unit.trim());
        match (number.parse::<f64>(), power) {
            (Ok(number), Some(power)) => Ok(Self((number * 1024f64.powi(power as i32)) as u64)),
            _ => Err(format!("`{text}` is no number of bytes; `500 GiB` and `2 TiB` are")),
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: &str = r#"
format = 1
ledger = "ledger.sqlite"
reports = "/srv/nights"
require = "independent"
trusted_builds = "builds"

[budget]
device_hours = 12
wall = "6h"
read = "2 TiB"

[goal]
tampered = 2
confidence = 0.99
within = "14 days"
revisit = 0.05

[[runs]]
name = "pretraining"
from = ["runs/*", "/data/pretrain/*"]
exclude = ["*-scratch"]
weight = 10
device = "cuda:0"
expect = "ordered.toml"

[tell]
metrics = "reenact.prom"
opened = ["page-oncall", "--now"]
not-judged = ["mail"]
again_after = "7 days"
"#;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/[a]")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_config_is_read_and_its_paths_lie_beside_it() {
        let config = parse(WHOLE).unwrap();
        assert_eq!(config.ledger, Path::new("/etc/[a]/ledger.sqlite"));
        assert_eq!(config.reports, Path::new("/srv/nights"));
        assert_eq!((config.device_seconds(), config.period.seconds), (43_200.0, 86_400));
        assert_eq!(config.budget.read, Bytes(2 << 40));
        assert_eq!(config.goal.within.seconds, 14 * 86_400);
        assert_eq!(config.require, Some(Independence::Independent));
        let runs = &config.runs[0];
        assert_eq!(runs.patterns(), ["/etc/[[]a[]]/runs/*", "/data/pretrain/*"]);
        assert_eq!(runs.expect.as_deref(), Some(Path::new("/etc/[a]/ordered.toml")));
        assert_eq!(config.tell.again_after.unwrap().seconds, 7 * 86_400);
    }

    #[test]
    fn few_keys_are_enough() {
        let text = "format = 1\nledger = 'l'\nreports = 'r'\nbudget.device_hours = 1\n\
                    [[runs]]\nname = 'all'\nfrom = 'runs/*'\n";
        let config = parse(text).unwrap();
        assert_eq!((config.goal.tampered, config.goal.canaries), (1, 1));
        assert_eq!(config.runs[0].weight, 1.0);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (from, to, says) in [
            ("format = 1", "format = 2", "format 1"),
            ("wall = \"6h\"", "wal = \"6h\"", "wal"),
            ("wall = \"6h\"", "wall = \"soon\"", "no length of time"),
            ("read = \"2 TiB\"", "read = \"2 TB\"", "no number of bytes"),
            ("confidence = 0.99", "confidence = 99", "goal.confidence"),
            ("tampered = 2", "tampered = 0", "goal.tampered"),
            ("weight = 10", "weight = -1", "weight"),
            ("\"runs/*\"", "\"runs/[\"", "runs/["),
            ("\"runs/*\"", "\"s3://*/a\"", "the last part"),
            ("[[runs]]", "[[run]]", "run"),
            ("within = \"14 days\"", "within = \"0s\"", "longer than 0"),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let refused = parse(&WHOLE.replace(from, to)).unwrap_err();
            assert!(refused.contains(says), "{to}: {refused}");
        }
    }

    #[test]
    fn lengths_of_time_and_sizes_have_units() {
        for (text, seconds) in [("6h", 21_600), ("14 days", 1_209_600), ("1 week", 604_800)] {
            assert_eq!(text.parse(), Ok(Period { seconds }));
        }
        for text in ["", "6", "-1h", "6 parsecs"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        for (text, bytes) in [("0 B", 0), ("1.5 KiB", 1536), ("2GiB", 2 << 30)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = parse(&text);
            let _ = text.parse::<Period>();
            let _ = text.parse::<Bytes>();
        }
    }
}
