//! What audits hold against recordings, each under its name.

use reenact_core::verify::Proven;
use rusqlite::Row;

use super::row::{from_word, natural, optional, proven};
use super::{Ledger, LedgerError};
use crate::alarm::Alarm;
use crate::entry::Closing;

/// Holds one proof of a divergence, and of which run.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// Names the divergence.
    pub id: String,
    /// What was proven.
    pub proven: Proven,
    /// Where the recording lay; empty if the place was forgotten.
    pub place: String,
    /// Name of the run, if it was known.
    pub name: Option<String>,
    /// When the audit ended, in seconds since 1970.
    pub at_seconds: u64,
    /// Who closed it; none while it is open.
    pub closing: Option<Closing>,
}

/// Holds what was found without a replay, how often, and whether the last audit still found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarmed {
    /// What was found.
    pub alarm: Alarm,
    /// Where the recording lies.
    pub place: String,
    /// Name of the run, if it was known.
    pub name: Option<String>,
    /// When it was found first, in seconds since 1970.
    pub first_at_seconds: u64,
    /// When it was found last.
    pub last_at_seconds: u64,
    /// How many audits found it.
    pub times: u64,
    /// Whether no later audit of that place has cleared it: one that read all of the recording,
    /// came to a verdict, and did not find it.
    pub stands: bool,
}

impl Ledger {
    /// Returns every proof of a divergence, oldest first.
    pub fn proofs(&self) -> Result<Vec<Proof>, LedgerError> {
        let query = "
            SELECT divergence.*, place, name, audited_at_seconds
            FROM divergence JOIN audit ON audit.key = divergence.audit ORDER BY audit.id";
        self.read(query, (), |row| {
            Ok(Proof {
                id: row.get("id")?,
                proven: proven(row)?,
                place: row.get("place")?,
                name: row.get("name")?,
                at_seconds: natural(row, "audited_at_seconds")?,
                closing: closing(row)?,
            })
        })
    }

    /// Returns what audits have found without a replay, each once.
    pub fn alarms(&self) -> Result<Vec<Alarmed>, LedgerError> {
        // Of a group, SQLite returns the row that has the maximum.
        let query = "
            SELECT alarm.*, place, name, MAX(audit.id) AS latest, COUNT(*) AS times,
                   MIN(audited_at_seconds) AS first, MAX(audited_at_seconds) AS last,
                   (SELECT MAX(a.id) FROM audit a
                    WHERE a.place = audit.place AND a.commitment IS NOT NULL
                        AND a.verdict IN ('match', 'divergent')
                        AND (a.expected OR alarm.kind <> 'expected')) AS newest
            FROM alarm JOIN audit ON audit.key = alarm.audit
            WHERE place <> '' GROUP BY alarm.id ORDER BY alarm.id";
        self.read(query, (), |row| {
            let (id, object, words) = (row.get("id")?, row.get("object")?, row.get("words")?);
            let kind = from_word(row, "kind")?.unwrap_or_default();
            let newest: Option<i64> = row.get("newest")?;
            Ok(Alarmed {
                alarm: Alarm { id, kind, object, step: optional(row, "step")?, words },
                place: row.get("place")?,
                name: row.get("name")?,
                first_at_seconds: natural(row, "first")?,
                last_at_seconds: natural(row, "last")?,
                times: natural(row, "times")?,
                stands: newest.is_none_or(|newest| {
                    row.get("latest").is_ok_and(|latest: i64| latest >= newest)
                }),
            })
        })
    }
}

fn closing(row: &Row<'_>) -> rusqlite::Result<Option<Closing>> {
    Ok(match optional(row, "closed_at_seconds")? {
        Some(at_seconds) => {
            let (by, reason) = (row.get("closed_by")?, row.get("closed_because")?);
            Some(Closing { at_seconds, by, reason })
        }
        None => None,
    })
}

#[cfg(test)]
mod tests;
