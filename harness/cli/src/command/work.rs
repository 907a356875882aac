//! `reenact work`: do a part of a plan, on whichever machine.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::{Failure, binary_digest};
use reenact_core::digest::Digest;
use reenact_core::sanitize::{count, plain};
use reenact_fleet::{PLAN_BYTES_MAX, Part, Plan, Work, WorkError};
use reenact_store::open_objects;

use crate::app::App;
use crate::exit;
use crate::key_file;
use crate::options::Workers;
use crate::terminal::output::{self, note};

/// Variables by which engines number what they start, with what numbers it.
const INDEX_VARIABLES: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];

const EXAMPLES: &str = "\
Examples:
  reenact work plan.json --results results             in a Slurm array or an indexed Job
  reenact work plan.json --results results --index 3   shard number three
  reenact work plan.json --results results --slice 2/8 the second eighth, without an engine
  reenact work plan.json --results results --key worker.key
                                                       sign, so that `collect` knows whose it is

Exit codes: 0 the results are written, whatever they say; 64 or 70 another try is vain (another
binary, a stale plan, a bug); 75 another try may do better. A verdict is never an exit code here:
an engine would take it for a failure, and try until it is gone";

/// Do a part of a plan and leave signed results
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The plan, as `reenact plan --out` writes it
    plan: PathBuf,
    /// Where results are left: a folder that every machine has
    #[arg(long, value_name = "PLACE")]
    results: String,
    /// Number of the shard, from 0 [default: $SLURM_ARRAY_TASK_ID or $JOB_COMPLETION_INDEX]
    #[arg(long, value_name = "N", conflicts_with = "slice")]
    index: Option<usize>,
    /// The Ith of N parts of about as many segments, from 1
    #[arg(long, value_name = "I/N", value_parser = slice)]
    slice: Option<Slice>,
    /// Sign results with this key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    workers: Workers,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    index: usize,
    of: usize,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    match worked(app, arguments) {
        Ok(()) => Ok(exit::MATCH),
        Err(WorkError::Vain(failure)) => {
            output::failure(&failure);
            Ok(exit::USAGE)
        }
        Err(WorkError::Again(failure)) => {
            output::failure(&failure);
            Ok(exit::AGAIN)
        }
    }
}

fn worked(app: &App, arguments: &Arguments) -> Result<(), WorkError> {
    let (plan, digest) = read(&arguments.plan)?;
    let key = arguments.key.as_deref().map(key_file::read).transpose().map_err(WorkError::Vain)?;
    let part = arguments.part(&plan).map_err(WorkError::Vain)?;
    let again = |error: &dyn std::fmt::Display| WorkError::Again(Failure::inconclusive(error));
    let results = open_objects(&arguments.results).map_err(|error| again(&error))?;
    let processes = arguments.workers.processes();
    let work = Work {
        plan: &plan,
        digest,
        programs: app.known(),
        executor: &processes,
        results: results.as_ref(),
        key: key.as_ref(),
        binary: binary_digest().map_err(WorkError::Again)?,
    };
    let worked = work.work(part, &mut |place, of, unit| {
        let (run, segment) = (plain(&unit.run), unit.segment);
        note(format_args!("{} of {of}: segment {segment} of {run}", place + 1));
    })?;
    let before = match worked.before {
        0 => String::new(),
        there => format!(", {there} had one already"),
    };
    let done = count(worked.done, "result");
    output::line(format_args!("{done} written to {}{before}", plain(&results.place())));
    Ok(())
}

/// Reads a plan, and what names it. A plan that is not there may come: storage that many
/// machines share takes its time.
pub(super) fn read(path: &Path) -> Result<(Plan, Digest), WorkError> {
    let refuse = |problem: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {problem}", path.display()))
            .hint("`reenact plan RUN --out FILE` writes one")
    };
    let again = |error: std::io::Error| {
        let absent = error.kind() == std::io::ErrorKind::NotFound;
        let failure = refuse(&error);
        if absent { WorkError::Vain(failure) } else { WorkError::Again(failure) }
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(again)?;
    file.take(PLAN_BYTES_MAX + 1).read_to_end(&mut text).map_err(again)?;
    if text.len() as u64 > PLAN_BYTES_MAX {
        let problem = format!("it has more than {PLAN_BYTES_MAX} bytes");
        return Err(WorkError::Vain(refuse(&problem)));
    }
    let plan = Plan::parse(&text).map_err(|error| WorkError::Vain(refuse(&error)))?;
    Ok((plan, Plan::digest(&text)))
}

impl Arguments {
    fn part(&self, plan: &Plan) -> Result<Part, Failure> {
        if let Some(Slice { index, of }) = self.slice {
            return Ok(Part::Slice { index, of });
        }
        let told = |name: &&str| std::env::var(name).ok();
        let index = match (self.index, INDEX_VARIABLES.iter().find_map(told)) {
            (Some(index), _) => index,
            (None, Some(text)) => text
                .parse()
                .map_err(|_| Failure::usage(format!("`{text}` is no number of a shard")))?,
            (None, None) if plan.shards.len() == 1 => 0,
            (None, None) => {
                let shards = plan.shards.len();
                let problem = format!("which of the plan's {shards} shards?");
                let hint = "name it with --index or --slice; Slurm and Kubernetes do by a variable";
                return Err(Failure::usage(problem).hint(hint));
            }
        };
        Ok(Part::Shard(index))
    }
}

fn slice(text: &str) -> Result<Slice, String> {
    let read = || {
        let (index, of) = text.split_once('/')?;
        let (index, of) = (index.parse::<usize>().ok()?, of.parse::<usize>().ok()?);
        (1..=of).contains(&index).then_some(Slice { index: index - 1, of })
    };
    read().ok_or_else(|| "write it as in 2/8: the second of eight".into())
}
