//! `reenact worker`: the process that an audit, a rehearsal or the doctor starts for each task.

use std::ffi::OsString;

use clap::Args;
use reenact_audit::{Failure, serve};

use crate::app::App;
use crate::exit;

/// Do the task that standard input holds, and write to standard output what comes of it
#[derive(Args)]
pub(crate) struct Arguments {
    /// What it does, for whoever lists processes
    #[arg(value_name = "WHAT")]
    _what: Vec<OsString>,
}

pub(crate) fn run(app: &App) -> Result<u8, Failure> {
    serve(app.known())?;
    Ok(exit::MATCH)
}
