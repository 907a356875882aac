//! Locks on disk, each beside its spec.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use reenact_audit::Failure;
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use tempfile::NamedTempFile;

use crate::accepted::AcceptedBits;
use crate::{ClassId, Entry, Evidence, JOURNAL_BYTES_MAX, LOCK_BYTES_MAX, Lock, TRACE_BYTES_MAX};

/// How a lock begins; a `Cargo.lock` does not.
const BEGINNING: &[u8] = b"# Written by `reenact gate accept`.";
const LOCK: &str = "lock";
/// Ends the name of what waits for acceptance.
pub(crate) const PENDING: &str = ".pending.lock";
/// Folders that are looked through on one way down.
const DEPTH_MAX: usize = 32;

/// Holds a lock, and where it lies.
pub struct Locked {
    /// The lock.
    pub lock: Lock,
    path: PathBuf,
}

impl Locked {
    /// Reads the lock beside a spec; none if there is none.
    pub fn beside(spec_path: &Path, spec: &Spec) -> Result<Option<Self>, Failure> {
        let path = lock_path(spec_path);
        if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let locked = Self::read(&path)?;
        locked.lock.check_spec(spec.digest()).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display())).hint(
                "take the change of the spec back; or remove the lock, and accept what the spec \
                 computes now: reenact gate accept SPEC --reason TEXT",
            )
        })?;
        Ok(Some(locked))
    }

    /// Reads a lock.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = limited(path, LOCK_BYTES_MAX)?;
        let lock = Lock::parse(&bytes);
        let lock = lock.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        Ok(Self { lock, path: path.into() })
    }

    /// Returns what was accepted on this class; or, where nothing was, on the class that is
    /// most like it, which explains and judges nothing.
    pub fn accepted(
        &self,
        class: &ClassId,
        facts: &BTreeMap<String, String>,
    ) -> Result<Option<AcceptedBits<'_>>, Failure> {
        if let Some(entry) = self.lock.entry(class) {
            let evidence = self.evidence(entry)?;
            return Ok(Some(AcceptedBits { entry, evidence, elsewhere: Vec::new() }));
        }
        let nearest = self.lock.nearest(facts).and_then(|(entry, elsewhere)| {
            let evidence = self.evidence(entry).ok()?;
            Some(AcceptedBits { entry, evidence, elsewhere })
        });
        Ok(nearest)
    }

    /// Reads what an entry binds.
    pub(crate) fn evidence(&self, entry: &Entry) -> Result<Evidence, Failure> {
        let name = name_of(&self.path);
        let beside = |file: String| self.path.with_file_name(file);
        let trace = beside(entry.class.trace_file(&name));
        let text = limited(&trace, TRACE_BYTES_MAX)?;
        let journal = limited(&beside(entry.class.journal_file(&name)), JOURNAL_BYTES_MAX).ok();
        Evidence::read(&self.lock, entry, &text, journal.as_deref())
            .map_err(|error| Failure::usage(format!("{}: {error}", trace.display())))
    }
}

/// Returns the place of the lock of a spec.
pub fn lock_path(spec_path: &Path) -> PathBuf {
    spec_path.with_extension(LOCK)
}

/// Returns the name that the files beside a spec or lock begin with.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(PENDING).unwrap_or(&name);
    let name = name.strip_suffix(".lock").or(name.strip_suffix(".toml")).unwrap_or(name);
    name.to_owned()
}

/// Reads a spec from a file.
pub fn read_spec(path: &Path) -> Result<Spec, Failure> {
    let bytes = limited(path, SPEC_BYTES_MAX)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{}: it is no UTF-8 text", path.display())))?;
    Spec::parse(&text).map_err(|error| Failure::from(error).context(path.display()))
}

/// Finds the specs that were named: a spec or a lock by itself, of a folder every spec that
/// has a lock. Links to folders are not followed.
pub fn find_specs(places: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for place in places {
        let refuse = |error: io::Error| Failure::usage(format!("{}: {error}", place.display()));
        if fs::metadata(place).map_err(refuse)?.is_dir() {
            below(place, DEPTH_MAX, &mut found).map_err(refuse)?;
        } else if place.extension().is_some_and(|found| found == LOCK) {
            found.push(place.with_extension("toml"));
        } else {
            found.push(place.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_dir = entry?.is_dir();
        if is_dir && depth > 0 && !name.starts_with('.') && name != "target" {
            // What cannot be read holds no lock of ours.
            let _ = below(&path, depth - 1, found);
        } else if !is_dir && name.ends_with(".lock") && !name.ends_with(PENDING) && is_ours(&path) {
            found.push(path.with_extension("toml"));
        }
    }
    Ok(())
}

/// Looks at how a file begins; one that was spoilt is found by what merging leaves there.
fn is_ours(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut bytes));
    let has = |words: &[u8]| bytes.windows(words.len()).any(|found| found == words);
    read.is_ok() && has(BEGINNING)
}

/// Reads a file of a limited size.
pub(crate) fn limited(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let refuse =
        |problem: &dyn std::fmt::Display| Failure::usage(format!("{}: {problem}", path.display()));
    if !fs::metadata(path).map_err(|error| refuse(&error))?.is_file() {
        return Err(refuse(&"it is no plain file"));
    }
    let (mut bytes, most) = (Vec::new(), limit as u64 + 1);
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| refuse(&error))?;
    if bytes.len() > limit {
        return Err(refuse(&format_args!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Writes a file as a whole: whoever reads it meanwhile has the old one or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        readable(file.path())?;
        file.persist(path).map_err(|error| error.error).map(drop)
    };
    write().map_err(|error| Failure::inconclusive(format!("{}: {error}", path.display())))
}

/// A temporary file is its owner's alone; these are for everybody who builds.
#[cfg(unix)]
fn readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &Path) -> io::Result<()> {
    Ok(())
}
