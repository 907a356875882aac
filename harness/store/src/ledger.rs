//! The ledger: what audits saw, so that it cannot be rewritten later.
//!
//! One SQLite file: a row an audit, and rows for what it covered, proved and owes. Every
//! write is one transaction, so a process that is killed loses at most what it was writing;
//! processes that write at once wait for each other. Digests are kept as hex, so that any
//! SQLite shell shows what the ledger knows.
//!
//! Whoever may read the file can lock writers out. An audit that cannot write goes on with
//! a copy in memory and leaves its rows in files beside the ledger, which the next one takes
//! in: [`waiting`].

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reenact_core::digest::Digest;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};

use crate::entry::{Closing, Entry};

mod coverage;
mod error;
mod incident;
mod kept;
mod revisit;
mod row;
mod schema;
mod waiting;

pub use coverage::Disowning;
pub use error::LedgerError;
pub use incident::{Alarmed, Proof};
use row::natural;
pub use schema::LEDGER_FORMAT;
use schema::{APPLICATION_ID, is_new, number};
use waiting::Waiting;

/// How long to wait for another process that writes. Whoever holds a lock for longer does
/// it on purpose, or for hours.
const BUSY: Duration = Duration::from_millis(if cfg!(test) { 2000 } else { 5000 });

const BY_NAME: &str = "EXISTS (SELECT 1 FROM json_each(audit.names) \
                       WHERE value IN (SELECT value FROM json_each(?1)))";

/// Remembers audits in a file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
    /// Whether the connection is a copy in memory, as the file is locked.
    is_aside: bool,
}

/// Sums up what the ledger knows of one place.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Number of audits.
    pub audits: u64,
    /// Number of divergences that were proven and that nobody has closed.
    pub open: u64,
    /// Number of segments that are due.
    pub due: u64,
    /// The last one.
    pub last: Entry,
}

impl Ledger {
    /// Opens a ledger to add to it, and begins one if there is none. Only its owner can
    /// read one that is begun: whoever may read it can also lock it.
    ///
    /// # Errors
    /// Also if nothing can be written into it: an audit shall not learn that
    /// after hours of replay.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        begin(path)?;
        let mut ledger = Self::connect(path)?;
        ledger.check_format()?;
        match ledger.prepare(true) {
            Err(error) if error.is_lock() => ledger.step_aside()?,
            prepared => prepared?,
        }
        Ok(ledger)
    }

    /// Opens the ledger that is there; none if there is none.
    pub fn open_existing(path: &Path) -> Result<Option<Self>, LedgerError> {
        // A link that leads nowhere is trouble that SQLite names.
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            return Ok(None);
        }
        let ledger = Self::connect(path)?;
        let waiting = waiting::all(path)?;
        if waiting.is_empty()
            && is_new(&ledger.connection).map_err(|problem| ledger.refuse(problem))?
        {
            return Ok(None);
        }
        drop(ledger);
        Self::open(path).map(Some)
    }

    fn connect(path: &Path) -> Result<Self, LedgerError> {
        let refuse = |problem| LedgerError::Sqlite { path: shown(path), problem };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(path, flags).map_err(refuse)?;
        connection.busy_timeout(BUSY).map_err(refuse)?;
        Ok(Self { path: path.into(), connection, is_aside: false })
    }

    /// Refuses what is no ledger, or none that this version can read.
    fn check_format(&self) -> Result<(), LedgerError> {
        if is_new(&self.connection).map_err(|problem| self.refuse(problem))? {
            return Ok(());
        }
        let pragma = |name| number(&self.connection, name).map_err(|problem| self.refuse(problem));
        let (application, found) = (pragma("application_id")?, pragma("user_version")?);
        let path = shown(&self.path);
        if application != APPLICATION_ID {
            return Err(LedgerError::Foreign { path });
        }
        match found {
            1..=LEDGER_FORMAT => Ok(()),
            newer if newer > LEDGER_FORMAT => Err(LedgerError::TooNew { path, found }),
            _ => Err(LedgerError::Damaged { path, problem: format!("its format is {found}") }),
        }
    }

    /// Makes or mends the tables and takes in what waits. A ledger in which nothing has to
    /// be done is not written.
    fn prepare(&mut self, removes: bool) -> Result<(), LedgerError> {
        let waiting = waiting::all(&self.path)?;
        let format = number(&self.connection, "user_version");
        if format.map_err(|problem| self.refuse(problem))? == LEDGER_FORMAT && waiting.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            schema::prepare(transaction)?;
            waiting.iter().try_for_each(|Waiting { entry, .. }| row::put(transaction, entry))
        })?;
        for Waiting { path, .. } in waiting.iter().filter(|_| removes) {
            // Another process may have been faster; what is left is taken in again.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    /// Goes on with a copy in memory.
    fn step_aside(&mut self) -> Result<(), LedgerError> {
        let copied = (|| {
            let mut copy = Connection::open_in_memory()?;
            let step = Backup::new(&self.connection, &mut copy)?.step(-1)?;
            Ok((copy, step))
        })();
        let (copy, step) = copied.map_err(|problem| self.refuse(problem))?;
        if step != StepResult::Done {
            return Err(self.locked());
        }
        self.connection = copy;
        self.is_aside = true;
        self.prepare(false)
    }

    /// Adds an audit that begins or has ended. Returns the file in which it waits, if the
    /// ledger is locked.
    pub fn put(&mut self, entry: &Entry) -> Result<Option<PathBuf>, LedgerError> {
        if !self.is_aside {
            match self.write(|transaction| row::put(transaction, entry)) {
                Err(error) if error.is_lock() => self.step_aside()?,
                written => return written.map(|()| None),
            }
        }
        let path = waiting::add(&self.path, entry)?;
        self.write(|transaction| row::put(transaction, entry))?;
        Ok(Some(path))
    }

    /// Returns the audits of a place, by any of its names, and of every recording of the
    /// same spec elsewhere, as the run may have been moved; oldest first.
    pub fn of_run(
        &self,
        names: &[String],
        spec: Option<Digest>,
    ) -> Result<Vec<Entry>, LedgerError> {
        let spec = spec.map(|spec| spec.to_string());
        self.entries(&format!("{BY_NAME} OR spec = ?2"), (row::names(names), spec))
    }

    /// Returns the audits of a place, by any of its names, oldest first.
    pub fn of_place(&self, names: &[String]) -> Result<Vec<Entry>, LedgerError> {
        self.of_run(names, None)
    }

    /// Returns the audits that have proven a divergence, oldest first.
    pub fn of_divergence(&self, id: &str) -> Result<Vec<Entry>, LedgerError> {
        self.entries("key IN (SELECT audit FROM divergence WHERE id = ?1)", [id])
    }

    fn entries(
        &self,
        which: &str,
        parameters: impl rusqlite::Params + Clone,
    ) -> Result<Vec<Entry>, LedgerError> {
        let query = format!("SELECT * FROM audit WHERE {which} ORDER BY id");
        let mut entries = self.read(&query, parameters.clone(), row::entry)?;
        self.complete(which, parameters, &mut entries)?;
        Ok(entries)
    }

    /// Gives the audits of which a condition holds what belongs to them.
    fn complete<'a>(
        &self,
        which: &str,
        parameters: impl rusqlite::Params + Clone,
        entries: impl IntoIterator<Item = &'a mut Entry>,
    ) -> Result<(), LedgerError> {
        let belonging = row::belonging(&self.connection, which, parameters);
        belonging.map(|found| found.give(entries)).map_err(|problem| self.refuse(problem))
    }

    /// Sums up every place.
    pub fn summaries(&self) -> Result<Vec<Summary>, LedgerError> {
        // Of a group, SQLite returns the row that has the maximum.
        let query = "
            SELECT *, COUNT(*) AS audits, MAX(audit.id),
                   SUM((SELECT COUNT(*) FROM divergence
                        WHERE audit = key AND closed_at_seconds IS NULL)) AS open,
                   SUM((SELECT COUNT(*) FROM debt
                        WHERE audit = key AND paid_at_seconds IS NULL)) AS due
            FROM audit GROUP BY place ORDER BY place";
        let mut summaries = self.read(query, (), |row| {
            let of = |column| natural(row, column);
            let (audits, open, due) = (of("audits")?, of("open")?, of("due")?);
            Ok(Summary { audits, open, due, last: row::entry(row)? })
        })?;
        let last = "id IN (SELECT MAX(id) FROM audit GROUP BY place)";
        self.complete(last, (), summaries.iter_mut().map(|summary| &mut summary.last))?;
        Ok(summaries)
    }

    /// Deletes the audits of a place, by any of its names, and returns how many there were.
    /// Those that have proven something that is open, or drew what is still due, are kept
    /// without a place: they are about a recording, wherever it lies.
    pub fn forget(&mut self, names: &[String]) -> Result<usize, LedgerError> {
        self.change(|transaction| {
            let names = row::names(names);
            let found: i64 = transaction.query_row(
                &format!("SELECT COUNT(*) FROM audit WHERE {BY_NAME}"),
                [&names],
                |row| row.get(0),
            )?;
            for statement in FORGET {
                transaction.execute(&statement.replace("BY_NAME", BY_NAME), [&names])?;
            }
            transaction.execute_batch(SWEEP)?;
            Ok(usize::try_from(found).unwrap_or_default())
        })
    }

    /// Closes a divergence, wherever it was proven, and returns how many proofs of it were
    /// open. What proves it once more opens it again.
    pub fn close(&mut self, id: &str, closing: &Closing) -> Result<usize, LedgerError> {
        let Closing { at_seconds, by, reason } = closing;
        let update = "
            UPDATE divergence SET closed_at_seconds = ?2, closed_by = ?3, closed_because = ?4
            WHERE id = ?1 AND closed_at_seconds IS NULL";
        let at_seconds = row::integer(*at_seconds);
        self.change(|transaction| transaction.execute(update, (id, at_seconds, by, reason)))
    }

    /// Writes what has to stand in the file itself.
    fn change<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        if self.is_aside { Err(self.locked()) } else { self.write(write) }
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

    fn locked(&self) -> LedgerError {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        self.refuse(rusqlite::Error::SqliteFailure(busy, None))
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

/// Takes these names from the audits that have them. Who lay there loses its place.
const FORGET: [&str; 2] = [
    "UPDATE audit SET place = '', names = '[]'
     WHERE place IN (SELECT value FROM json_each(?1))",
    "UPDATE audit SET names = (
         SELECT json_group_array(value) FROM json_each(audit.names)
         WHERE value NOT IN (SELECT value FROM json_each(?1)))
     WHERE BY_NAME",
];

/// Deletes the audits without a name that have nothing more to say.
const SWEEP: &str = "
DELETE FROM audit WHERE names = '[]'
    AND NOT EXISTS (SELECT 1 FROM divergence WHERE audit = key AND closed_at_seconds IS NULL)
    AND NOT EXISTS (SELECT 1 FROM debt WHERE audit = key AND paid_at_seconds IS NULL);
DELETE FROM divergence WHERE audit NOT IN (SELECT key FROM audit);
DELETE FROM debt WHERE audit NOT IN (SELECT key FROM audit);
DELETE FROM covered WHERE audit NOT IN (SELECT key FROM audit);
DELETE FROM alarm WHERE audit NOT IN (SELECT key FROM audit);
";

/// Makes the file and its folder, if they are not there.
fn begin(path: &Path) -> Result<(), LedgerError> {
    let refuse = |problem| LedgerError::Folder { path: shown(path), problem };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(refuse)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(refuse(error)),
        _ => Ok(()),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
