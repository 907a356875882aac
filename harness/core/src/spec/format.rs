//! Which format a spec is of, and what an older one does not have.

use toml::{Table, Value};

use super::{Clipping, Hyperparameter, SPEC_FORMAT, Spec, SpecError};

/// Keys that came with format 2. Where they are written out, even their defaults are none of
/// format 1's: its readers know no such key.
const SECOND: [&str; 9] = [
    "program.precision",
    "data.files",
    "start",
    "batch.combination",
    "batch.last",
    "batch.phases",
    "groups",
    "average",
    "validation",
];

/// Reads the format's number first, as it says how to read the rest.
pub(super) fn check_number(table: &Table) -> Result<(), SpecError> {
    match table.get("format").and_then(Value::as_integer) {
        Some(found) if !(1..=i64::from(SPEC_FORMAT)).contains(&found) => {
            Err(SpecError::Format { found })
        }
        // Where there is none, the typed reader says so.
        _ => Ok(()),
    }
}

impl Spec {
    /// A spec of format 1 has nothing that came later, by key or by value.
    pub(super) fn check_first(&self, table: &Table) -> Result<(), SpecError> {
        let newer = |key: String| Err(SpecError::Newer { key });
        if let Some(key) = SECOND.into_iter().find(|key| has(table, key)) {
            return newer(format!("`{key}`"));
        }
        let nested = |(_, value): &(&String, &Hyperparameter)| {
            matches!(value, Hyperparameter::List(_) | Hyperparameter::Table(_))
        };
        if let Some((name, _)) = self.program.hyperparameters.iter().find(nested) {
            return newer(format!("a list or table, as `program.hyperparameters.{name}` is,"));
        }
        if self.data.digest.is_none() {
            let problem = "it is missing; without it, declare `files` and write `format = 2`";
            return Err(SpecError::value("data.digest", problem));
        }
        if !self.optimizer.is_first() {
            let problem = format!(
                "{:?} is none of format 1, which has `adamw` and `sgd`; for another one of the \
                 engine's, write `format = 2`",
                self.optimizer.kind()
            );
            return Err(SpecError::value("optimizer.kind", problem));
        }
        if matches!(self.clipping, Some(Clipping::TensorNorm { .. })) {
            return newer("`clipping.kind = \"tensor-norm\"`".into());
        }
        if !self.learning_rate.is_first() {
            return newer(format!("`learning_rate.kind = \"{}\"`", self.learning_rate.kind()));
        }
        Ok(())
    }
}

fn has(table: &Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.contains_key(key),
        Some((name, rest)) => match table.get(name) {
            Some(Value::Table(inner)) => has(inner, rest),
            _ => false,
        },
    }
}
