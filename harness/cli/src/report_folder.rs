//! The folder that a report is written into.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use reenact_core::verify::Report;

use crate::terminal::json::json_text;
use reenact_audit::Failure;

const PAGE: &str = "report.html";
const FACTS: &str = "report.json";

/// Holds a folder that has no report yet.
pub(crate) struct ReportFolder {
    path: PathBuf,
}

impl ReportFolder {
    /// Makes the folder, and refuses one that holds a report: nobody shall
    /// lose the evidence of an earlier audit, or wait for an audit whose
    /// report then has no place.
    pub(crate) fn create(path: &Path, run: &Path) -> Result<Self, Failure> {
        for name in [PAGE, FACTS] {
            let found = path.join(name);
            if found.symlink_metadata().is_ok() {
                let message = format!("{} is already there", found.display());
                return Err(Failure::usage(message).hint("give --report another folder"));
            }
        }
        if lies_inside(path, run) {
            let message = format!("{} is inside the recording", path.display());
            return Err(Failure::usage(message).hint("give --report a folder of its own"));
        }
        match fs::create_dir_all(path) {
            // Whoever fills the disk must not keep the audit from its verdict.
            Err(error) if !is_full(&error) => Err(trouble(path, &error)),
            _ => Ok(Self::new(path)),
        }
    }

    /// Names a folder that is known to hold nothing.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// Writes the facts and the page.
    pub(crate) fn write(&self, report: &Report) -> Result<PathBuf, Failure> {
        fs::create_dir_all(&self.path).map_err(|error| trouble(&self.path, &error))?;
        let facts = json_text(report) + "\n";
        self.write_new(FACTS, &facts)?;
        self.write_new(PAGE, &reenact_page::render(report))
    }

    fn write_new(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        let mut file = File::create_new(&path).map_err(|error| trouble(&path, &error))?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| {
            // Half a report is none, and would be in the way of the next one.
            let _ = fs::remove_file(&path);
            trouble(&path, &error)
        })?;
        Ok(path)
    }
}

/// Asks the part of the path that is there already, links followed.
pub(crate) fn lies_inside(path: &Path, run: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let there = path.ancestors().find_map(|found| found.canonicalize().ok());
    match (there, run.canonicalize()) {
        (Some(there), Ok(run)) => there.starts_with(run),
        _ => false,
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}

fn trouble(path: &Path, error: &std::io::Error) -> Failure {
    Failure::inconclusive(format!("cannot write {}: {error}", path.display()))
}
