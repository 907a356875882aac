//! Where a run was trained or replayed: hardware, toolchain, binary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::plain::plain;
use crate::trainer::Engine;

/// Describes what computed a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Engine and device.
    pub engine: Engine,
    /// Version of reenact.
    pub reenact: String,
    /// Compiler that built the binary.
    pub rustc: String,
    /// Digest of the `Cargo.lock` that the binary was built from.
    pub lock: Digest,
    /// Digest of the binary itself.
    pub binary: Digest,
    /// Operating system and its version.
    pub system: String,
}

impl Environment {
    /// Returns what differs of the facts that decide the bits, as
    /// `name: there / here`.
    pub fn class_differences(&self, other: &Self) -> Vec<String> {
        differences(&self.engine.class, &other.engine.class)
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
