//! `reenact diff`: two states, tensor by tensor, bit by bit.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{Table, presets};
use reenact_core::format::{Checkpoint, History, Object};
use reenact_core::state::{Difference, TensorDifference};
use reenact_store::{open_file, open_run};
use serde::Serialize;

use crate::exit;
use crate::terminal::output::{self, BAD, GOOD, json, line, styled};
use reenact_audit::Failure;
use reenact_core::sanitize::count;

const EXAMPLES: &str = "\
Examples:
  reenact diff a.safetensors b.safetensors
  reenact diff runs/a@200 runs/b@200        the states that open step 200
  reenact diff runs/a@0 runs/a@200";

/// Compare two states, tensor by tensor and bit by bit
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A checkpoint file, or RUN@STEP
    a: String,
    /// Another
    b: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Comparison<'a> {
    a: &'a str,
    b: &'a str,
    /// Of both: what only one has counts too.
    tensors: u64,
    bytes: u64,
    differences: Vec<TensorDifference>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let (a, b) = (open(&arguments.a)?, open(&arguments.b)?);
    let differences = a.differences(&b).map_err(Failure::inconclusive)?;
    let equal = differences.is_empty();
    let comparison = Comparison {
        a: &arguments.a,
        b: &arguments.b,
        tensors: tensors(&a, &b),
        bytes: a.byte_len(),
        differences,
    };
    if arguments.json {
        json(&comparison);
    } else {
        show(&comparison);
    }
    Ok(if equal { exit::MATCH } else { exit::DIVERGENT })
}

/// Counts the tensors that either has.
fn tensors(a: &Checkpoint, b: &Checkpoint) -> u64 {
    let only_b = |name: &str| a.layout().position(name).is_none();
    let more = b.layout().tensors().iter().filter(|spec| only_b(&spec.name)).count();
    (a.layout().tensors().len() + more) as u64
}

fn open(name: &str) -> Result<Checkpoint, Failure> {
    let path = Path::new(name);
    let at_step = name.rsplit_once('@').and_then(|(run, step)| Some((run, step.parse().ok()?)));
    let refuse = |error: &dyn std::fmt::Display| Failure::usage(format!("{name}: {error}"));
    let source = match at_step {
        Some((run, step)) if !path.exists() => return open_step(&PathBuf::from(run), step),
        _ => open_file(path).map_err(|error| {
            refuse(&error).hint("give a checkpoint file, or RUN@STEP for a state of a recording")
        })?,
    };
    Checkpoint::open(source).map_err(|error| refuse(&error))
}

fn open_step(run: &Path, step: u64) -> Result<Checkpoint, Failure> {
    let store = open_run(run)?;
    let refuse = |error: &dyn std::fmt::Display| {
        Failure::inconclusive(format!("{}@{step}: {error}", run.display()))
    };
    let history = History::read(store.open(Object::Journal)?).map_err(|error| refuse(&error))?;
    let Some(&root) = history.checkpoints.get(&step) else {
        let steps: Vec<String> = history.checkpoints.keys().map(u64::to_string).collect();
        let message = format!("{} has no checkpoint that opens step {step}", run.display());
        return Err(Failure::usage(message).hint(format!("it has {}", steps.join(", "))));
    };
    let source = store.open(Object::Checkpoint(root)).map_err(|error| refuse(&error))?;
    Checkpoint::open(source).map_err(|error| refuse(&error))
}

fn show(comparison: &Comparison<'_>) {
    let Comparison { tensors, bytes, differences, .. } = comparison;
    if differences.is_empty() {
        let equal = styled(GOOD, "equal");
        return line(format_args!(
            "{equal}  {}, {bytes} bytes, bit for bit",
            count(*tensors, "tensor")
        ));
    }
    let differ = styled(BAD, "different");
    line(format_args!("{differ}  {} of {}", differences.len(), count(*tensors, "tensor")));
    output::table(table(differences), &[5, 2, 4, 3]);
}

fn table(differences: &[TensorDifference]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["  tensor", "elements", "first", "A", "B", "ulp at most", "L2 of tensor"]);
    for found in differences {
        let name = format!("  {}", found.name);
        table.add_row(match &found.difference {
            Difference::OnlyRecorded => {
                [name, "only in A".into(), "".into(), "".into(), "".into(), "".into(), "".into()]
            }
            Difference::OnlyReplayed => {
                [name, "only in B".into(), "".into(), "".into(), "".into(), "".into(), "".into()]
            }
            Difference::Shape { recorded, replayed } => [
                name,
                "shape".into(),
                "".into(),
                recorded.clone(),
                replayed.clone(),
                "".into(),
                "".into(),
            ],
            Difference::Elements {
                count,
                of,
                index_first,
                recorded,
                replayed,
                ulp_max,
                relative_l2,
            } => [
                name,
                format!("{count} of {of}"),
                index_first.to_string(),
                recorded.clone(),
                replayed.clone(),
                ulp_max.map_or_else(|| "NaN".into(), |ulp| ulp.to_string()),
                relative_l2.map_or_else(String::new, |relative| format!("{relative:.1e}")),
            ],
        });
    }
    table
}
