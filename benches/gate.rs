//! What a gate takes on the programs that come with reenact, arm by arm; exits with 1 where
//! all three together take longer than a minute, or do not pass.
//!
//!     cargo bench -p reenact-benches --bench gate -- --steps 60

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use comfy_table::{Table, presets};
use serde_json::Value;

/// Seconds for the three specs together, on two cores.
const SECONDS_MAX: f64 = 60.0;
const PROGRAMS: [&str; 3] = ["digits-mlp", "digits-cnn", "cicero-gpt"];

#[derive(Parser)]
struct Arguments {
    /// Steps of each spec
    #[arg(long, value_name = "N", default_value_t = 60)]
    steps: u64,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    for (name, text) in reenact_models::SPECS {
        if PROGRAMS.contains(name) {
            fs::write(folder.path().join(format!("{name}.toml")), text).expect("it is ours");
        }
    }
    accept(folder.path(), arguments.steps);
    let begun = Instant::now();
    let (found, code) = gate(folder.path());
    let seconds = begun.elapsed().as_secs_f64();
    println!("{}", table(&found).trim_fmt());
    println!(
        "{seconds:.1} s for {} specs of {} steps; limit {SECONDS_MAX} s",
        PROGRAMS.len(),
        arguments.steps
    );
    ExitCode::from(u8::from(code != Some(0) || seconds > SECONDS_MAX))
}

/// Makes the locks.
fn accept(folder: &Path, steps: u64) {
    let steps = steps.to_string();
    let mut command = command(folder);
    command.args(["gate", "accept", "--reason", "a bench", "--steps", &steps]);
    command.args(PROGRAMS.map(|name| format!("{name}.toml")));
    let done = command.env_remove("CI").output().expect("the command starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn gate(folder: &Path) -> (Value, Option<i32>) {
    let done = command(folder).args(["gate", "--json"]).output().expect("the command starts");
    let found = serde_json::from_slice(&done.stdout).expect("it prints JSON");
    (found, done.status.code())
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact-benched"));
    command.current_dir(folder);
    command
}

fn table(found: &Value) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["spec", "arm", "state", "seconds"]);
    for spec in found["specs"].as_array().into_iter().flatten() {
        for arm in spec["arms"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let seconds = arm["seconds"].as_f64().unwrap_or_default();
            let row = [text(&spec["name"]), text(&arm["arm"]), text(&arm["state"])];
            table.add_row(row.into_iter().chain([format!("{seconds:.2}")]));
        }
    }
    table
}
