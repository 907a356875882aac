//! Running gates, of this build and of others.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{Ran, binary};

/// The exit code of bits that moved.
pub const MOVED: i32 = 3;

pub fn accept(spec: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.args(["gate", "accept", "--json", "--reason", "a test"]).arg(spec).args(more);
    Ran::from(&command.env_remove("CI").output().unwrap())
}

/// Runs the gate of a build on a spec.
pub fn gate_of(build: &Path, spec: &Path, more: &[&str]) -> Ran {
    let mut command = Command::new(build);
    command.arg("gate").arg(spec).arg("--json").args(more).env_remove("GITHUB_ACTIONS");
    Ran::from(&command.output().unwrap())
}

pub fn gate(spec: &Path, more: &[&str]) -> Ran {
    gate_of(Path::new(honest()), spec, more)
}

pub fn honest() -> &'static str {
    env!("CARGO_BIN_EXE_reenact")
}

/// Returns a build that computes otherwise: what its name says.
pub fn changed(folder: &Path, change: &str) -> PathBuf {
    let built = Path::new(honest()).with_file_name("examples").join("changed");
    assert!(built.exists(), "`cargo test` builds it, and so does `cargo build --example changed`");
    let build = folder.join(format!("changed-{change}"));
    // A link would be followed to the name that says nothing.
    fs::copy(built, &build).unwrap();
    free(&build);
    build
}

/// Waits until a build that was just copied can be run: another test that started a process at
/// that moment holds it open for writing until that process runs its own program.
pub fn free(build: &Path) {
    for _ in 0..200 {
        match Command::new(build).arg("--version").output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(50));
            }
            output => return drop(output.unwrap()),
        }
    }
    panic!("{} stays busy", build.display())
}

pub fn arm<'a>(found: &'a Value, name: &str) -> &'a Value {
    let arms = found["specs"][0]["arms"].as_array().unwrap();
    arms.iter().find(|arm| arm["arm"] == name).unwrap()
}

pub fn states(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let arms = found["specs"][0]["arms"].as_array().unwrap();
    arms.iter().map(|arm| (text(&arm["arm"]), text(&arm["state"]))).collect()
}
