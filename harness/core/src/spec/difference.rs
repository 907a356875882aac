//! What two specs declare differently, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::Value;

use super::Spec;

/// Names a key that two specs have different values for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecDifference {
    /// The key, dotted.
    pub key: String,
    /// What the first spec says, as TOML; none if it leaves the key out.
    pub before: Option<String>,
    /// What the second says.
    pub after: Option<String>,
}

impl fmt::Display for SpecDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, before, after } = self;
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "left out".into());
        write!(f, "`{key}` was {} and is now {}", show(before), show(after))
    }
}

impl Spec {
    /// Lists the keys whose values differ, in their order.
    pub fn differences(&self, other: &Self) -> Vec<SpecDifference> {
        let (mut before, mut after) = (self.flat(), other.flat());
        let keys: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
        let pair = |key: String| SpecDifference {
            before: before.remove(&key),
            after: after.remove(&key),
            key,
        };
        keys.into_iter().map(pair).filter(|found| found.before != found.after).collect()
    }

    /// Returns every value as TOML, by its dotted key.
    fn flat(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        if let Ok(table) = Value::try_from(self) {
            flatten("", &table, &mut values);
        }
        values.entry("batch.accumulation".into()).or_insert_with(|| "1".into());
        values
    }
}

fn flatten(key: &str, value: &Value, values: &mut BTreeMap<String, String>) {
    let Value::Table(table) = value else {
        values.insert(key.into(), value.to_string());
        return;
    };
    let dot = if key.is_empty() { "" } else { "." };
    for (name, value) in table {
        flatten(&format!("{key}{dot}{name}"), value, values);
    }
}
