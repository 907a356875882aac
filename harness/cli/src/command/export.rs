//! `reenact export`: the model of a recording, as a file that any reader takes.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::Failure;
use reenact_core::format::{
    COMMITMENT_BYTES_MAX, Checkpoint, Commitment, History, Object, ReadRun, write_model,
};
use reenact_core::plain::count;
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::state::StateRoot;
use reenact_store::Directory;
use serde::Serialize;

use crate::exit;
use crate::terminal::output;

const EXAMPLES: &str = "\
Examples:
  reenact export runs/mlp --out mlp.safetensors              the model at the end of the run
  reenact export runs/mlp --step 200 --out mlp.safetensors   the model that opens step 200
  reenact export runs/ema --average --out ema.safetensors    the running average of its weights
  reenact audit runs/mlp --model mlp.safetensors             is this file the model of that run?";

/// Write the model of a recording as a safetensors file, under the model's own names
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of the recording
    run: PathBuf,
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Step that the state opens; one that has a checkpoint [default: the last one]
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
    step: u64,
    tensors: usize,
    bytes: u64,
    averaged: bool,
    root: StateRoot,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if !arguments.force && arguments.out.exists() {
        let message = format!("{} is there already", arguments.out.display());
        return Err(Failure::usage(message).hint("name another file, or add --force"));
    }
    let store = Directory::open(&arguments.run)?;
    let damaged = |error: &dyn std::fmt::Display| {
        Failure::inconclusive(format!("{}: {error}", arguments.run.display()))
            .hint("`reenact audit` says what is wrong with the recording")
    };
    let history = History::read(store.open(Object::Journal)?).map_err(|error| damaged(&error))?;
    let (step, root) = chosen(&history, arguments)?;
    let checkpoint = Checkpoint::open(store.open(Object::Checkpoint(root))?);
    let checkpoint = checkpoint.map_err(|error| damaged(&error))?;
    let found = checkpoint.root().map_err(|error| damaged(&error))?;
    if found != root {
        return Err(damaged(&format!("the checkpoint of step {step} is not the recorded one")));
    }
    let model = checkpoint.model(arguments.average).map_err(|error| damaged(&error))?;
    if arguments.average
        && !checkpoint.layout().tensors().iter().any(|spec| spec.name.starts_with("average."))
    {
        return Err(Failure::usage("this run keeps no average of its weights")
            .hint("leave out --average; a spec asks for one under [average]"));
    }
    let metadata = metadata(&store, step, root, arguments)?;
    write(&arguments.out, |out| write_model(&model, &metadata, out)).map_err(|problem| {
        Failure::inconclusive(format!("{}: {problem}", arguments.out.display()))
    })?;
    let exported = Exported {
        file: arguments.out.display().to_string(),
        step,
        tensors: model.layout().tensors().len(),
        bytes: model.byte_len(),
        averaged: arguments.average,
        root,
    };
    tell(&exported, arguments);
    Ok(exit::MATCH)
}

fn tell(exported: &Exported, arguments: &Arguments) {
    if arguments.json {
        return output::json(exported);
    }
    let Exported { file, step, tensors, bytes, .. } = exported;
    let tensors = count(*tensors as u64, "tensor");
    output::line(format_args!(
        "Wrote {file}: {tensors}, {bytes} bytes, the model that opens step {step}"
    ));
    let run = arguments.run.display();
    output::line(format_args!("next: audit {run} --model {file}"));
}

fn chosen(history: &History, arguments: &Arguments) -> Result<(u64, StateRoot), Failure> {
    let last = || history.checkpoints.last_key_value();
    let found = match arguments.step {
        Some(step) => history.checkpoints.get_key_value(&step),
        None => last(),
    };
    found.map(|(step, root)| (*step, *root)).ok_or_else(|| {
        let steps: Vec<String> = history.checkpoints.keys().map(u64::to_string).collect();
        let run = arguments.run.display();
        Failure::usage(format!("{run} has no checkpoint of that step"))
            .hint(format!("it has {}", steps.join(", ")))
    })
}

/// Says in the file where it comes from.
fn metadata(
    store: &Directory,
    step: u64,
    root: StateRoot,
    arguments: &Arguments,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut facts = vec![
        ("format", "reenact-model".to_owned()),
        ("step", step.to_string()),
        ("root", root.to_string()),
        ("averaged", arguments.average.to_string()),
    ];
    if let Ok(text) = store.read(Object::Spec, SPEC_BYTES_MAX as u64)
        && let Ok(spec) = Spec::parse(&String::from_utf8_lossy(&text))
    {
        facts.push(("run", spec.name));
    }
    if let Ok(text) = store.read(Object::Commitment, COMMITMENT_BYTES_MAX) {
        facts.push(("commitment", Commitment::digest_of_text(&text).to_string()));
    }
    Ok(facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect())
}

/// Writes a file beside its place and moves it there once it is whole.
fn write<E: std::fmt::Display>(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> Result<std::io::Result<()>, E>,
) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let mut file = BufWriter::new(file.map_err(|error| error.to_string())?);
    content(&mut file).map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let file = file.into_inner().map_err(|error| error.to_string())?;
    file.as_file().sync_all().map_err(|error| error.to_string())?;
    file.persist(path).map_err(|error| error.to_string())?;
    Ok(())
}
