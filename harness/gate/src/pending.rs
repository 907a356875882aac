//! What waits to be accepted, and accepting it.

use std::fs;
use std::path::{Path, PathBuf};

use reenact_audit::Failure;
use reenact_core::digest::Digest;
use reenact_core::spec::Spec;

use crate::files::{Locked, PENDING, limited, lock_path, name_of, write_whole};
use crate::run::Candidate;
use crate::{
    Accepted, ClassId, Date, Enforce, Entry, JOURNAL_BYTES_MAX, Lock, MovedFound, TRACE_BYTES_MAX,
};

/// The reason of what nobody accepted yet.
const UNACCEPTED: &str = "pending";

/// Holds a candidate on disk: a lock with one entry, and what that binds.
pub struct Pending {
    path: PathBuf,
    /// Its only entry.
    pub entry: Entry,
    spec: Digest,
    /// Steps that were taken.
    pub steps: u64,
}

/// Says what was accepted.
pub struct Change {
    /// The lock.
    pub lock: PathBuf,
    /// The class.
    pub class: ClassId,
    /// How far bits moved from what it replaces; none if it replaces nothing.
    pub moved: Option<String>,
    /// Whether there was no lock before.
    pub is_first: bool,
}

impl Pending {
    /// Leaves a candidate in a folder, beside nothing that was accepted.
    pub fn leave(
        folder: &Path,
        name: &str,
        candidate: &Candidate,
        replaced: Option<&Entry>,
        moved: Option<&MovedFound>,
        at: Date,
    ) -> Result<Self, Failure> {
        let Candidate { evidence, environment } = candidate;
        let accepted = Accepted {
            at,
            reason: UNACCEPTED.into(),
            was: replaced.map(|entry| entry.trace),
            moved: replaced.and(moved).map(how_far),
        };
        let entry = evidence.accept(environment, accepted).map_err(Failure::inconclusive)?;
        let (spec, steps) = (evidence.trace.spec, evidence.trace.steps.len() as u64);
        let (enforce, old, entries) = (Enforce::Block, Vec::new(), vec![entry.clone()]);
        let lock = Lock { spec, steps, enforce, old, entries };
        let text = lock.canonical().map_err(Failure::inconclusive)?;
        let refuse = |error| Failure::inconclusive(format!("{}: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(refuse)?;
        let path = folder.join(format!("{name}.{}{PENDING}", entry.class));
        let pending = Self { path, entry, spec, steps };
        // The lock last: without it, the others are nothing.
        if let Some(journal) = &evidence.journal {
            write_whole(&pending.beside("journal"), journal.bytes())?;
        }
        write_whole(&pending.beside("trace"), evidence.trace.to_string().as_bytes())?;
        write_whole(&pending.path, text.as_bytes())?;
        Ok(pending)
    }

    /// Finds the candidates of a spec in a folder.
    pub fn of(folder: &Path, name: &str) -> Result<Vec<Self>, Failure> {
        let refuse = |error| Failure::usage(format!("{}: {error}", folder.display()));
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(refuse)? {
            let path = entry.map_err(refuse)?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let class = file.strip_suffix(PENDING).and_then(|file| file.strip_prefix(name));
            let class = class.and_then(|class| class.strip_prefix('.'));
            if class.is_some_and(|class| class.parse::<ClassId>().is_ok()) {
                found.push(Self::read(&path)?);
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let Lock { spec, steps, mut entries, .. } = Locked::read(path)?.lock;
        match (entries.pop(), entries.is_empty()) {
            (Some(entry), true) => Ok(Self { path: path.into(), entry, spec, steps }),
            _ => {
                let problem = "a candidate has one entry; this has none, or several";
                Err(Failure::usage(format!("{}: {problem}", path.display())))
            }
        }
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    /// Takes it over into the lock beside a spec, and removes it.
    pub fn accept(
        self,
        spec_path: &Path,
        spec: &Spec,
        reason: &str,
        at: Date,
    ) -> Result<Change, Failure> {
        let refuse =
            |problem: String| Failure::usage(format!("{}: {problem}", self.path.display()));
        if self.spec != spec.digest() {
            return Err(refuse("it is of another spec than the one that lies there now".into()));
        }
        let path = lock_path(spec_path);
        let locked = Locked::beside(spec_path, spec)?;
        let is_first = locked.is_none();
        let mut lock = locked.map_or_else(
            || Lock {
                spec: self.spec,
                steps: self.steps,
                enforce: Enforce::Block,
                old: Vec::new(),
                entries: Vec::new(),
            },
            |locked| locked.lock,
        );
        if lock.steps != self.steps {
            let (steps, locked) = (self.steps, lock.steps);
            return Err(refuse(format!("it has {steps} steps, and the lock {locked}")));
        }
        let trace = limited(&self.beside("trace"), TRACE_BYTES_MAX)?;
        let journal = limited(&self.beside("journal"), JOURNAL_BYTES_MAX).ok();
        let alone = Lock { entries: vec![self.entry.clone()], ..lock.clone() };
        crate::Evidence::read(&alone, &self.entry, &trace, journal.as_deref())
            .map_err(|error| refuse(error.to_string()))?;
        let mut entry = self.entry.clone();
        let known = lock.entry(&entry.class).map(|entry| entry.trace);
        if entry.accepted.was != known && known.is_some() {
            return Err(refuse("another one was accepted since it was left".into())
                .hint("run the gate again, and accept what it leaves then"));
        }
        (entry.accepted.at, entry.accepted.reason) = (at, reason.into());
        let (class, moved) = (entry.class.clone(), entry.accepted.moved.clone());
        lock.accept(entry);
        let text = lock.canonical().map_err(|error| refuse(error.to_string()))?;
        let name = name_of(spec_path);
        let beside = |file: String| spec_path.with_file_name(file);
        match &journal {
            Some(journal) => write_whole(&beside(class.journal_file(&name)), journal)?,
            None => drop(fs::remove_file(beside(class.journal_file(&name)))),
        }
        write_whole(&beside(class.trace_file(&name)), &trace)?;
        write_whole(&path, text.as_bytes())?;
        for left in [self.path.clone(), self.beside("trace"), self.beside("journal")] {
            // What was accepted is accepted, whatever becomes of the rest.
            let _ = fs::remove_file(left);
        }
        Ok(Change { lock: path, class, moved, is_first })
    }
}

/// Says how far bits moved, for whoever reviews the lock.
fn how_far(moved: &MovedFound) -> String {
    let from = match moved.step {
        Some(step) => format!("from step {step}, {}", moved.part),
        None => format!("from the {}", moved.part.replace('-', " ")),
    };
    let loss = moved.last_loss.map(|[old, new]| {
        format!("; loss of the last step moved by {:.1e}", f64::from(new) - f64::from(old))
    });
    let (ulp, l2) = moved.largest();
    let ulp = ulp.map(|ulp| format!("; at most {ulp} ulp"));
    let l2 = l2.map(|l2| format!("; relative L2 at most {l2:.1e}"));
    [Some(from), loss, l2, ulp].into_iter().flatten().collect()
}
