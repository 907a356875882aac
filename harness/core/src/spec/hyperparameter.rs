//! What a program is told about its model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Holds one hyperparameter. Lists and tables came with format 2, for the nested
/// configurations of an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Hyperparameter {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f64),
    /// A text.
    Text(String),
    /// Several, in their order.
    List(Vec<Hyperparameter>),
    /// Several, by name.
    Table(BTreeMap<String, Hyperparameter>),
}
