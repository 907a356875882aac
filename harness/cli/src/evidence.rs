//! The evidence of an audit, kept before a word is said.
//!
//! A report whose place takes nothing, as its disk is full, goes to another one. The verdict
//! is what it is, wherever the report lies.

use std::path::{Path, PathBuf};

use reenact_audit::{Failure, Remembering};
use reenact_core::sanitize::plain;
use reenact_core::verify::Report;

use crate::report_folder::ReportFolder;
use crate::terminal::json::json_text;
use crate::terminal::output::{UNSURE, json_note, note, styled};

/// Says where a report was kept.
pub(crate) enum Kept {
    /// Where it was to be, or elsewhere.
    In {
        page: PathBuf,
        /// Why it is not where it was to be.
        trouble: Option<Failure>,
    },
    /// Nowhere; here are its facts.
    Nowhere { trouble: Failure, facts: String },
}

/// Keeps a report in this folder, or else beside the ledger or among the temporary files.
pub(crate) fn keep(folder: &ReportFolder, report: &Report, remembering: &Remembering) -> Kept {
    let trouble = match folder.write(report) {
        Ok(page) => return Kept::In { page, trouble: None },
        Err(trouble) => trouble,
    };
    let elsewhere = beside_ledger(remembering).into_iter().chain([std::env::temp_dir()]);
    match elsewhere.into_iter().find_map(|place| keep_in(&place, report)) {
        Some(page) => Kept::In { page, trouble: Some(trouble) },
        None => Kept::Nowhere { trouble, facts: json_text(report) },
    }
}

fn beside_ledger(remembering: &Remembering) -> Option<PathBuf> {
    let Remembering::In { path, .. } = remembering else { return None };
    path.parent().map(Path::to_path_buf)
}

/// Keeps a report in a new folder at this place, if that can be written.
fn keep_in(place: &Path, report: &Report) -> Option<PathBuf> {
    let folder = tempfile::Builder::new().prefix("report-").tempdir_in(place).ok()?;
    let page = ReportFolder::new(folder.path()).write(report).ok()?;
    let _ = folder.keep();
    Some(page)
}

impl Kept {
    /// Says it on standard error; facts that no place took stand there whole.
    pub(crate) fn say(&self) {
        let warning = styled(UNSURE, "warning:");
        match self {
            Self::In { page, trouble } => {
                if let Some(trouble) = trouble {
                    note(format_args!("{warning} {}; so it is elsewhere", trouble.said()));
                }
                note(format_args!("The report is in {}", plain(&page.display().to_string())));
            }
            Self::Nowhere { trouble, facts } => {
                note(format_args!(
                    "{warning} {}, and no other place takes the report. These are its facts:",
                    trouble.said()
                ));
                json_note(facts);
            }
        }
    }
}
