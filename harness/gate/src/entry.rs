//! What was accepted on one class of device.

use std::collections::{BTreeMap, BTreeSet};

use reenact_core::digest::Digest;
use reenact_core::sanitize::is_plain;
use reenact_core::state::StateRoot;
use reenact_core::trainer::Engine;
use serde::Deserialize;

use crate::lock_error::{LockError, check};
use crate::{ClassId, Date, FinalLoss};

/// Limits what people write, in bytes.
const WORDS_BYTES_MAX: usize = 1000;

/// Holds the accepted bits of one class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name of the class, which its facts decide.
    pub class: ClassId,
    /// Root of the initial state.
    pub first: StateRoot,
    /// Root of the state after the last step.
    pub last: StateRoot,
    /// Digest of the trace, which binds the journal ([`crate::Trace::digest_of_text`]).
    pub trace: Digest,
    /// Loss of the last step; not compared.
    pub final_loss: FinalLoss,
    /// Digest of the `Cargo.lock` of the build; not compared.
    pub cargo_lock: Digest,
    /// Compiler of the build; not compared.
    pub rustc: String,
    /// Facts of the class, as the engine says them.
    pub facts: BTreeMap<String, String>,
    /// When and why it was accepted.
    pub accepted: Accepted,
}

/// Says when and why bits were accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The day.
    pub at: Date,
    /// Why.
    pub reason: String,
    /// Digest of the trace that it replaced.
    pub was: Option<Digest>,
    /// How far the bits moved from that.
    pub moved: Option<String>,
}

/// Names a fact in which two classes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactDifference {
    /// The fact.
    pub name: String,
    /// What it was where the bits were accepted.
    pub accepted: Option<String>,
    /// What it is here.
    pub here: Option<String>,
}

impl Entry {
    /// Returns the facts in which a class differs from this one, by name.
    pub fn fact_differences(&self, here: &BTreeMap<String, String>) -> Vec<FactDifference> {
        let names: BTreeSet<&String> = self.facts.keys().chain(here.keys()).collect();
        let differ = names.into_iter().filter(|name| self.facts.get(*name) != here.get(*name));
        let found = |name: &String| FactDifference {
            name: name.clone(),
            accepted: self.facts.get(name).cloned(),
            here: here.get(name).cloned(),
        };
        differ.map(found).collect()
    }

    pub(crate) fn is_of_device_of(&self, facts: &BTreeMap<String, String>) -> bool {
        self.facts.get(Engine::DEVICE) == facts.get(Engine::DEVICE)
    }

    pub(crate) fn check(&self) -> Result<(), LockError> {
        let key = |name: &str| format!("entry {}: {name}", self.class);
        let named = ClassId::of(&self.facts);
        let named = named.map_err(|error| LockError::value(key("facts"), error.to_string()))?;
        let belongs = format!("its facts are those of {named}");
        check(named == self.class, || key("class"), &belongs)?;
        for (name, value) in &self.facts {
            let plain = name.chars().chain(value.chars()).all(is_plain);
            check(plain, || key("facts"), "a fact has letters that nobody sees")?;
        }
        check_words(&self.rustc, || key("rustc"))?;
        check_words(&self.accepted.reason, || key("accepted.reason"))?;
        let moved = self.accepted.moved.iter();
        moved.into_iter().try_for_each(|words| check_words(words, || key("accepted.moved")))
    }
}

/// Checks what a person wrote, or is to read.
pub(crate) fn check_words(words: &str, key: impl Fn() -> String) -> Result<(), LockError> {
    let long = (1..=WORDS_BYTES_MAX).contains(&words.len());
    check(long, &key, "1 to 1000 bytes are expected")?;
    check(words.chars().all(is_plain), &key, "it has letters that nobody sees, or several lines")
}
