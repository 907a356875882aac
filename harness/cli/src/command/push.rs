//! `reenact push`: bring a recording to where objects are.

use std::path::PathBuf;

use clap::Args;
use reenact_audit::Failure;
use reenact_core::sanitize::plain;
use reenact_store::{Directory, Push, PushError, Pushed, open_objects};

use crate::exit;
use crate::terminal::output;

const EXAMPLES: &str = "\
Examples:
  reenact push runs/cnn s3://runs/cnn       what is not there yet
  reenact record digits-cnn --out runs/cnn --push s3://runs/cnn
                                            the same, behind the training
  reenact audit s3://runs/cnn               and audit it there

What is there already is never replaced nor deleted, so the trainer needs no right to do so. An
S3 place is reached as AWS's own tools reach it: AWS_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL for what is not Amazon's.";

/// Bring what is committed to of a recording into a bucket, or another folder of objects
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of the recording
    run: PathBuf,
    /// Where it goes: s3://BUCKET/PREFIX, or a folder
    place: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let store = Directory::open(&arguments.run)?;
    let objects = open_objects(&arguments.place).map_err(Failure::usage)?;
    let pushed = Push::new(&store, objects.as_ref()).push().map_err(failure)?;
    let place = plain(&objects.place());
    match pushed {
        Pushed::Whole => output::line(format_args!("all of it is in {place}")),
        Pushed::SoFar => {
            output::line(format_args!("what is committed to so far is in {place}"));
        }
    }
    Ok(exit::MATCH)
}

fn failure(error: PushError) -> Failure {
    match error {
        PushError::Store(error) => error.into(),
        error @ PushError::Other { .. } => Failure::usage(error),
        error if error.may_pass() => {
            Failure::inconclusive(error).hint("try it again: what is there already stays")
        }
        error => Failure::inconclusive(error),
    }
}
