//! `reenact replay`: the worker that an audit starts for each segment.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use reenact_core::verify::{SegmentOutcome, open_recording, replay};
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
    #[command(flatten)]
    device: Device,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let outcome = replay_segment(app, arguments)?;
    send(&Message::Outcome(outcome))?;
    Ok(exit::MATCH)
}

fn replay_segment(app: &App, arguments: &Arguments) -> Result<SegmentOutcome, Failure> {
    let store = Directory::open(&arguments.run)?;
    let recording = open_recording(&store).map_err(Failure::inconclusive)?;
    let spec = &recording.spec;
    let setting = arguments.device.setting(1, None);
    let program = app.find(&spec.program.name)?;
    let data = load::data(program, spec, &setting)?;
    let mut trainer = program.start(spec, data, &setting)?;
    let segment = recording.segment(arguments.segment);
    // A step that cannot be reported means that the audit is gone.
    let mut progress = |step| {
        if send(&Message::Step(step)).is_err() {
            std::process::exit(i32::from(exit::INCONCLUSIVE));
        }
    };
    Ok(match replay(&recording, trainer.as_mut(), segment, &mut progress) {
        Ok(replay) => SegmentOutcome::Replayed { replay: Box::new(replay) },
        Err(error) if error.is_in_the_recording() => {
            SegmentOutcome::Refused { problem: error.to_string() }
        }
        Err(error) => SegmentOutcome::Failed { problem: error.to_string() },
    })
}

fn send(message: &Message) -> Result<(), Failure> {
    let mut text = serde_json::to_string(message).map_err(Failure::inconclusive)?;
    text.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::inconclusive)
}
