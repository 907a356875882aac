//! Where a run was trained or replayed: hardware, toolchain, binary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::machine::Engine;
use crate::sanitize::plain;

/// Describes what computed a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Engine and device.
    pub engine: Engine,
    /// Version of reenact.
    pub reenact: String,
    /// Compiler that built the binary.
    pub rustc: String,
    /// Digest of the `Cargo.lock` that the binary was built from, or
    /// [`Environment::NO_LOCK`].
    pub lock: Digest,
    /// Digest of the binary itself.
    pub binary: Digest,
    /// Operating system and its version.
    pub system: String,
}

impl Environment {
    /// Stands for a lock file that the build could not tell. It says nothing, so two
    /// environments that have it were not built from the same.
    pub const NO_LOCK: Digest = Digest([0; 32]);

    /// Writes the digest of the lock file, or that there is none.
    pub fn lock_text(&self) -> String {
        if self.lock == Self::NO_LOCK { "unknown".into() } else { self.lock.to_string() }
    }

    /// Says whether both were built from the same versions of every library; none if
    /// one of the two cannot tell.
    pub fn same_lock(&self, other: &Self) -> Option<bool> {
        let known = self.lock != Self::NO_LOCK && other.lock != Self::NO_LOCK;
        known.then(|| self.lock == other.lock)
    }

    /// Returns what differs of the facts that decide the bits, as
    /// `name: there / here`.
    pub fn class_differences(&self, other: &Self) -> Vec<String> {
        differences(&self.engine.class, &other.engine.class)
    }

    /// Returns what differs of the build that can decide bits, as `name: there / here`:
    /// the versions of the libraries and the compiler. The same binary is one build.
    pub fn build_differences(&self, other: &Self) -> Vec<String> {
        if self.binary == other.binary {
            return Vec::new();
        }
        let mut found = Vec::new();
        if self.same_lock(other) != Some(true) {
            found.push(format!("Cargo.lock: {} / {}", self.lock_short(), other.lock_short()));
        }
        if self.rustc != other.rustc {
            found.push(format!("compiler: {} / {}", plain(&self.rustc), plain(&other.rustc)));
        }
        found
    }

    fn lock_short(&self) -> String {
        if self.lock == Self::NO_LOCK { "unknown".into() } else { self.lock.short() }
    }

    /// Says whether a replay here has to agree bit for bit.
    pub fn same_class(&self, other: &Self) -> bool {
        self.engine.class == other.engine.class
    }
}

fn differences(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let show = |value: Option<&String>| value.map_or_else(|| "(none)".into(), |text| plain(text));
    names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name))
        .map(|name| format!("{}: {} / {}", plain(name), show(a.get(name)), show(b.get(name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_lock(lock: Digest) -> Environment {
        let engine = Engine { class: BTreeMap::new(), notes: BTreeMap::new() };
        let (reenact, rustc, system) = (String::new(), String::new(), String::new());
        Environment { engine, reenact, rustc, lock, binary: Digest::default(), system }
    }

    #[test]
    fn unknown_locks_are_not_the_same() {
        let (one, other) = (with_lock(Digest([1; 32])), with_lock(Digest([2; 32])));
        let unknown = with_lock(Environment::NO_LOCK);
        assert_eq!(one.same_lock(&one), Some(true));
        assert_eq!(one.same_lock(&other), Some(false));
        assert_eq!(unknown.same_lock(&unknown), None);
        assert_eq!(unknown.same_lock(&one), None);
        assert_eq!(unknown.lock_text(), "unknown");
        assert_eq!(one.lock_text(), Digest([1; 32]).to_string());
    }
}
