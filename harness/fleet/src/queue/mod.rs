//! Engines that people run already: each takes a job of many shards and does them somewhere.

mod kubernetes;
mod slurm;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reenact_core::sanitize::one_line;

pub use kubernetes::Kubernetes;
pub use slurm::Slurm;

/// Says what every shard of a job runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// Names it to people: letters, digits and `-`.
    pub name: String,
    /// File with the plan, for every machine.
    pub plan: String,
    /// Place of the results, for every machine.
    pub results: String,
    /// File with the key by which workers sign; none if they do not.
    pub key: Option<String>,
    /// How many shards there are.
    pub shards: usize,
    /// How many of them run at a time; none for as many as the engine wants.
    pub parallel: Option<usize>,
    /// How long a shard may take, in seconds; none if nobody limits it.
    pub limit_seconds: Option<u64>,
}

/// Says how machines are given to workers.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The command of reenact there.
    pub reenact: String,
    /// What the engine is told besides: `--partition=verify`, `--gres=gpu:1`.
    pub options: Vec<String>,
    /// Folder for what jobs say and for their scripts.
    pub logs: PathBuf,
}

/// Hands in jobs, and knows what became of them.
pub trait Queue: Sync {
    /// Says whether its client is here at all.
    fn check(&self) -> Result<(), String>;

    /// Hands in a job and returns its name there.
    fn submit(&self, job: &Job) -> Result<String, String>;

    /// Returns the numbers of the shards that are running or still to run.
    fn pending(&self, id: &str) -> Result<Vec<usize>, String>;

    /// Takes back what has not run.
    fn cancel(&self, id: &str);
}

impl Job {
    /// Returns the words of the command that does one shard.
    fn work(&self, launch: &Launch) -> Vec<String> {
        let words = [launch.reenact.as_str(), "work", &self.plan, "--results", &self.results];
        let mut words: Vec<String> = words.map(str::to_owned).into();
        words.extend(self.key.iter().flat_map(|key| ["--key".to_owned(), key.clone()]));
        words
    }
}

/// Runs an engine's client, gives it a text and returns what it prints.
fn client(command: &mut Command, input: &str) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let refuse = |problem: &dyn std::fmt::Display| format!("{name}: {problem}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| refuse(&error))?;
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let Output { status, stdout, stderr } =
        child.wait_with_output().map_err(|error| refuse(&error))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        return Err(refuse(&format!("{status}: {}", one_line(&said))));
    }
    written.transpose().map_err(|error| refuse(&error))?;
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Writes a word so that a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
