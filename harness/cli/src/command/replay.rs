//! `reenact replay`: the worker that an audit starts for each segment.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use reenact_core::attack::{InRunAttack, start};
use reenact_core::data::DataSet;
use reenact_core::digest::Digest;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{
    Cause, Recording, Search, SegmentOutcome, explain, open_recording, replay, replay_within,
};
use reenact_store::Directory;

use super::load::{self, Device};
use crate::app::App;
use crate::exit;
use crate::failure::Failure;
use crate::worker::Message;

/// Replay one segment and report to the audit that started this process
#[derive(Args)]
pub(crate) struct Arguments {
    /// The recording
    run: PathBuf,
    /// Number of the segment
    #[arg(long)]
    segment: u64,
    /// Seek the cause of the segment's divergence, which begins at this step
    #[arg(long, value_name = "STEP")]
    explain: Option<u64>,
    /// Seek it briefly: these causes, as JSON, and then what costs little
    #[arg(long, value_name = "CAUSES", requires = "explain", hide = true)]
    known: Option<Known>,
    /// Digest of the commitment that the audit has examined
    #[arg(long)]
    commitment: Digest,
    /// Choose kernels anew instead of computing with the recorded ones
    #[arg(long)]
    free_kernels: bool,
    /// Measure how far the closing state ends from the recorded one, on another
    /// class of device; residuals are folded with this key
    #[arg(long, value_name = "KEY")]
    within: Option<Digest>,
    /// File with kernels to compute with beside the recorded ones; where there is none,
    /// those that were chosen are left there
    #[arg(long, value_name = "FILE", requires = "within")]
    kernels: Option<PathBuf>,
    #[command(flatten)]
    device: Device,
    /// Replay as a sabotaged toolchain would; the drill asks for it
    #[arg(long, value_name = "ATTACK", hide = true)]
    attack: Option<InRunAttack>,
}

/// Holds the causes that were found in other segments of the recording.
#[derive(Clone)]
struct Known(Vec<Cause>);

impl FromStr for Known {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    send(&work(app, arguments)?)?;
    Ok(exit::MATCH)
}

fn work(app: &App, arguments: &Arguments) -> Result<Message, Failure> {
    let store = match Directory::open(&arguments.run) {
        Ok(store) => store,
        Err(error) => return Ok(changed(&error)),
    };
    // The audit has read all of this before.
    let recording = match open_recording(&store) {
        Ok(recording) => recording,
        Err(finding) => return Ok(changed(&finding)),
    };
    if recording.commitment != arguments.commitment {
        return Ok(changed(&"its commitment is another one"));
    }
    let spec = &recording.spec;
    let mut setting = arguments.device.setting(spec, 1, arguments.attack.clone());
    if !arguments.free_kernels {
        setting.selections = Arc::new(recording.history.selections.to_vec());
    }
    let chosen = arguments.kernels.as_deref();
    let chosen_before = chosen.is_some_and(Path::exists);
    if let Some(path) = chosen.filter(|_| chosen_before) {
        setting.selections = Arc::new(load::selections(path)?);
    }
    let program = app.find(&spec.program.name)?;
    let data = load::data(program, spec, &setting)?;
    if let Some(refused) = too_large(program, &recording, data.as_ref(), &setting)? {
        return Ok(refused);
    }
    let mut trainer = start(program, spec, data.clone(), &setting)?;
    let segment = recording.segment(arguments.segment);
    // A step that cannot be reported means that the audit is gone.
    let mut progress = |step| {
        if send(&Message::Step(step)).is_err() {
            std::process::exit(i32::from(exit::INCONCLUSIVE));
        }
    };
    if let Some(step) = arguments.explain {
        let trainer = trainer.as_mut();
        let known = arguments.known.as_ref();
        let search = known.map_or_else(Search::full, |Known(found)| Search::brief(found));
        let found = explain(&recording, trainer, data, segment, step, &search, &mut progress);
        return match found {
            Err(error) if error.is_a_change() => Ok(changed(&error)),
            found => found.map(Message::Explanation).map_err(Failure::inconclusive),
        };
    }
    let trainer = trainer.as_mut();
    let replayed = match arguments.within {
        Some(key) => replay_within(&recording, trainer, segment, key, &mut progress),
        None => replay(&recording, trainer, segment, &mut progress),
    };
    if let Some(path) = chosen.filter(|_| !chosen_before) {
        load::keep_selections(path, &trainer.selections()?)?;
    }
    Ok(Message::Outcome(SegmentOutcome::of(replayed)))
}

/// What the audit has found whole cannot be used now.
fn changed(problem: &dyn std::fmt::Display) -> Message {
    Message::Outcome(SegmentOutcome::Changed { problem: problem.to_string() })
}

/// A spec may ask for a model of any size; one that the recording does not hold
/// is not built.
fn too_large(
    program: &dyn Program,
    recording: &Recording<'_>,
    data: &dyn DataSet,
    setting: &Setting,
) -> Result<Option<Message>, Failure> {
    let Some(parameters) = program.parameter_count(&recording.spec, data, setting)? else {
        return Ok(None);
    };
    Ok(match recording.can_hold(parameters) {
        Err(error) => Some(changed(&error)),
        Ok(true) => None,
        Ok(false) => Some(Message::Outcome(SegmentOutcome::Refused {
            problem: format!(
                "the spec declares {parameters} parameters, more than the recorded states hold"
            ),
        })),
    })
}

pub(super) fn send(message: &Message) -> Result<(), Failure> {
    let mut text = serde_json::to_string(message).map_err(Failure::inconclusive)?;
    text.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::inconclusive)
}
