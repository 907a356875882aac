//! Running the real binary, and looking at what it says.

#![allow(dead_code, unreachable_pub, reason = "each test target uses a part")]

pub mod gate;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub const MATCH: i32 = 0;
pub const DIVERGENT: i32 = 1;
pub const INCONCLUSIVE: i32 = 2;
pub const USAGE: i32 = 64;

/// Holds what one run of the binary gave.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn from(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Checks that a message says all of this, in one message and no panic.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Checks that the result says all of this.
    #[track_caller]
    pub fn tells(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stdout.contains(part), "`{part}` is missing in: {}", self.stdout);
        }
        self
    }

    /// Returns the result without its line breaks, which follow the terminal.
    pub fn words(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// Runs the binary without a ledger, unless the test names one: what a test
/// audits is altered in place, and nothing of it belongs into the user's own.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.env("REENACT_LEDGER", "");
    // A panic that is caught is shown to whoever asks for backtraces.
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Runs the binary with these arguments.
pub fn reenact<S: AsRef<OsStr>>(arguments: &[S]) -> Ran {
    Ran::from(&binary().args(arguments).output().unwrap())
}

/// Records a spec into `out`.
#[track_caller]
pub fn record(spec: &Path, out: &Path, more: &[&str]) -> Value {
    let output =
        binary().arg("record").arg(spec).arg("--out").arg(out).arg("--json").args(more).output();
    Ran::from(&output.unwrap()).expect(MATCH).json()
}

/// Audits a recording; every segment unless `more` says otherwise.
pub fn audit(run: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("audit").arg(run).arg("--json");
    let asked = ["--sample", "--segment", "--segments", "--confidence"];
    if !more.iter().any(|option| asked.contains(option)) {
        command.args(["--sample", "all"]);
    }
    Ran::from(&command.args(more).output().unwrap())
}

/// Returns the replays that diverge: segment, first step, stage, tensors that
/// the step changed otherwise, tensors of the closing state that differ.
pub fn divergent_segments(report: &Value) -> Vec<Found> {
    let segments = report["segments"].as_array().unwrap();
    let found = |segment: &Value| {
        let divergence = &segment["outcome"]["replay"]["divergence"];
        let step = &divergence["step"];
        (!divergence.is_null()).then(|| Found {
            segment: segment["segment"]["index"].as_u64().unwrap(),
            step: step["step"].as_u64(),
            stage: step["stage"].as_str().unwrap_or_default().to_owned(),
            tensors: names(&step["tensors"]),
            explained: explained(&segment["explanation"]),
            closing: divergence["closing"]
                .as_array()
                .unwrap()
                .iter()
                .map(|d| name(&d["name"]))
                .collect(),
        })
    };
    segments.iter().filter_map(found).collect()
}

/// Says where one segment leaves its recording.
#[derive(Debug)]
pub struct Found {
    pub segment: u64,
    pub step: Option<u64>,
    pub stage: String,
    pub tensors: Vec<String>,
    /// The attack that reproduces the whole segment, if one was found.
    pub explained: Option<String>,
    pub closing: Vec<String>,
}

fn explained(explanation: &Value) -> Option<String> {
    let whole = explanation["whole"].as_bool()?;
    explanation["attack"].as_str().filter(|_| whole).map(str::to_owned)
}

fn name(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(name).collect()
}

/// Returns what an examination holds against a recording: object, step,
/// problem.
pub fn findings(report: &Value) -> Vec<(String, Option<u64>, String)> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|finding| finding["weight"] == "divergent")
        .map(|finding| {
            (
                name(&finding["place"]["object"]),
                finding["place"]["step"].as_u64(),
                name(&finding["problem"]),
            )
        })
        .collect()
}

/// Copies a recording.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Lists the files of a recording.
pub fn files(run: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(run).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns the root of every checkpoint, by step, as the commitment names them.
pub fn roots(run: &Path) -> Vec<String> {
    let commitment = fs::read_to_string(run.join("commitment")).unwrap();
    commitment.lines().filter(|line| line.starts_with("checkpoint ")).map(str::to_owned).collect()
}

/// Writes a spec of the toy program with some keys replaced.
pub fn toy_spec(folder: &Path, replace: &[(&str, &str)]) -> PathBuf {
    let mut text = include_str!("../../replay-specs/toy-plane.toml").to_owned();
    for (from, to) in replace {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let path = folder.join("toy.toml");
    fs::write(&path, text).unwrap();
    path
}
