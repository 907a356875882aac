//! Facts that nights keep beside the audits: what is watched, what was planned, what came out.
//!
//! Each is a JSON text under a kind and a name, so that any SQLite shell shows it and a fact
//! more needs no other table.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::row::unreadable;
use super::{Ledger, LedgerError};

const PUT: &str = "
INSERT INTO kept (kind, name, facts) VALUES (?1, ?2, ?3)
ON CONFLICT (kind, name) DO UPDATE SET facts = excluded.facts";

impl Ledger {
    /// The kind under which audits keep what is covered of the run at a place.
    pub const COVERAGE: &str = "coverage";

    /// Keeps facts under a name, in the place of what was there.
    pub fn keep(
        &mut self,
        kind: &str,
        name: &str,
        facts: &impl Serialize,
    ) -> Result<(), LedgerError> {
        self.keep_all(kind, &[(name.to_owned(), facts)])
    }

    /// Keeps all of these, or none.
    pub fn keep_all(
        &mut self,
        kind: &str,
        all: &[(String, impl Serialize)],
    ) -> Result<(), LedgerError> {
        self.change(|transaction| {
            let mut put = transaction.prepare(PUT)?;
            for (name, facts) in all {
                let text = serde_json::to_string(facts);
                let text =
                    text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
                put.execute((kind, name, text))?;
            }
            Ok(())
        })
    }

    /// Returns everything that is kept of a kind, by name.
    pub fn kept<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, LedgerError> {
        let query = "SELECT name, facts FROM kept WHERE kind = ?1 ORDER BY name";
        self.read(query, [kind], |row| Ok((row.get("name")?, facts(row)?)))
    }

    /// Returns what is kept under a name.
    pub fn kept_as<T: DeserializeOwned>(
        &self,
        kind: &str,
        name: &str,
    ) -> Result<Option<T>, LedgerError> {
        let query = "SELECT facts FROM kept WHERE kind = ?1 AND name = ?2";
        Ok(self.read(query, [kind, name], facts)?.pop())
    }

    /// Takes away everything of a kind whose name begins so.
    pub fn drop_kept_below(&mut self, kind: &str, prefix: &str) -> Result<(), LedgerError> {
        let delete = "DELETE FROM kept WHERE kind = ?1 AND substr(name, 1, length(?2)) = ?2";
        self.change(|transaction| transaction.execute(delete, [kind, prefix]).map(drop))
    }

    /// Takes it away.
    pub fn drop_kept(&mut self, kind: &str, name: &str) -> Result<(), LedgerError> {
        let delete = "DELETE FROM kept WHERE kind = ?1 AND name = ?2";
        self.change(|transaction| transaction.execute(delete, [kind, name]).map(drop))
    }
}

fn facts<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    let text: String = row.get("facts")?;
    serde_json::from_str(&text).map_err(|error| unreadable(row, "facts", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_by_kind_and_name_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
        ledger.keep("run", "b", &vec![1, 2]).unwrap();
        ledger.keep_all("run", &[("a".into(), vec![3]), ("b".into(), vec![4])]).unwrap();
        ledger.keep("night", "b", &"other").unwrap();
        let kept: Vec<(String, Vec<u64>)> = ledger.kept("run").unwrap();
        assert_eq!(kept, [("a".into(), vec![3]), ("b".into(), vec![4])]);
        assert_eq!(ledger.kept_as::<String>("night", "b").unwrap().unwrap(), "other");
        assert_eq!(ledger.kept_as::<String>("night", "c").unwrap(), None);
        ledger.keep("unit", "01/a%", &1).unwrap();
        ledger.keep("unit", "02/a", &2).unwrap();
        ledger.drop_kept_below("unit", "01").unwrap();
        assert_eq!(ledger.kept::<u64>("unit").unwrap(), [("02/a".into(), 2)]);
        ledger.drop_kept("run", "a").unwrap();
        assert_eq!(ledger.kept::<Vec<u64>>("run").unwrap().len(), 1);
        // What somebody else has written there is damage, no panic.
        assert!(ledger.kept::<u64>("night").is_err());
    }
}
