//! What was accepted of a spec.

use std::collections::BTreeMap;

use reenact_core::digest::Digest;
use reenact_core::sanitize::is_plain;

use crate::entry::{FactDifference, check_words};
use crate::lock_error::check;
use crate::{ClassId, Enforce, Entry, LockError, lock_text};

/// Format version of the lock.
///
/// 1: the first (2026-11).
pub const LOCK_FORMAT: u64 = 1;

/// Limits the classes of a lock.
pub const ENTRIES_MAX: usize = 256;
/// Limits the older recordings of a lock.
pub const OLD_MAX: usize = 64;
/// Limits the steps that a gate takes of a spec.
pub const STEPS_MAX: u64 = 4096;
const PATH_BYTES_MAX: usize = 512;

/// Holds what was accepted of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Digest of the spec's canonical text.
    pub spec: Digest,
    /// Steps that were taken from the first on.
    pub steps: u64,
    /// What other bits than these do to a change.
    pub enforce: Enforce,
    /// Older recordings that have to stay auditable: paths from the lock's folder on.
    pub old: Vec<String>,
    /// What was accepted, by class.
    pub entries: Vec<Entry>,
}

impl Lock {
    /// Reads what [`Lock::canonical`] writes, and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        lock_text::read(bytes)
    }

    /// Writes the one text of this lock: entries by class, older recordings by path.
    ///
    /// # Errors
    /// If no reader would take it.
    pub fn canonical(&self) -> Result<String, LockError> {
        self.check()?;
        lock_text::written(self)
    }

    /// Refuses a lock of another spec than the one with this digest.
    pub fn check_spec(&self, spec: Digest) -> Result<(), LockError> {
        if self.spec == spec { Ok(()) } else { Err(LockError::Spec { locked: self.spec, spec }) }
    }

    /// Returns what was accepted on a class.
    pub fn entry(&self, class: &ClassId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.class == *class)
    }

    /// Returns the entry of the same device that differs in the fewest facts, and these: what
    /// a machine of a class without an entry can be compared with, though not judged by.
    pub fn nearest(
        &self,
        facts: &BTreeMap<String, String>,
    ) -> Option<(&Entry, Vec<FactDifference>)> {
        let alike = self.entries.iter().filter(|entry| entry.is_of_device_of(facts));
        let differing = alike.map(|entry| (entry, entry.fact_differences(facts)));
        differing.min_by_key(|(entry, facts)| (facts.len(), &entry.class))
    }

    /// Puts an entry in the place of the one of its class, which is returned.
    pub fn accept(&mut self, entry: Entry) -> Option<Entry> {
        match self.entries.binary_search_by(|known| known.class.cmp(&entry.class)) {
            Ok(place) => Some(std::mem::replace(&mut self.entries[place], entry)),
            Err(place) => {
                self.entries.insert(place, entry);
                None
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), LockError> {
        let steps = (1..=STEPS_MAX).contains(&self.steps);
        check(steps, || "steps".into(), "1 to 4096 are expected")?;
        if let Enforce::Inform { reason, .. } = &self.enforce {
            check_words(reason, || "reason".into())?;
        }
        check(self.old.len() <= OLD_MAX, || "old".into(), "there are more than 64 recordings")?;
        self.old.iter().try_for_each(|path| check_path(path))?;
        twice(self.old.iter().map(String::clone), "old")?;
        let few = self.entries.len() <= ENTRIES_MAX;
        check(few, || "entry".into(), "there are more than 256 classes")?;
        twice(self.entries.iter().map(|entry| entry.class.to_string()), "entry")?;
        self.entries.iter().try_for_each(Entry::check)
    }
}

/// A lock is read on every machine, so a path means the same on each.
fn check_path(path: &str) -> Result<(), LockError> {
    let short = (1..=PATH_BYTES_MAX).contains(&path.len());
    let part = |part: &str| !part.is_empty() && part != ".";
    let letters = path.chars().all(|letter| is_plain(letter) && !"\\:".contains(letter));
    let problem = "a relative path with `/` is expected, of at most 512 bytes";
    check(short && letters && path.split('/').all(part), || "old".into(), problem)
}

fn twice(names: impl Iterator<Item = String>, key: &str) -> Result<(), LockError> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(LockError::value(key, format!("{} stands twice", pair[0]))),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
