//! The ledger: what audits saw, so that it cannot be rewritten later.
//!
//! One SQLite file with one table, a row an audit. Every write is one
//! transaction, so a process that is killed loses at most the row that it was
//! writing; processes that write at once wait for each other. Digests are kept
//! as hex, so that any SQLite shell shows what the ledger knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reenact_core::digest::Digest;
use reenact_core::verify::{DrawRule, Seen};
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior, named_params};

use crate::entry::Entry;

/// Format version of the ledger, its `PRAGMA user_version`.
///
/// 1: the first (2026-11).
/// 2: the rule of the draw (2026-11). A ledger of format 1 is brought to it when
/// it is opened; its samples were drawn by rule 1.
pub const LEDGER_FORMAT: i64 = 2;

/// What brings a ledger of each format, from 1 on, to the next.
const UPGRADES: [&str; 1] = ["ALTER TABLE audit ADD COLUMN rule INTEGER NOT NULL DEFAULT 1;"];

/// Tells a ledger from other SQLite files: "reen".
const APPLICATION_ID: i64 = 0x7265_656e;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(20);

const CREATE: &str = "
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    name TEXT,
    spec TEXT,
    frames INTEGER,
    head TEXT,
    commitment TEXT,
    audited_at_seconds INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    drawn INTEGER NOT NULL,
    total INTEGER NOT NULL,
    nonce TEXT,
    rule INTEGER NOT NULL DEFAULT 1,
    agreed INTEGER NOT NULL,
    contradicted INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_place ON audit (place);
CREATE INDEX audit_by_spec ON audit (spec);
";

const INSERT: &str = "
INSERT INTO audit (place, name, spec, frames, head, commitment, audited_at_seconds, verdict,
                   drawn, total, nonce, rule, agreed, contradicted)
VALUES (:place, :name, :spec, :frames, :head, :commitment, :audited_at_seconds, :verdict,
        :drawn, :total, :nonce, :rule, :agreed, :contradicted)";

/// Says why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Its folder cannot be made.
    #[error("the folder of the ledger {path} cannot be made: {problem}")]
    Folder {
        /// The file of the ledger.
        path: String,
        /// What the system says.
        problem: std::io::Error,
    },
    /// SQLite cannot read or write it.
    #[error("the ledger {path} cannot be read or written: {problem}")]
    Sqlite {
        /// The file of the ledger.
        path: String,
        /// What SQLite says.
        problem: rusqlite::Error,
    },
    /// It was written by a newer reenact.
    #[error(
        "the ledger {path} has format {found}, newer than {LEDGER_FORMAT}: use a newer reenact"
    )]
    TooNew {
        /// The file of the ledger.
        path: String,
        /// What it says.
        found: i64,
    },
    /// It is a database, but no ledger.
    #[error("{path} is a database of something else, and no ledger: name another file")]
    Foreign {
        /// The file.
        path: String,
    },
    /// A value in it cannot be.
    #[error("the ledger {path} is damaged ({problem}): move it away, and a new one is begun")]
    Damaged {
        /// The file of the ledger.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

/// Remembers audits in a file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
}

/// Sums up what the ledger knows of one place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Number of audits.
    pub audits: u64,
    /// The last one.
    pub last: Entry,
}

impl Ledger {
    /// Opens a ledger to add to it, and begins one if there is none.
    ///
    /// # Errors
    /// Also if nothing can be written into it: an audit shall not learn that
    /// after hours of replay.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|problem| LedgerError::Folder { path: shown(path), problem })?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut ledger = Self::connect(path, flags)?;
        ledger.write(|transaction| match is_new(transaction)? {
            true => transaction.execute_batch(&format!(
                "{CREATE}
                 PRAGMA application_id = {APPLICATION_ID};
                 PRAGMA user_version = {LEDGER_FORMAT};"
            )),
            false => Ok(()),
        })?;
        ledger.upgrade()?;
        Ok(ledger)
    }

    /// Opens the ledger that is there; none if there is none.
    pub fn open_existing(path: &Path) -> Result<Option<Self>, LedgerError> {
        // A link that leads nowhere is trouble that SQLite names.
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            return Ok(None);
        }
        let mut ledger = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if is_new(&ledger.connection).map_err(|problem| ledger.refuse(problem))? {
            return Ok(None);
        }
        ledger.upgrade()?;
        Ok(Some(ledger))
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        let refuse = |problem| LedgerError::Sqlite { path: shown(path), problem };
        let connection = Connection::open_with_flags(path, flags).map_err(refuse)?;
        connection.busy_timeout(BUSY).map_err(refuse)?;
        Ok(Self { path: path.into(), connection })
    }

    /// Brings a ledger of an earlier format to today's, and refuses what is none.
    fn upgrade(&mut self) -> Result<(), LedgerError> {
        let found = self.check_format()?;
        if found == LEDGER_FORMAT {
            return Ok(());
        }
        self.write(|transaction| {
            // Another process may have done it since.
            let found = number(transaction, "user_version")?.max(1);
            for upgrade in UPGRADES.iter().skip((found - 1) as usize) {
                transaction.execute_batch(upgrade)?;
            }
            transaction.pragma_update(None, "user_version", LEDGER_FORMAT)
        })
    }

    /// Returns the format, if it can be read.
    fn check_format(&self) -> Result<i64, LedgerError> {
        let pragma = |name| number(&self.connection, name).map_err(|problem| self.refuse(problem));
        let (application, found) = (pragma("application_id")?, pragma("user_version")?);
        let path = shown(&self.path);
        if application != APPLICATION_ID {
            return Err(LedgerError::Foreign { path });
        }
        match found {
            1..=LEDGER_FORMAT => Ok(found),
            newer if newer > LEDGER_FORMAT => Err(LedgerError::TooNew { path, found }),
            _ => Err(LedgerError::Damaged { path, problem: format!("its format is {found}") }),
        }
    }

    /// Adds an audit.
    pub fn add(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
        self.write(|transaction| {
            transaction.execute(
                INSERT,
                named_params! {
                    ":place": entry.place,
                    ":name": entry.name,
                    ":spec": text(entry.spec),
                    ":frames": entry.seen.map(|seen| integer(seen.frames)),
                    ":head": text(entry.seen.map(|seen| seen.head)),
                    ":commitment": text(entry.commitment),
                    ":audited_at_seconds": integer(entry.audited_at_seconds),
                    ":verdict": entry.verdict,
                    ":drawn": integer(entry.drawn),
                    ":total": integer(entry.total),
                    ":nonce": entry.nonce.as_ref().map(ToString::to_string),
                    ":rule": integer(entry.rule.into()),
                    ":agreed": entry.agreed,
                    ":contradicted": entry.contradicted,
                },
            )
        })?;
        Ok(())
    }

    /// Returns the audits of a place, and of every recording of the same spec
    /// elsewhere, as the run may have been moved; oldest first.
    pub fn of_run(&self, place: &str, spec: Option<Digest>) -> Result<Vec<Entry>, LedgerError> {
        let spec = spec.map(|spec| spec.to_string());
        let query = "SELECT * FROM audit WHERE place = ?1 OR spec = ?2 ORDER BY id";
        self.read(query, (place, spec), entry)
    }

    /// Returns the audits of a place, oldest first.
    pub fn of_place(&self, place: &str) -> Result<Vec<Entry>, LedgerError> {
        self.of_run(place, None)
    }

    /// Sums up every place.
    pub fn summaries(&self) -> Result<Vec<Summary>, LedgerError> {
        // Of a group, SQLite returns the row that has the maximum.
        let query =
            "SELECT *, COUNT(*) AS audits, MAX(id) FROM audit GROUP BY place ORDER BY place";
        self.read(query, (), |row| {
            Ok(Summary { audits: natural(row, "audits")?, last: entry(row)? })
        })
    }

    /// Deletes the audits of a place, and returns how many there were.
    pub fn forget(&mut self, place: &str) -> Result<usize, LedgerError> {
        self.write(|transaction| transaction.execute("DELETE FROM audit WHERE place = ?1", [place]))
    }

    /// Writes in one transaction, which waits for others at its start: one that
    /// has read first and then wants to write may find that it cannot.
    fn write<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let written = (|| {
            let behavior = TransactionBehavior::Immediate;
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            let result = write(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })();
        written.map_err(|problem| self.refuse(problem))
    }

    fn read<T>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
        take: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare(query)?.query_map(parameters, take)?.collect()
        };
        read().map_err(|problem| self.refuse(problem))
    }

    fn refuse(&self, problem: rusqlite::Error) -> LedgerError {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType,
        };
        let path = shown(&self.path);
        match problem {
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => {
                LedgerError::Damaged { path, problem: problem.to_string() }
            }
            problem => LedgerError::Sqlite { path, problem },
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Says whether a database holds nothing yet and belongs to nobody.
fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    let count = "SELECT COUNT(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(count, (), |row| row.get(0))?;
    let (application, format) =
        (number(connection, "application_id")?, number(connection, "user_version")?);
    Ok((tables, application, format) == (0, 0, 0))
}

/// SQLite has no integers above this, and no ledger has such numbers.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn natural(row: &Row<'_>, column: &'static str) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    let index = row.as_ref().column_index(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// Reads a value that is kept as text.
fn parsed<T>(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: Option<String> = row.get(column)?;
    let Some(text) = text else { return Ok(None) };
    let index = row.as_ref().column_index(column)?;
    let refuse =
        |error| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error));
    text.parse().map(Some).map_err(refuse)
}

fn rule(row: &Row<'_>) -> rusqlite::Result<DrawRule> {
    let index = row.as_ref().column_index("rule")?;
    let refuse =
        |error| rusqlite::Error::FromSqlConversionFailure(index, Type::Integer, Box::new(error));
    natural(row, "rule")?.try_into().map_err(refuse)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let head: Option<Digest> = parsed(row, "head")?;
    let seen = match head {
        Some(head) => Some(Seen { frames: natural(row, "frames")?, head }),
        None => None,
    };
    Ok(Entry {
        place: row.get("place")?,
        name: row.get("name")?,
        spec: parsed(row, "spec")?,
        seen,
        commitment: parsed(row, "commitment")?,
        audited_at_seconds: natural(row, "audited_at_seconds")?,
        verdict: row.get("verdict")?,
        drawn: natural(row, "drawn")?,
        total: natural(row, "total")?,
        nonce: parsed(row, "nonce")?,
        rule: rule(row)?,
        agreed: row.get("agreed")?,
        contradicted: row.get("contradicted")?,
    })
}

#[cfg(test)]
mod tests;
