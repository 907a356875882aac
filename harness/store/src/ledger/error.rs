//! Why the ledger cannot be used.

use super::schema::LEDGER_FORMAT;

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
    /// A row that waits beside it cannot be read or written.
    #[error("{path} holds an audit that waits for the ledger, and {problem}")]
    Waiting {
        /// The file that waits.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl LedgerError {
    /// Says whether another process holds a lock.
    pub fn is_lock(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        let Self::Sqlite { problem, .. } = self else { return false };
        matches!(problem.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
    }
}
