//! The tables of the ledger, and how older ones become today's.

use rusqlite::{Connection, Transaction};

/// Format version of the ledger, its `PRAGMA user_version`.
///
/// 1: the first (2026-11).
/// 2: the rule of the draw (2026-11). Samples of before were drawn by rule 1.
/// 3: audits that began, what they proved, what they owe; every name of a place; where the
/// nonce came from (2026-11).
/// 4: the segments that were covered, and what covered them; when was drawn, and from how
/// many; what nights keep (2026-11).
pub const LEDGER_FORMAT: i64 = 4;

/// Tells a ledger from other SQLite files: "reen".
pub(super) const APPLICATION_ID: i64 = 0x7265_656e;

const CREATE: &str = "
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    place TEXT NOT NULL,
    names TEXT NOT NULL,
    name TEXT,
    spec TEXT,
    frames INTEGER,
    head TEXT,
    commitment TEXT,
    audited_at_seconds INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    drawn INTEGER NOT NULL,
    total INTEGER NOT NULL,
    nonce TEXT,
    nonce_source TEXT,
    rule INTEGER NOT NULL DEFAULT 1,
    sampled INTEGER NOT NULL,
    agreed INTEGER NOT NULL,
    contradicted INTEGER NOT NULL,
    accused INTEGER NOT NULL,
    drawn_at_seconds INTEGER,
    pool INTEGER,
    expected INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX audit_by_place ON audit (place);
CREATE INDEX audit_by_spec ON audit (spec);
CREATE TABLE divergence (
    audit TEXT NOT NULL,
    id TEXT NOT NULL,
    segment INTEGER,
    step INTEGER,
    stage TEXT,
    grade TEXT NOT NULL,
    words TEXT NOT NULL,
    cause TEXT,
    closed_at_seconds INTEGER,
    closed_by TEXT,
    closed_because TEXT,
    PRIMARY KEY (audit, id)
) STRICT;
CREATE INDEX divergence_by_id ON divergence (id);
CREATE TABLE debt (
    audit TEXT NOT NULL,
    segment INTEGER NOT NULL,
    why TEXT NOT NULL,
    paid_at_seconds INTEGER,
    paid_by TEXT,
    PRIMARY KEY (audit, segment)
) STRICT;
";

const CREATE_COVERED: &str = "
CREATE TABLE covered (
    audit TEXT NOT NULL,
    segment INTEGER NOT NULL,
    step_start INTEGER NOT NULL,
    step_end INTEGER NOT NULL,
    opening TEXT NOT NULL,
    closing TEXT NOT NULL,
    sampled INTEGER NOT NULL,
    host TEXT NOT NULL,
    device TEXT NOT NULL,
    device_serial TEXT,
    driver TEXT,
    binary TEXT NOT NULL,
    seconds REAL NOT NULL,
    at_seconds INTEGER NOT NULL,
    disowned_at_seconds INTEGER,
    disowned_because TEXT,
    PRIMARY KEY (audit, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE alarm (
    audit TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    step INTEGER,
    words TEXT NOT NULL,
    PRIMARY KEY (audit, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE kept (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
";

/// Brings a ledger of format 1 to format 2.
const FROM_1: &str = "ALTER TABLE audit ADD COLUMN rule INTEGER NOT NULL DEFAULT 1;";

/// What stands before and after [`CREATE`] to bring a ledger of format 2 to format 3. Where
/// its nonces came from is not known.
const FROM_2: [&str; 2] = [
    "
DROP INDEX audit_by_place;
DROP INDEX audit_by_spec;
ALTER TABLE audit RENAME TO audit_before;
",
    "
INSERT INTO audit (id, key, place, names, name, spec, frames, head, commitment,
                   audited_at_seconds, verdict, drawn, total, nonce, rule, sampled, agreed,
                   contradicted, accused)
SELECT id, 'before-' || id, place, json_array(place), name, spec, frames, head, commitment,
       audited_at_seconds, verdict, drawn, total, nonce, rule, iif(nonce IS NULL, 0, drawn), agreed,
       contradicted, contradicted OR verdict = 'divergent'
FROM audit_before ORDER BY id;
DROP TABLE audit_before;
",
];

/// Brings a ledger of format 3 to format 4. What its audits covered is not known, nor by
/// what; their samples still count.
const FROM_3: &str = "
ALTER TABLE audit ADD COLUMN drawn_at_seconds INTEGER;
ALTER TABLE audit ADD COLUMN pool INTEGER;
ALTER TABLE audit ADD COLUMN expected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE divergence ADD COLUMN cause TEXT;
";

/// Makes the tables, or brings those of an older format to today's. Another process may
/// have done either since it was found to be necessary.
pub(super) fn prepare(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let [before, after] = FROM_2;
    let steps = match number(transaction, "user_version")? {
        _ if is_new(transaction)? => {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            vec![CREATE, CREATE_COVERED]
        }
        1 => vec![FROM_1, before, CREATE, after, CREATE_COVERED],
        2 => vec![before, CREATE, after, CREATE_COVERED],
        3 => vec![FROM_3, CREATE_COVERED],
        _ => Vec::new(),
    };
    transaction.execute_batch(&steps.concat())?;
    transaction.pragma_update(None, "user_version", LEDGER_FORMAT)
}

pub(super) fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Says whether a database holds nothing yet and belongs to nobody.
pub(super) fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    let count = "SELECT COUNT(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(count, (), |row| row.get(0))?;
    let (application, format) =
        (number(connection, "application_id")?, number(connection, "user_version")?);
    Ok((tables, application, format) == (0, 0, 0))
}
