//! An audit as rows of the ledger.

use std::collections::BTreeMap;

use reenact_core::digest::Digest;
use reenact_core::state::StateRoot;
use reenact_core::verify::{CoveredSegment, DrawRule, Grade, Proven, Seen, Segment, Witness};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row, Statement, Transaction, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::alarm::Alarm;
use crate::covered::Covered;
use crate::entry::{BEGUN, Closing, Divergent, Entry, Owed};

const INSERT: &str = "
INSERT INTO audit (id, key, place, names, name, spec, frames, head, commitment,
                   audited_at_seconds, verdict, reason, drawn, total, nonce, nonce_source,
                   rule, sampled, agreed, contradicted, accused, drawn_at_seconds, pool,
                   expected)
VALUES (:id, :key, :place, :names, :name, :spec, :frames, :head, :commitment,
        :audited_at_seconds, :verdict, :reason, :drawn, :total, :nonce, :nonce_source,
        :rule, :sampled, :agreed, :contradicted, :accused, :drawn_at_seconds, :pool,
        :expected)";
const INSERT_DEBT: &str = "INSERT INTO debt (audit, segment, why) VALUES (?1, ?2, ?3)";
const INSERT_DIVERGENCE: &str = "
INSERT OR IGNORE INTO divergence (audit, id, segment, step, stage, grade, words, cause)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const INSERT_COVERED: &str = "
INSERT OR IGNORE INTO covered (audit, segment, step_start, step_end, opening, closing, sampled,
                               host, device, device_serial, driver, binary, seconds,
                               at_seconds, disowned_at_seconds, disowned_because)
VALUES (:audit, :segment, :step_start, :step_end, :opening, :closing, :sampled,
        :host, :device, :device_serial, :driver, :binary, :seconds,
        :at_seconds, :disowned_at_seconds, :disowned_because)";
const INSERT_ALARM: &str = "INSERT OR IGNORE INTO alarm (audit, id, kind, object, step, words) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const PAY: &str = "
UPDATE debt SET paid_at_seconds = ?1, paid_by = ?2
WHERE audit = ?3 AND segment = ?4 AND paid_at_seconds IS NULL";

/// Writes an audit. One that has drawn takes the place of one that has only begun, and one
/// that ended the place of either; what is there already is not written again, as a row that
/// waited may come twice.
pub(super) fn put(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let Entry { key, .. } = entry;
    let find = "SELECT id, verdict, total FROM audit WHERE key = ?1";
    let known = transaction.query_row(find, [key], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, natural(row, "total")?))
    });
    let known: Option<(i64, String, u64)> = known.optional()?;
    // Before it draws, an audit does not say how many segments there are.
    let has_come_further = |(_, verdict, total): &(i64, String, u64)| {
        *verdict != BEGUN || (entry.verdict == BEGUN && (*total > 0 || entry.total == 0))
    };
    if known.as_ref().is_some_and(has_come_further) {
        return Ok(());
    }
    let tables = [
        ("audit", "key"),
        ("alarm", "audit"),
        ("covered", "audit"),
        ("debt", "audit"),
        ("divergence", "audit"),
    ];
    for (table, column) in tables {
        transaction.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), [key])?;
    }
    insert(transaction, entry, known.map(|(id, ..)| id))?;
    let mut insert_covered = transaction.prepare(INSERT_COVERED)?;
    entry.covered.iter().try_for_each(|covered| cover(&mut insert_covered, key, covered))?;
    let mut debt = transaction.prepare(INSERT_DEBT)?;
    for owed in &entry.debts {
        debt.execute((key, integer(owed.segment), &owed.why))?;
    }
    let mut divergence = transaction.prepare(INSERT_DIVERGENCE)?;
    for Divergent { id, proven, .. } in &entry.divergences {
        let number = |number: Option<u64>| number.map(integer);
        let (segment, step) = (number(proven.segment), number(proven.step));
        let (stage, grade) = (proven.stage.and_then(|stage| word(&stage)), word(&proven.grade));
        let Proven { words, cause, .. } = proven;
        divergence.execute((key, id, segment, step, stage, grade, words, cause))?;
    }
    let mut alarm = transaction.prepare(INSERT_ALARM)?;
    for Alarm { id, kind, object, step, words } in &entry.alarms {
        alarm.execute((key, id, kind.word(), object, step.map(integer), words))?;
    }
    let mut pay = transaction.prepare(PAY)?;
    for paid in &entry.pays {
        let at = integer(entry.audited_at_seconds);
        pay.execute((at, key, &paid.audit, integer(paid.segment)))?;
    }
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    entry: &Entry,
    id: Option<i64>,
) -> rusqlite::Result<usize> {
    let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
    transaction.execute(
        INSERT,
        named_params! {
            ":id": id,
            ":key": entry.key,
            ":place": entry.place,
            ":names": names(&entry.names),
            ":name": entry.name,
            ":spec": text(entry.spec),
            ":frames": entry.seen.map(|seen| integer(seen.frames)),
            ":head": text(entry.seen.map(|seen| seen.head)),
            ":commitment": text(entry.commitment),
            ":audited_at_seconds": integer(entry.audited_at_seconds),
            ":verdict": entry.verdict,
            ":reason": entry.reason,
            ":drawn": integer(entry.drawn),
            ":total": integer(entry.total),
            ":nonce": entry.nonce.as_ref().map(ToString::to_string),
            ":nonce_source": entry.nonce_source,
            ":rule": integer(entry.rule.into()),
            ":sampled": integer(entry.sampled),
            ":agreed": entry.agreed,
            ":contradicted": entry.contradicted,
            ":accused": entry.accused,
            ":drawn_at_seconds": entry.drawn_at_seconds.map(integer),
            ":pool": entry.pool.map(integer),
            ":expected": entry.expected,
        },
    )
}

fn cover(insert: &mut Statement<'_>, audit: &str, covered: &Covered) -> rusqlite::Result<()> {
    let Covered { found, by, seconds, disowned_because } = covered;
    let Segment { index, step_start, step_end } = found.segment;
    let parameters = named_params! {
        ":audit": audit,
        ":segment": integer(index),
        ":step_start": integer(step_start),
        ":step_end": integer(step_end),
        ":opening": found.opening.0.to_string(),
        ":closing": found.closing.0.to_string(),
        ":sampled": found.sampled,
        ":host": by.host,
        ":device": by.device,
        ":device_serial": by.device_serial,
        ":driver": by.driver,
        ":binary": by.binary.to_string(),
        ":seconds": seconds,
        ":at_seconds": integer(found.at_seconds),
        ":disowned_at_seconds": found.disowned_at_seconds.map(integer),
        ":disowned_because": disowned_because,
    };
    insert.execute(parameters).map(drop)
}

/// Writes names as a JSON array, in which SQLite finds them.
pub(super) fn names(names: &[String]) -> String {
    serde_json::to_string(names).unwrap_or_default()
}

/// Reads the audit of a row, without what [`Belonging`] has of it.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let head: Option<Digest> = parsed(row, "head")?;
    let seen = match head {
        Some(head) => Some(Seen { frames: natural(row, "frames")?, head }),
        None => None,
    };
    Ok(Entry {
        key: row.get("key")?,
        place: row.get("place")?,
        names: from_json(row, "names")?,
        name: row.get("name")?,
        spec: parsed(row, "spec")?,
        seen,
        commitment: parsed(row, "commitment")?,
        audited_at_seconds: natural(row, "audited_at_seconds")?,
        verdict: row.get("verdict")?,
        reason: row.get("reason")?,
        drawn: natural(row, "drawn")?,
        total: natural(row, "total")?,
        nonce: parsed(row, "nonce")?,
        nonce_source: row.get("nonce_source")?,
        drawn_at_seconds: optional(row, "drawn_at_seconds")?,
        rule: rule(row)?,
        pool: optional(row, "pool")?,
        sampled: natural(row, "sampled")?,
        agreed: row.get("agreed")?,
        contradicted: row.get("contradicted")?,
        accused: row.get("accused")?,
        expected: row.get("expected")?,
        covered: Vec::new(),
        debts: Vec::new(),
        divergences: Vec::new(),
        alarms: Vec::new(),
        pays: Vec::new(),
    })
}

/// Holds what belongs to audits, by their keys: a query for each audit would take longer than
/// all the rest.
pub(super) struct Belonging {
    covered: BTreeMap<String, Vec<Covered>>,
    debts: BTreeMap<String, Vec<Owed>>,
    divergences: BTreeMap<String, Vec<Divergent>>,
}

/// Reads what belongs to the audits of which a condition holds.
pub(super) fn belonging(
    connection: &Connection,
    which: &str,
    parameters: impl Params + Clone,
) -> rusqlite::Result<Belonging> {
    Ok(Belonging {
        covered: of_audits(connection, "covered", which, parameters.clone(), covered)?,
        debts: of_audits(connection, "debt", which, parameters.clone(), owed)?,
        divergences: of_audits(connection, "divergence", which, parameters, divergent)?,
    })
}

impl Belonging {
    /// Gives each audit what is its.
    pub(super) fn give<'a>(mut self, entries: impl IntoIterator<Item = &'a mut Entry>) {
        for entry in entries {
            entry.covered = self.covered.remove(&entry.key).unwrap_or_default();
            entry.debts = self.debts.remove(&entry.key).unwrap_or_default();
            entry.divergences = self.divergences.remove(&entry.key).unwrap_or_default();
        }
    }
}

fn of_audits<T>(
    connection: &Connection,
    table: &str,
    which: &str,
    parameters: impl Params,
    mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<BTreeMap<String, Vec<T>>> {
    let query = format!(
        "SELECT * FROM {table} WHERE audit IN (SELECT key FROM audit WHERE {which})
         ORDER BY audit, segment"
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query(parameters)?;
    let mut found: BTreeMap<String, Vec<T>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found.entry(row.get("audit")?).or_default().push(take(row)?);
    }
    Ok(found)
}

/// Reads a covered segment.
pub(super) fn covered(row: &Row<'_>) -> rusqlite::Result<Covered> {
    let digest = |column| parsed(row, column).map(Option::unwrap_or_default);
    let index = natural(row, "segment")?;
    let (step_start, step_end) = (natural(row, "step_start")?, natural(row, "step_end")?);
    let found = CoveredSegment {
        segment: Segment { index, step_start, step_end },
        opening: StateRoot(digest("opening")?),
        closing: StateRoot(digest("closing")?),
        sampled: row.get("sampled")?,
        at_seconds: natural(row, "at_seconds")?,
        disowned_at_seconds: optional(row, "disowned_at_seconds")?,
    };
    let by = Witness {
        host: row.get("host")?,
        device: row.get("device")?,
        device_serial: row.get("device_serial")?,
        driver: row.get("driver")?,
        binary: digest("binary")?,
    };
    let (seconds, disowned_because) = (row.get("seconds")?, row.get("disowned_because")?);
    Ok(Covered { found, by, seconds, disowned_because })
}

fn owed(row: &Row<'_>) -> rusqlite::Result<Owed> {
    Ok(Owed {
        segment: natural(row, "segment")?,
        why: row.get("why")?,
        paid_at_seconds: optional(row, "paid_at_seconds")?,
    })
}

fn divergent(row: &Row<'_>) -> rusqlite::Result<Divergent> {
    let closing = match optional(row, "closed_at_seconds")? {
        Some(at_seconds) => {
            let (by, reason) = (row.get("closed_by")?, row.get("closed_because")?);
            Some(Closing { at_seconds, by, reason })
        }
        None => None,
    };
    Ok(Divergent { id: row.get("id")?, proven: proven(row)?, closing })
}

/// Reads what was proven of the row of a divergence.
pub(super) fn proven(row: &Row<'_>) -> rusqlite::Result<Proven> {
    Ok(Proven {
        segment: optional(row, "segment")?,
        step: optional(row, "step")?,
        stage: from_word(row, "stage")?,
        grade: from_word(row, "grade")?.unwrap_or(Grade::BitExact),
        words: row.get("words")?,
        cause: row.get("cause")?,
    })
}

/// SQLite has no integers above this, and no ledger has such numbers.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn natural(row: &Row<'_>, column: &'static str) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    let index = row.as_ref().column_index(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

pub(super) fn optional(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    number.map(|_| natural(row, column)).transpose()
}

/// Says that the text in a column cannot be.
pub(super) fn unreadable(
    row: &Row<'_>,
    column: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// Reads a value that is kept as text.
pub(super) fn parsed<T>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: Option<String> = row.get(column)?;
    let parsed = text.map(|text| text.parse());
    parsed.transpose().map_err(|error| unreadable(row, column, error))
}

fn rule(row: &Row<'_>) -> rusqlite::Result<DrawRule> {
    let number = natural(row, "rule")?;
    DrawRule::try_from(number).map_err(|error| unreadable(row, "rule", error))
}

fn from_json(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(row, column, error))
}

/// Writes one of a few values as its stored texts name it.
fn word(value: &impl Serialize) -> Option<String> {
    Some(serde_json::to_value(value).ok()?.as_str()?.to_owned())
}

/// Reads what [`word`] writes.
pub(super) fn from_word<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let value = text.map(|text| serde_json::from_value(text.into()));
    value.transpose().map_err(|error| unreadable(row, column, error))
}
