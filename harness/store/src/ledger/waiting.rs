//! Audits that wait beside the ledger.
//!
//! Whoever may read the ledger can hold a lock on it, and no audit can write then. What an
//! audit has to leave is written into a file of its own beside it, and the next audit or
//! command that can takes it in. Until then every audit counts what waits there.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::error::LedgerError;
use crate::entry::Entry;

/// Limits a file that waits; an entry names each segment once.
const BYTES_MAX: u64 = 1 << 28;
/// Stands between the name of the ledger and the key of the audit.
const MARK: &str = "-waiting-";

/// Holds an audit that waits, and its file.
pub(super) struct Waiting {
    pub(super) path: PathBuf,
    pub(super) entry: Entry,
}

/// Writes an audit beside the ledger. It appears whole or not at all.
pub(super) fn add(ledger: &Path, entry: &Entry) -> Result<PathBuf, LedgerError> {
    let stem = [name(ledger).as_str(), MARK, &entry.key, "-", &entry.verdict].concat();
    let path = ledger.with_file_name(format!("{stem}.json"));
    let draft = ledger.with_file_name(format!("{stem}.draft"));
    let written = (|| {
        let text = serde_json::to_vec(entry)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    })();
    let problem = |error: std::io::Error| error.to_string();
    written.map_err(problem).map_err(|problem| refuse(&path, problem))?;
    Ok(path)
}

/// Returns what waits, the beginning of an audit before its end.
pub(super) fn all(ledger: &Path) -> Result<Vec<Waiting>, LedgerError> {
    let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(listed) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Ok(Vec::new()) };
    let start = format!("{}{MARK}", name(ledger));
    let is_one = |path: &PathBuf| {
        let found = path.file_name().and_then(|name| name.to_str());
        found.is_some_and(|name| name.starts_with(&start) && name.ends_with(".json"))
    };
    let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
    let mut waiting: Vec<Waiting> = paths
        .filter(is_one)
        .filter_map(|path| read(ledger, path).transpose())
        .collect::<Result<_, _>>()?;
    let began = crate::entry::BEGUN;
    waiting.sort_by_key(|found| {
        let Entry { audited_at_seconds, verdict, key, .. } = &found.entry;
        (verdict != began, *audited_at_seconds, key.clone())
    });
    Ok(waiting)
}

/// Reads one; none if another process has just taken it in.
fn read(ledger: &Path, path: PathBuf) -> Result<Option<Waiting>, LedgerError> {
    let refuse = |problem: String| refuse(&path, problem);
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse(error.to_string())),
    };
    if !same_owner(ledger, &file) {
        let problem = "belongs to somebody else than the ledger: who it is has to be looked into, \
                       and the file removed";
        return Err(refuse(problem.into()));
    }
    let mut text = Vec::new();
    let read = (&file).take(BYTES_MAX).read_to_end(&mut text);
    read.map_err(|error| refuse(error.to_string()))?;
    let entry = serde_json::from_slice(&text);
    let entry = entry.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    Ok(Some(Waiting { path, entry }))
}

/// Opens a plain file, and follows no link.
fn open(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
    );
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("it is no plain file")),
    }
}

/// In a folder that others write, too, what waits could be anybody's word.
#[cfg(unix)]
fn same_owner(ledger: &Path, file: &fs::File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(ledger), Ok(file)) = (fs::metadata(ledger), file.metadata()) else { return false };
    ledger.uid() == file.uid()
}

#[cfg(not(unix))]
fn same_owner(_: &Path, _: &fs::File) -> bool {
    true
}

fn name(ledger: &Path) -> String {
    ledger.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn refuse(path: &Path, problem: String) -> LedgerError {
    LedgerError::Waiting { path: path.display().to_string(), problem }
}

#[cfg(test)]
mod tests;
