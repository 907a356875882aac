//! An audit as rows of the ledger.

use reenact_core::digest::Digest;
use reenact_core::state::StateRoot;
use reenact_core::verify::{CoveredSegment, DrawRule, Grade, Proven, Seen, Segment};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Statement, Transaction, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::covered::{Covered, Device};
use crate::entry::{BEGUN, Closing, Divergent, Entry, Owed};

const INSERT: &str = "
INSERT INTO audit (id, key, place, names, name, spec, frames, head, commitment,
                   audited_at_seconds, verdict, reason, drawn, total, nonce, nonce_source,
                   rule, sampled, agreed, contradicted, accused, drawn_at_seconds, pool)
VALUES (:id, :key, :place, :names, :name, :spec, :frames, :head, :commitment,
        :audited_at_seconds, :verdict, :reason, :drawn, :total, :nonce, :nonce_source,
        :rule, :sampled, :agreed, :contradicted, :accused, :drawn_at_seconds, :pool)";
const INSERT_DEBT: &str = "INSERT INTO debt (audit, segment, why) VALUES (?1, ?2, ?3)";
const INSERT_DIVERGENCE: &str = "
INSERT OR IGNORE INTO divergence (audit, id, segment, step, stage, grade, words)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const INSERT_COVERED: &str = "
INSERT OR IGNORE INTO covered (audit, segment, step_start, step_end, opening, closing, sampled,
                               host, device, device_serial, driver, binary, seconds,
                               at_seconds, disowned_at_seconds, disowned_because)
VALUES (:audit, :segment, :step_start, :step_end, :opening, :closing, :sampled,
        :host, :device, :device_serial, :driver, :binary, :seconds,
        :at_seconds, :disowned_at_seconds, :disowned_because)";
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
    let tables =
        [("audit", "key"), ("covered", "audit"), ("debt", "audit"), ("divergence", "audit")];
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
        divergence.execute((key, id, segment, step, stage, grade, &proven.words))?;
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

/// Reads the audit of a row, and what belongs to it.
pub(super) fn entry(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Entry> {
    let head: Option<Digest> = parsed(row, "head")?;
    let seen = match head {
        Some(head) => Some(Seen { frames: natural(row, "frames")?, head }),
        None => None,
    };
    let key: String = row.get("key")?;
    let covered = of_audit(connection, "covered", &key, covered)?;
    let debts = of_audit(connection, "debt", &key, owed)?;
    let divergences = of_audit(connection, "divergence", &key, divergent)?;
    Ok(Entry {
        key,
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
        covered,
        debts,
        divergences,
        pays: Vec::new(),
    })
}

fn of_audit<T>(
    connection: &Connection,
    table: &str,
    key: &str,
    take: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let query = format!("SELECT * FROM {table} WHERE audit = ?1 ORDER BY segment");
    connection.prepare(&query)?.query_map([key], take)?.collect()
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
    let by = Device {
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
    let proven = Proven {
        segment: optional(row, "segment")?,
        step: optional(row, "step")?,
        stage: from_word(row, "stage")?,
        grade: from_word(row, "grade")?.unwrap_or(Grade::BitExact),
        words: row.get("words")?,
    };
    Ok(Divergent { id: row.get("id")?, proven, closing })
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

fn optional(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    number.map(|_| natural(row, column)).transpose()
}

/// Says that the text in a column cannot be.
fn unreadable(
    row: &Row<'_>,
    column: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// Reads a value that is kept as text.
fn parsed<T>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<T>>
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
fn from_word<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &'static str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let value = text.map(|text| serde_json::from_value(text.into()));
    value.transpose().map_err(|error| unreadable(row, column, error))
}
