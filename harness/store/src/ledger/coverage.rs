//! What the ledger knows of covered segments: for plans, and to take them back.

use rusqlite::Row;

use reenact_core::digest::Digest;

use super::row::{self, natural};
use super::{Ledger, LedgerError};
use crate::covered::{BuildSummary, Covered, DeviceSummary, Disowned};

/// How many of the latest replays a pace is taken from.
const PACE_REPLAYS_MAX: u64 = 1000;
/// How many of the latest audits these are sought in: a spec may have been audited for years.
const PACE_AUDITS_MAX: u64 = 100;
/// Names a device as [`reenact_core::verify::Witness::id`] does.
const ID: &str = "coalesce(device_serial, host || ':' || device)";

/// Says what of a device is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disowning<'a> {
    /// Its [`reenact_core::verify::Witness::id`].
    pub id: &'a str,
    /// From when on, in seconds since 1970.
    pub since_seconds: u64,
    /// Until when, itself left out; none for all since.
    pub until_seconds: Option<u64>,
    /// Why.
    pub reason: &'a str,
    /// When it is taken back.
    pub at_seconds: u64,
}

impl Ledger {
    /// Returns what these audits covered, with the key of each; what was taken back as well.
    pub fn covered_of(&self, audits: &[String]) -> Result<Vec<(String, Covered)>, LedgerError> {
        let query = "SELECT * FROM covered WHERE audit IN (SELECT value FROM json_each(?1))
                     ORDER BY audit, segment";
        self.read(query, [row::names(audits)], |row| Ok((row.get("audit")?, row::covered(row)?)))
    }

    /// Returns how long a step of a run of this spec takes on a device, `cuda:1`, or on any
    /// of a class, `cuda`: the median of the latest replays; none if there was none.
    pub fn seconds_per_step(&self, spec: Digest, device: &str) -> Result<Option<f64>, LedgerError> {
        let query = "
            SELECT seconds / (step_end - step_start)
            FROM (SELECT key FROM audit WHERE spec = ?1 ORDER BY id DESC LIMIT ?4) AS latest
                 JOIN covered ON covered.audit = latest.key
            WHERE (device = ?2 OR instr(device, ?2 || ':') = 1)
                  AND step_end > step_start AND seconds > 0
            ORDER BY at_seconds DESC LIMIT ?3";
        let (replays, audits) = (row::integer(PACE_REPLAYS_MAX), row::integer(PACE_AUDITS_MAX));
        let parameters = (spec.to_string(), device, replays, audits);
        let mut paces: Vec<f64> = self.read(query, parameters, |row: &Row<'_>| row.get(0))?;
        paces.sort_by(f64::total_cmp);
        Ok(paces.get(paces.len() / 2).copied())
    }

    /// Returns every device that has covered something, by its id.
    pub fn devices(&self) -> Result<Vec<DeviceSummary>, LedgerError> {
        let query = format!(
            "SELECT {ID} AS id, COUNT(*) AS covered, COUNT(disowned_at_seconds) AS disowned,
                    SUM(seconds) AS seconds, MAX(at_seconds) AS last
             FROM covered GROUP BY id ORDER BY id"
        );
        self.read(&query, (), |row| {
            let (id, covered) = (row.get("id")?, natural(row, "covered")?);
            let (disowned, last_at_seconds) = (natural(row, "disowned")?, natural(row, "last")?);
            let seconds = row.get("seconds")?;
            Ok(DeviceSummary { id, covered, disowned, seconds, last_at_seconds })
        })
    }

    /// Returns every auditing build that has covered something, by its digest.
    pub fn builds(&self) -> Result<Vec<BuildSummary>, LedgerError> {
        let query = "SELECT binary, COUNT(*) AS covered, MAX(at_seconds) AS last
                     FROM covered GROUP BY binary ORDER BY binary";
        self.read(query, (), |row| {
            let binary = row::parsed(row, "binary")?.unwrap_or_default();
            let (covered, last_at_seconds) = (natural(row, "covered")?, natural(row, "last")?);
            Ok(BuildSummary { binary, covered, last_at_seconds })
        })
    }

    /// Takes back what a device has covered: these segments count as not covered again. Says
    /// of which runs how many.
    pub fn disown(&mut self, what: &Disowning<'_>) -> Result<Vec<Disowned>, LedgerError> {
        let until = what.until_seconds.map_or(i64::MAX, row::integer);
        let (since, at) = (row::integer(what.since_seconds), row::integer(what.at_seconds));
        let which = format!(
            "{ID} = ?1 AND at_seconds >= ?2 AND at_seconds < ?3 AND disowned_at_seconds IS NULL"
        );
        let count = format!(
            "SELECT place, name, COUNT(DISTINCT segment) AS segments
             FROM covered JOIN audit ON audit.key = covered.audit
             WHERE {which} GROUP BY place, name ORDER BY place, name"
        );
        let update = format!(
            "UPDATE covered SET disowned_at_seconds = ?4, disowned_because = ?5 WHERE {which}"
        );
        self.change(|transaction| {
            let mut statement = transaction.prepare(&count)?;
            let runs = statement.query_map((what.id, since, until), |row| {
                let (place, name) = (row.get("place")?, row.get("name")?);
                Ok(Disowned { place, name, segments: natural(row, "segments")? })
            })?;
            let runs = runs.collect::<rusqlite::Result<Vec<_>>>()?;
            transaction.execute(&update, (what.id, since, until, at, what.reason))?;
            // Plans have to do without, until the next audit says what is left.
            transaction.execute("DELETE FROM kept WHERE kind = ?1", [Ledger::COVERAGE])?;
            Ok(runs)
        })
    }
}

#[cfg(test)]
mod tests;
