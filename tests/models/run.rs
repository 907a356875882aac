//! Short recordings of the three programs.

use std::path::{Path, PathBuf};

use tempfile::{TempDir, tempdir};

use crate::common::record;

/// Names the programs with a spec that is short enough to be trained often:
/// segments of ten steps.
pub(crate) const PROGRAMS: [(&str, &str, u64); 3] = [
    ("digits-mlp", include_str!("../../replay-specs/digits-mlp.toml"), 60),
    ("digits-cnn", include_str!("../../replay-specs/digits-cnn.toml"), 60),
    ("cicero-gpt", include_str!("../../replay-specs/cicero-gpt.toml"), 30),
];

/// Steps of a segment in the short specs.
pub(crate) const EVERY: u64 = 10;

/// Writes the short spec of a program.
pub(crate) fn short_spec(folder: &Path, name: &str, more: &[(&str, &str)]) -> PathBuf {
    let (_, text, steps) = PROGRAMS.iter().find(|(known, ..)| *known == name).unwrap();
    let mut short: Vec<String> = Vec::new();
    for line in text.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        short.push(match key {
            "steps" => format!("steps = {steps}"),
            "checkpoint_every" => format!("checkpoint_every = {EVERY}"),
            "warmup_steps" => "warmup_steps = 5".into(),
            _ => line.to_owned(),
        });
    }
    let mut short = short.join("\n");
    for (from, to) in more {
        assert!(short.contains(from), "{from}");
        short = short.replace(from, to);
    }
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, short).unwrap();
    path
}

/// Holds a recording as long as the test needs it.
pub(crate) struct Run {
    folder: TempDir,
    /// The recording.
    pub(crate) path: PathBuf,
}

impl Run {
    /// Records the short spec of a program.
    pub(crate) fn record(name: &str, more: &[&str]) -> Self {
        let folder = tempdir().unwrap();
        let path = folder.path().join("run");
        record(&short_spec(folder.path(), name, &[]), &path, more);
        Self { folder, path }
    }

    /// Names a further place beside the recording.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
