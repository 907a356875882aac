//! `reenact gate pending`: what waits to be accepted.

use std::path::PathBuf;

use clap::Args;
use reenact_audit::Failure;
use reenact_gate::{Pending, find_specs};
use serde::Serialize;

use super::folder_of;
use crate::exit;
use crate::terminal::output::{self, line};

/// Show what waits to be accepted
#[derive(Args)]
#[command(
    before_help = "Examples:\n  reenact gate pending\n  reenact gate pending --from artifact/"
)]
pub(super) struct Arguments {
    /// Specs, locks, or folders with locks [default: this folder]
    #[arg(value_name = "SPEC|DIR")]
    places: Vec<PathBuf>,
    /// Look into this folder [default: beside each lock]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Waiting {
    spec: String,
    class: String,
    file: String,
    moved: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let here = [PathBuf::from(".")];
    let places = if arguments.places.is_empty() { &here[..] } else { &arguments.places };
    let mut waiting = Vec::new();
    for path in find_specs(places)? {
        let folder = arguments.from.clone().unwrap_or_else(|| folder_of(&path));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        waiting.extend(Pending::of(&folder, &name)?.into_iter().map(|pending| Waiting {
            spec: path.display().to_string(),
            class: pending.entry.class.to_string(),
            file: pending.path().display().to_string(),
            moved: pending.entry.accepted.moved.clone(),
        }));
    }
    if arguments.json {
        output::json(&waiting);
        return Ok(exit::MATCH);
    }
    if waiting.is_empty() {
        line("Nothing waits to be accepted.");
    }
    for one in &waiting {
        let moved = one.moved.as_deref().unwrap_or("the first of its class");
        line(format_args!("{}  {}  {moved}", one.spec, one.class));
    }
    Ok(exit::MATCH)
}
