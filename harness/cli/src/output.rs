//! Results on standard output, messages on standard error.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For what passed, but only within a tolerance.
pub(crate) const WITHIN: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();

/// Writes a line of the result. A reader that went away ends the process
/// quietly, as with any other command in a pipe.
pub(crate) fn line(text: impl std::fmt::Display) {
    if writeln!(anstream::stdout(), "{text}").is_err() {
        std::process::exit(i32::from(crate::exit::INCONCLUSIVE));
    }
}

/// Writes a styled piece of text.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes the result for machines.
pub(crate) fn json(value: &impl Serialize) {
    line(json_text(value));
}

/// Returns what [`json`] writes.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("reports have only text keys")
}

/// Writes a message beside the result.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

pub(crate) fn failure(failure: &Failure) {
    note(format_args!("{} {}", styled(BAD, "error:"), failure.message));
    if let Some(hint) = &failure.hint {
        note(format_args!("{} {hint}", styled(BOLD, "hint:")));
    }
}
