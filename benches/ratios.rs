//! Measures everything that has a limit, and prints one table.
//!
//! Every section runs in a process of its own: burn has one pool of threads a
//! process, and its size cannot be changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};
use reenact_benches::rows::{Row, table};
use reenact_benches::runs::Wanted;
use reenact_benches::{checkpoints, jobs, masks, recording, replaying, speed};

/// Measure what has a limit: A against B, in turns
#[derive(Parser)]
struct Arguments {
    /// Measure only this
    #[arg(long, value_enum)]
    only: Option<Section>,
    /// Of recording, replay, training and dropout, measure only this model; of recording also
    /// the examples' `digits`, `ring` and `cubic`
    #[arg(long, value_parser = ["digits-mlp", "digits-cnn", "cicero-gpt", "digits", "ring", "cubic"])]
    model: Option<String>,
    /// Measure this many times as long
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,
    /// Threads to train with [default: all for recording and training, one for
    /// replays]
    #[arg(long)]
    threads: Option<usize>,
    /// Write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit with 1 if a limit is missed
    #[arg(long)]
    check: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Measure in this process
    #[arg(long, hide = true, requires = "only")]
    here: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Section {
    /// Recording against training
    Recording,
    /// Replaying against training
    Replay,
    /// Our loop against burn's
    Training,
    /// Dropout's masks of format 2 against burn's
    Dropout,
    /// Stored states against BLAKE3
    Checkpoints,
    /// Two workers against one
    Jobs,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let rows = match arguments.only {
        Some(section) if arguments.here => measure(section, &arguments),
        Some(section) => elsewhere(section, &arguments),
        None => {
            let sections = Section::value_variants().iter();
            sections.flat_map(|&section| elsewhere(section, &arguments)).collect()
        }
    };
    if let Some(path) = &arguments.json {
        write(path, &rows);
    }
    if !arguments.here {
        println!("\n{}\n", table(&rows));
    }
    ExitCode::from(u8::from(arguments.check && rows.iter().any(|row| row.ok == Some(false))))
}

fn measure(section: Section, arguments: &Arguments) -> Vec<Row> {
    let repeat = usize::from(arguments.repeat);
    let wanted = Wanted(arguments.model.clone());
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    match section {
        Section::Recording => {
            recording::measure(repeat, arguments.threads.unwrap_or_else(all), &wanted)
        }
        Section::Replay => replaying::measure(repeat, arguments.threads.unwrap_or(1), &wanted),
        Section::Training => speed::measure(repeat, arguments.threads.unwrap_or_else(all), &wanted),
        Section::Dropout => masks::measure(repeat, arguments.threads.unwrap_or(1), &wanted),
        Section::Checkpoints => checkpoints::measure(repeat),
        Section::Jobs => jobs::measure(Path::new(env!("CARGO_BIN_EXE_reenact-benched")), repeat),
    }
}

/// Measures a section in a process of its own.
fn elsewhere(section: Section, arguments: &Arguments) -> Vec<Row> {
    let file = tempfile::NamedTempFile::new().expect("there is a temporary folder");
    let mut command = Command::new(std::env::current_exe().expect("this binary has a path"));
    let name = section.to_possible_value().expect("no section is hidden");
    eprintln!("measuring {} ...", name.get_name());
    command.args(["--here", "--only", name.get_name()]).arg("--json").arg(file.path());
    command.args(["--repeat", &arguments.repeat.to_string()]);
    if let Some(model) = &arguments.model {
        command.args(["--model", model]);
    }
    if let Some(threads) = arguments.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    let status = command.status().expect("this binary starts");
    assert!(status.success(), "measuring {} failed", name.get_name());
    let text = fs::read(file.path()).expect("the process wrote it");
    serde_json::from_slice(&text).expect("the process wrote rows")
}

fn write(path: &Path, rows: &[Row]) {
    let text = serde_json::to_string_pretty(rows).expect("rows are plain data");
    fs::write(path, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
