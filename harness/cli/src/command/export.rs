//! `reenact export`: the model of a recording, as a file that any reader takes.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::Failure;
use reenact_core::format::{Checkpoint, CheckpointError, write_model};
use reenact_core::sanitize::{count, quoted};
use reenact_core::state::StateRoot;
use reenact_core::verify::{Recording, open_committed};
use reenact_store::open_run;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::exit;
use crate::report_folder::lies_inside;
use crate::terminal::output;

/// Steps that a message lists.
const STEPS_MAX: usize = 12;

const EXAMPLES: &str = "\
Examples:
  reenact export runs/mlp --out mlp.safetensors              the model at the end of the run
  reenact export runs/mlp --step 200 --out mlp.safetensors   the model that opens step 200
  reenact export runs/ema --average --out ema.safetensors    the running average of its weights
  reenact audit runs/mlp --model mlp.safetensors             is this file the model of that run?";

/// Write the model of a recording as a safetensors file, under the model's own names
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of the recording
    run: PathBuf,
    /// File to write; it is there as a whole, or not at all
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Step whose opening state is taken; one that has a checkpoint [default: the last one that the
    /// run is committed to]
    #[arg(long, value_name = "N")]
    step: Option<u64>,
    /// Take the running average of each weight of which one is kept
    #[arg(long)]
    average: bool,
    /// Write over an existing file
    #[arg(long)]
    force: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says what was written.
#[derive(Serialize)]
struct Exported {
    file: String,
    run: String,
    step: u64,
    averaged: bool,
    tensors: usize,
    /// Of the tensors, without the header.
    bytes: u64,
    root: StateRoot,
    commitment: String,
    /// Whether the run still trains.
    so_far: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    refuse_place(arguments)?;
    let store = open_run(&arguments.run)?;
    let damaged = |problem: &dyn Display| {
        Failure::inconclusive(format!("{}: {problem}", arguments.run.display()))
            .hint("nothing was written; `reenact audit` says what is wrong with the recording")
    };
    let recording = open_committed(store.as_ref()).map_err(|finding| damaged(&finding))?;
    let (step, root) = chosen(&recording, arguments)?;
    let state = recording.checkpoint(step).map_err(|error| damaged(&error))?;
    let other = format!("the stored state of step {step} is not the one that the journal names");
    if recording.has_layout_of(step, &state) == Some(false) {
        return Err(damaged(&other));
    }
    let model = model(&state, arguments, &damaged)?;
    let exported = Exported {
        file: arguments.out.display().to_string(),
        run: recording.spec.name.clone(),
        step,
        averaged: arguments.average,
        tensors: model.layout().tensors().len(),
        bytes: model.byte_len(),
        root,
        commitment: recording.commitment.to_string(),
        so_far: recording.so_far.is_some(),
    };
    write(&state, &exported, arguments).map_err(|problem| match problem {
        Problem::Recording(error) => damaged(&error),
        Problem::OtherState => damaged(&other),
        Problem::File(error) => trouble(&arguments.out, &error),
    })?;
    tell(&exported, arguments);
    Ok(exit::MATCH)
}

fn refuse_place(arguments: &Arguments) -> Result<(), Failure> {
    let (out, run) = (&arguments.out, &arguments.run);
    if lies_inside(out, run) {
        let message = format!("{} is inside the recording", out.display());
        return Err(Failure::usage(message).hint("write the model somewhere else"));
    }
    match out.symlink_metadata() {
        Ok(_) if !arguments.force => Err(there_already(out)),
        Ok(found) if found.is_dir() => {
            Err(Failure::usage(format!("{} is a folder", out.display())).hint("name a file in it"))
        }
        _ => Ok(()),
    }
}

fn there_already(out: &Path) -> Failure {
    Failure::usage(format!("{} is already there", out.display()))
        .hint("name another file, or add --force to write over it")
}

/// Names the step and the state, of those that the run is committed to.
fn chosen(recording: &Recording<'_>, arguments: &Arguments) -> Result<(u64, StateRoot), Failure> {
    let checkpoints = &recording.history.checkpoints;
    let found = match arguments.step {
        Some(step) => checkpoints.get_key_value(&step),
        None => checkpoints.last_key_value(),
    };
    found.map(|(step, root)| (*step, *root)).ok_or_else(|| {
        let mut steps: Vec<String> =
            checkpoints.keys().take(STEPS_MAX).map(u64::to_string).collect();
        if let Some(last) = checkpoints.keys().next_back().filter(|_| checkpoints.len() > STEPS_MAX)
        {
            steps.push(format!("... {last}"));
        }
        let run = arguments.run.display();
        let step = arguments.step.unwrap_or_default();
        Failure::usage(format!("{run} is committed to no checkpoint that opens step {step}"))
            .hint(format!("it has {}", steps.join(", ")))
    })
}

/// Says what will be written.
fn model(
    state: &Checkpoint,
    arguments: &Arguments,
    damaged: &impl Fn(&dyn Display) -> Failure,
) -> Result<Checkpoint, Failure> {
    if arguments.average && !state.has_averages() {
        return Err(Failure::usage("this run keeps no average of its weights")
            .hint("leave out --average; a spec asks for one under [average]"));
    }
    let model = state.model(arguments.average).map_err(|error| damaged(&error))?;
    match model.layout().tensors() {
        [] => Err(damaged(&"its state holds no model")),
        _ => Ok(model),
    }
}

/// Says in the file where it comes from.
fn metadata(exported: &Exported) -> BTreeMap<String, String> {
    let facts = [
        // These three as burn's own stores write them.
        ("format", "safetensors".to_owned()),
        ("producer", "reenact".to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("run", exported.run.clone()),
        ("step", exported.step.to_string()),
        ("averaged", exported.averaged.to_string()),
        ("root", exported.root.to_string()),
        ("commitment", exported.commitment.clone()),
    ];
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}

/// Says why no file came to be.
enum Problem {
    Recording(CheckpointError),
    OtherState,
    File(io::Error),
}

/// Writes the file beside its place, and moves it there once it is whole and what was read for
/// it has turned out to be the recorded state.
fn write(state: &Checkpoint, exported: &Exported, arguments: &Arguments) -> Result<(), Problem> {
    let out = &arguments.out;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = beside(folder.unwrap_or(Path::new("."))).map_err(Problem::File)?;
    let mut file = BufWriter::new(file);
    let root = write_model(state, arguments.average, &metadata(exported), &mut file);
    let root = root.map_err(Problem::Recording)?.map_err(Problem::File)?;
    if root != exported.root {
        return Err(Problem::OtherState);
    }
    file.flush().map_err(Problem::File)?;
    let file = file.into_inner().map_err(|error| Problem::File(error.into_error()))?;
    file.as_file().sync_all().map_err(Problem::File)?;
    let moved = if arguments.force { file.persist(out) } else { file.persist_noclobber(out) };
    moved.map(|_| ()).map_err(|error| Problem::File(error.error))
}

/// Makes a file that others may read as they may any new one: it is not secret.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".reenact-export-");
    #[cfg(unix)]
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(mode);
    builder.tempfile_in(folder)
}

fn trouble(out: &Path, error: &io::Error) -> Failure {
    if error.kind() == ErrorKind::AlreadyExists {
        return there_already(out);
    }
    let failure = Failure::inconclusive(format!("cannot write {}: {error}", out.display()));
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            failure.hint("make room, or name a file on another disk; nothing is left of this one")
        }
        _ => failure.hint("check that its folder is there and may be written to"),
    }
}

fn tell(exported: &Exported, arguments: &Arguments) {
    if arguments.json {
        return output::json(exported);
    }
    let Exported { file, step, tensors, bytes, averaged, so_far, .. } = exported;
    let of = if *averaged { "the averaged model" } else { "the model" };
    let so_far = if *so_far { ", so far" } else { "" };
    let tensors = count(*tensors as u64, "tensor");
    output::line(format_args!(
        "Wrote {file}: {of} that opens step {step}{so_far}; {tensors}, {bytes} bytes"
    ));
    let (run, file) = (quoted(&arguments.run.display().to_string()), quoted(file));
    let so_far = if exported.so_far { " --so-far" } else { "" };
    output::line(format_args!("next: reenact audit {run}{so_far} --model {file}"));
}
