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

/// One piece of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Place in a list, from 0 on.
    Place(usize),
    /// Name in a table.
    Name(String),
}

/// Every value of a spec as TOML, by its key.
type Flat = BTreeMap<Vec<Piece>, String>;

/// Keys of format 2 that stand for what a spec does that leaves them out.
const DEFAULTS: [(&str, &str, &str); 4] = [
    ("program", "precision", "\"f32\""),
    ("batch", "accumulation", "1"),
    ("batch", "combination", "\"mean\""),
    ("batch", "last", "\"dropped\""),
];

impl Spec {
    /// Lists the keys whose values differ, in their order. Tables in lists are compared
    /// element by element, other lists as a whole.
    pub fn differences(&self, other: &Self) -> Vec<SpecDifference> {
        let (mut before, mut after) = (self.flat(), other.flat());
        let keys: BTreeSet<Vec<Piece>> = before.keys().chain(after.keys()).cloned().collect();
        let pair = |key: Vec<Piece>| SpecDifference {
            before: before.remove(&key),
            after: after.remove(&key),
            key: dotted(&key),
        };
        keys.into_iter().map(pair).filter(|found| found.before != found.after).collect()
    }

    fn flat(&self) -> Flat {
        let mut values = Flat::new();
        if let Ok(table) = Value::try_from(self) {
            flatten(&mut Vec::new(), &table, &mut values);
        }
        for (table, name, value) in DEFAULTS {
            let key = [table, name].map(|name| Piece::Name(name.into()));
            values.entry(key.into()).or_insert_with(|| value.into());
        }
        values
    }
}

fn flatten(key: &mut Vec<Piece>, value: &Value, values: &mut Flat) {
    let mut inside = |piece, value| {
        key.push(piece);
        flatten(key, value, values);
        key.pop();
    };
    match value {
        Value::Table(table) if !table.is_empty() => {
            table.iter().for_each(|(name, value)| inside(Piece::Name(name.clone()), value));
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            list.iter().enumerate().for_each(|(n, value)| inside(Piece::Place(n), value));
        }
        _ => drop(values.insert(key.clone(), value.to_string())),
    }
}

/// Writes a key as TOML does, and places in brackets.
fn dotted(key: &[Piece]) -> String {
    let mut text = String::new();
    for piece in key {
        match piece {
            Piece::Place(place) => text.push_str(&format!("[{place}]")),
            Piece::Name(name) => {
                let dot = if text.is_empty() { "" } else { "." };
                let quote = if name.contains('.') { "\"" } else { "" };
                text.push_str(&format!("{dot}{quote}{name}{quote}"));
            }
        }
    }
    text
}
