//! The folder of the nights: a page for each, one for all, and the evidence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reenact_audit::Failure;
use reenact_core::sanitize::plain;
use reenact_core::verify::Report;
use reenact_night::{Outcome, replace};

use super::{page, show};
use crate::report_folder::ReportFolder;
use crate::terminal::json::json_text;

/// Names the ledger whose nights lie in a folder.
const OWNER: &str = ".ledger";
/// Names the page of a night, and of all.
const PAGE: &str = "index.html";

/// Holds the folder of all nights.
pub(super) struct NightFolder {
    reports: PathBuf,
}

impl NightFolder {
    pub(super) fn in_reports(reports: &Path) -> Self {
        Self { reports: reports.into() }
    }

    /// Makes the folder: a night shall not learn at its end that its page has no place. Nights
    /// are numbered by their ledger, so a folder belongs to one.
    pub(super) fn check(&self, ledger: &Path) -> Result<(), Failure> {
        let refuse = |path: &Path, error: io::Error| {
            Failure::usage(format!("{}: {error}", path.display()))
                .hint("`reports` in the config names a folder that can be written")
        };
        fs::create_dir_all(&self.reports).map_err(|error| refuse(&self.reports, error))?;
        let (path, own) = (self.reports.join(OWNER), ledger.display().to_string() + "\n");
        match owner(&path).map_err(|error| refuse(&path, error))? {
            Some(known) if known != own => {
                let message = format!(
                    "{} holds the nights of another ledger, {}",
                    self.reports.display(),
                    plain(known.trim())
                );
                Err(Failure::usage(message).hint("give each ledger a folder of its own: `reports`"))
            }
            Some(_) => Ok(()),
            None => replace(&path, &own).map_err(|error| refuse(&path, error)),
        }
    }

    /// Returns where the night's page lies.
    pub(super) fn page(&self, outcome: &Outcome) -> PathBuf {
        self.of(outcome.night).join(PAGE)
    }

    fn of(&self, night: u64) -> PathBuf {
        self.reports.join(format!("night-{night:05}"))
    }

    /// Keeps the report of an audit. A night that is gone on with keeps what it had.
    pub(super) fn keep(&self, night: u64, unit: usize, report: &Report) -> Result<(), Failure> {
        let folder = self.of(night).join(show::audit_folder(unit));
        let _ = fs::remove_dir_all(&folder);
        ReportFolder::new(&folder).write(report).map(drop)
    }

    /// Writes the night's page and facts, and the page of all nights; each is renamed into its
    /// place when it is whole.
    pub(super) fn write(&self, outcome: &Outcome) -> Result<(), Failure> {
        let folder = self.of(outcome.night);
        let refuse = |path: &Path, error: io::Error| {
            Failure::inconclusive(format!("{}: {error}", path.display()))
        };
        fs::create_dir_all(&folder).map_err(|error| refuse(&folder, error))?;
        let put =
            |path: &Path, text: &str| replace(path, text).map_err(|error| refuse(path, error));
        put(&folder.join("night.json"), &(json_text(outcome) + "\n"))?;
        put(&folder.join(PAGE), &page::night(outcome))?;
        self.point_to(&folder);
        put(&self.reports.join(PAGE), &page::fleet(outcome, &self.nights()))
    }

    /// Leaves a link to the latest, where the system has links.
    fn point_to(&self, folder: &Path) {
        #[cfg(unix)]
        if let Some(name) = folder.file_name() {
            let (beside, latest) = (self.reports.join(".latest"), self.reports.join("latest"));
            let _ = fs::remove_file(&beside);
            let linked = std::os::unix::fs::symlink(name, &beside);
            let _ = linked.and_then(|()| fs::rename(&beside, &latest));
        }
        #[cfg(not(unix))]
        let _ = folder;
    }

    /// Returns the names of the nights that have a page, newest first.
    fn nights(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.reports).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let names = names.filter(|name| name.starts_with("night-"));
        // One that was killed may have left evidence alone.
        let has_page = |name: &String| self.reports.join(name).join(PAGE).is_file();
        let mut names: Vec<String> = names.filter(has_page).collect();
        names.sort();
        names.reverse();
        names
    }
}

/// Reads whose nights these are. An empty file names nobody: a disk that was full or a machine
/// that went down may leave one, and it must lock nobody out.
fn owner(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(known) => Ok(Some(known).filter(|known| !known.trim().is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
