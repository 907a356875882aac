//! A ledger as 365 nights over 10,000 runs of 1,000 segments leave it.
//!
//! One table is thinned: all covered segments would be 10 million rows, 3 GB. Each run has
//! [`ROWS`] of them; what plans ask of them is asked of so many fewer.

use std::path::{Path, PathBuf};
use std::time::Instant;

use reenact_core::digest::Digest;
use reenact_night::{Found, Growth, Head, Mark, Peek, State, Watched};
use reenact_store::Ledger;
use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};

use crate::RUNS;

/// A share is for what is covered, which has the ledger asked once a run.
pub(crate) const CONFIG: &str = "budget.device_hours = 24\n\
     [goal]\ntampered = 2\nconfidence = 0.95\nwithin = '30 days'\nrevisit = 0.05";
const NIGHTS: u64 = 365;
const SEGMENTS: u64 = 1000;
/// Steps of a segment.
const EVERY: u64 = 10;
const DAY: u64 = 86_400;
const FIRST: u64 = 1_793_577_600;
/// Rows of covered segments that each run has.
const ROWS: u64 = 20;
/// Nights that a watched run remembers.
const MARKS: u64 = 60;

pub(crate) fn now() -> u64 {
    FIRST + NIGHTS * DAY
}

fn place(run: usize) -> String {
    format!("/srv/laboratory/pretraining/2026/runs/language-{run:05}")
}

fn digest(number: usize) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Digest(bytes)
}

fn peek(run: usize) -> Peek {
    let head = Head { commitment: digest(run), frames: 100_000, is_whole: true };
    Peek {
        name: format!("language-{run:05}"),
        spec: digest(run),
        device: "cuda:0".into(),
        steps_declared: SEGMENTS * EVERY,
        steps: SEGMENTS * EVERY,
        checkpoint_every: EVERY,
        state: State::Finished,
        head: Some(head),
        bytes: 1 << 40,
    }
}

/// Returns what looking at the folders would find.
pub(crate) fn found() -> Vec<Found> {
    let of = |run| Found { place: PathBuf::from(place(run)), group: 0, peek: Ok(peek(run)) };
    (0..RUNS).map(of).collect()
}

pub(crate) fn fill(folder: &Path) {
    let begun = Instant::now();
    let path = folder.join("ledger.sqlite");
    drop(Ledger::open(&path).expect("a ledger can be made"));
    let mut connection = Connection::open(&path).expect("it can be opened");
    let transaction = connection.transaction().expect("it can be written");
    put(&transaction).expect("it takes the rows");
    transaction.commit().expect("they are kept");
    let mib = std::fs::metadata(&path).map_or(0, |found| found.len() >> 20);
    println!(
        "plan: a ledger of {RUNS} runs of {SEGMENTS} segments and {NIGHTS} nights; {} audits and \
         {} covered rows (thinned from {}); {mib} MiB, filled in {:.0} s",
        RUNS,
        RUNS as u64 * ROWS,
        RUNS as u64 * SEGMENTS / 2,
        begun.elapsed().as_secs_f64()
    );
}

fn put(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut kept = transaction.prepare("INSERT INTO kept VALUES (?1, ?2, ?3)")?;
    for run in 0..RUNS {
        let watched = serde_json::to_string(&watched(run)).expect("it is JSON");
        kept.execute(("watched", place(run), watched))?;
        kept.execute(("coverage", place(run), coverage(run).to_string()))?;
        audit(transaction, run)?;
    }
    for number in 1..=NIGHTS {
        kept.execute(("night", format!("{number:08}"), night(number).to_string()))?;
    }
    Ok(())
}

fn watched(run: usize) -> Watched {
    let mut watched = Watched::default();
    watched.see("all", Some(&peek(run)), now() - DAY);
    watched.first_at_seconds = FIRST;
    watched.growth = (0..NIGHTS)
        .map(|night| Growth {
            segments: SEGMENTS * (night + 1) / NIGHTS,
            at_seconds: FIRST + night * DAY,
        })
        .collect();
    watched.head = watched.head_now;
    for night in NIGHTS - MARKS..NIGHTS {
        let mark =
            if (night as usize + run).is_multiple_of(3) { Mark::Matched } else { Mark::Idle };
        watched.mark(night + 1, FIRST + night * DAY, mark);
    }
    watched
}

/// Half of the segments, each by itself: no range is longer than one.
fn coverage(run: usize) -> Value {
    let segments = (0..SEGMENTS).filter(|segment| (segment + run as u64).is_multiple_of(2));
    let covered: Vec<(u64, u64)> = segments.map(|segment| (segment, segment + 1)).collect();
    let factor =
        json!({"pool": SEGMENTS, "found": covered.len(), "total": SEGMENTS, "left_out": 0});
    json!({"total": SEGMENTS, "covered": covered, "factors": [factor]})
}

fn audit(transaction: &Transaction<'_>, run: usize) -> rusqlite::Result<()> {
    let (key, place, spec) = (format!("audit-{run:05}"), place(run), digest(run).to_string());
    let mut audits = transaction.prepare(
        "INSERT INTO audit (key, place, names, name, spec, frames, head, commitment,
             audited_at_seconds, verdict, drawn, total, nonce, sampled, agreed, contradicted,
             accused, drawn_at_seconds, pool)
         VALUES (?1, ?2, ?3, ?4, ?5, 100000, ?5, ?5, ?6, 'match', ?7, ?8, ?5, ?7, 1, 0, 0, ?6, ?8)",
    )?;
    let names = json!([place]).to_string();
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (rows, segments, at) = (whole(ROWS), whole(SEGMENTS), whole(FIRST));
    audits.execute(params![key, place, names, "language", spec, at, rows, segments])?;
    let mut covered = transaction.prepare(
        "INSERT INTO covered VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1, 'node7', 'cuda:0', NULL, NULL, ?5,
             ?6, ?7, NULL, NULL)",
    )?;
    for row in 0..ROWS {
        let (segment, seconds) = (2 * row, 2.0 + (run % 5) as f64);
        let (start, end) = (segment * EVERY, (segment + 1) * EVERY);
        let (segment, at) = (whole(segment), whole(FIRST + row));
        covered.execute(params![key, segment, whole(start), whole(end), spec, seconds, at])?;
    }
    Ok(())
}

/// A night that has ended keeps what it came to.
fn night(number: u64) -> Value {
    let at_seconds = FIRST + (number - 1) * DAY;
    json!({
        "at_seconds": at_seconds, "ended_at_seconds": at_seconds + 3600, "host": "node7",
        "binary": digest(1), "config": digest(2), "canaries": [], "exit": 0,
        "plan": {"units": [], "reach": [], "seconds": 86_000.0, "budget_seconds": 86_400.0},
    })
}
