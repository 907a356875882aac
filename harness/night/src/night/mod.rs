//! A night: canaries, audits in the order of the plan, and what is to be told.

mod audits;
mod bench;
mod close;
mod elsewhere;
mod morning;

use std::path::PathBuf;

use reenact_audit::{Executor, Failure, Observer, Programs, environment_of};
use reenact_core::digest::Digest;
use reenact_core::trainer::Engine;
use reenact_core::verify::{Report, date};
use reenact_store::{Ledger, LedgerError};
use serde::{Deserialize, Serialize};

use self::bench::Bench;
use self::morning::Morning;
use crate::canary::Canary;
use crate::config::Config;
use crate::found::{Found, look};
use crate::incident::Acknowledged;
use crate::lease::{Lease, LeaseError};
use crate::outcome::Outcome;
use crate::plan::{Plan, Terms, Unit};
use crate::told::{Change, Told};
use crate::watched::Mark;

/// Kinds of facts that nights keep in the ledger.
const WATCHED: &str = "watched";
const NIGHT: &str = "night";
const UNIT: &str = "unit";
const TOLD: &str = "told";
const STOOD_ALONE: &str = "stood-alone";

/// Says why there is no night.
#[derive(Debug, thiserror::Error)]
pub enum NightError {
    /// Another one runs, or the lease cannot be had.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something that it was told to use cannot be.
    #[error("{0}")]
    Told(String),
    /// This process has no digest.
    #[error("{}", .0.said())]
    Failure(Failure),
}

impl From<Failure> for NightError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What is kept of a night.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    at_seconds: u64,
    ended_at_seconds: Option<u64>,
    host: String,
    binary: Digest,
    config: Digest,
    plan: Plan,
    canaries: Vec<Canary>,
    exit: Option<u8>,
}

/// What is kept of a unit that was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Done {
    mark: Mark,
    words: Option<String>,
    seconds: f64,
}

/// Holds what is known of a night that was begun.
#[derive(Clone, Debug, Serialize)]
pub struct Past {
    /// Its number.
    pub night: u64,
    /// When it began, in seconds since 1970.
    pub at_seconds: u64,
    /// When it ended; none if it did not.
    pub ended_at_seconds: Option<u64>,
    /// Its exit code; none if it did not end.
    pub exit: Option<u8>,
}

/// Returns every night of a ledger, oldest first.
pub fn nights(ledger: &Ledger) -> Result<Vec<Past>, LedgerError> {
    let kept: Vec<(String, Record)> = ledger.kept(NIGHT)?;
    let past = |(name, record): (String, Record)| Past {
        night: name.parse().unwrap_or_default(),
        at_seconds: record.at_seconds,
        ended_at_seconds: record.ended_at_seconds,
        exit: record.exit,
    };
    Ok(kept.into_iter().map(past).collect())
}

/// Hears what a night does, and keeps the reports of its audits.
pub trait Diary: Sync {
    /// A unit begins: its number, of how many, and what it is.
    fn begins(&self, number: usize, of: usize, unit: &Unit);
    /// An audit has ended; the report is the evidence.
    fn ended(&self, night: u64, unit: usize, report: &Report);
    /// The night comes to this, and ends when that is kept; it may be heard again of a night
    /// that was killed meanwhile.
    fn concluded(&self, outcome: &Outcome);
}

/// Holds what a night works with.
pub struct Night<'a> {
    /// What it is told to do.
    pub config: &'a Config,
    /// Digest of the config's text.
    pub digest: Digest,
    /// Programs that it can replay.
    pub programs: &'a Programs,
    /// Who replays.
    pub executor: &'a dyn Executor,
    /// Who hears how far an audit is.
    pub observer: &'a dyn Observer,
    /// Who hears how far the night is.
    pub diary: &'a dyn Diary,
    /// Returns the time, in seconds since 1970.
    pub clock: &'a (dyn Fn() -> u64 + Sync),
    /// The machine that it runs on.
    pub host: String,
    /// Folder with the files of data sets, where the config names none.
    pub data_dir: PathBuf,
    /// Folder for copies in which attacks are planted, where others than this machine replay.
    pub scratch: Option<PathBuf>,
}

impl Night<'_> {
    /// Plans without doing anything, nor writing it down.
    pub fn plan(&self) -> Result<Plan, NightError> {
        self.plan_of(look(self.config))
    }

    /// Does the same with the runs that [`look`] found.
    pub fn plan_of(&self, found: Vec<Found>) -> Result<Plan, NightError> {
        let nowhere = tempfile::tempdir().map_err(|error| NightError::Told(error.to_string()))?;
        let ledger = match Ledger::open_existing(&self.config.ledger)? {
            Some(ledger) => ledger,
            // Nothing is known yet, and nothing is to be left.
            None => Ledger::open(&nowhere.path().join("ledger"))?,
        };
        let morning = self.morning(&ledger, found)?;
        Ok(self.planned(&ledger, &morning)?)
    }

    /// Does a night, or goes on with the one that ended early.
    pub fn run(&self, resume: bool) -> Result<Outcome, NightError> {
        let now = (self.clock)();
        let holder =
            format!("process {} on {}, since {}", std::process::id(), self.host, date(now));
        let _lease = Lease::take(&self.config.ledger, &holder)?;
        let groups = self.groups()?;
        let trusted = self.trusted()?;
        let mut ledger = Ledger::open(&self.config.ledger)?;
        let mut morning = self.morning(&ledger, look(self.config))?;
        let (number, mut record, notes) = self.begin(&mut ledger, &morning, resume)?;
        let begun = (self.clock)();
        if record.canaries.is_empty() && self.config.goal.canaries > 0 {
            record.canaries = self.canaries(&morning)?;
            ledger.keep(NIGHT, &name_of(number), &record)?;
        }
        let bench = Bench { groups, trusted, places: morning.places(), begun };
        let results = self.audits(&mut ledger, number, &record, &bench)?;
        let read_bytes = self.read_on(&mut morning, &record, &bench, &results);
        let mut outcome =
            self.conclude(&mut ledger, number, &record, morning, &results, bench.trusted.as_ref())?;
        outcome.notes = notes;
        outcome.notes.extend(self.unmatched(&outcome));
        outcome.spent.read_bytes = read_bytes;
        // A night without its page has not ended: it can be gone on with.
        self.diary.concluded(&outcome);
        record.ended_at_seconds = Some(outcome.ended_at_seconds);
        record.exit = Some(outcome.exit.into());
        // The night's own files hold the plan and what came of it: years of them would make
        // each night slower than the one before.
        record.plan = Plan::default();
        ledger.keep(NIGHT, &name_of(number), &record)?;
        ledger.drop_kept_below(UNIT, &name_of(number))?;
        Ok(outcome)
    }

    /// Remembers that people were told of changes, but for those that they were not.
    pub fn remember_told(&self, outcome: &Outcome, untold: &[Change]) -> Result<(), NightError> {
        let mut ledger = Ledger::open(&self.config.ledger)?;
        let told: Vec<(String, Told)> = outcome
            .changes
            .iter()
            .filter(|(change, _)| !untold.contains(change))
            .map(|(change, incident)| {
                let resolved = *change == Change::Resolved;
                let (incident, at_seconds) = (incident.clone(), outcome.ended_at_seconds);
                (incident.id.clone(), Told { incident, at_seconds, resolved })
            })
            .collect();
        for (id, _) in told.iter().filter(|(_, told)| told.resolved) {
            // Should it come back, nobody has taken note of that.
            Acknowledged::forget(&mut ledger, id)?;
        }
        Ok(ledger.keep_all(TOLD, &told)?)
    }

    fn planned(&self, ledger: &Ledger, morning: &Morning) -> Result<Plan, LedgerError> {
        let candidates = self.candidates(ledger, morning)?;
        Ok(Plan::of(&candidates, &self.terms()))
    }

    fn terms(&self) -> Terms {
        let goal = &self.config.goal;
        Terms {
            device_seconds: self.config.device_seconds(),
            tampered: goal.tampered,
            confidence: goal.confidence,
            revisit: goal.revisit,
            period_seconds: self.config.period.seconds,
            now_seconds: (self.clock)(),
        }
    }

    fn binary(&self) -> Digest {
        let none = Engine { class: Default::default(), notes: Default::default() };
        environment_of(none).map_or(Digest::default(), |found| found.binary)
    }

    /// Writes down what is going to be done, before anything of it is.
    fn begin(
        &self,
        ledger: &mut Ledger,
        morning: &Morning,
        resume: bool,
    ) -> Result<(u64, Record, Vec<String>), NightError> {
        let now = (self.clock)();
        let nights: Vec<(String, Record)> = ledger.kept(NIGHT)?;
        let last = nights.last();
        let number = last.and_then(|(name, _)| name.parse().ok()).unwrap_or(0u64);
        let mut notes = Vec::new();
        if resume {
            let unended = last.filter(|(_, record)| record.ended_at_seconds.is_none());
            let (_, record) = unended.ok_or_else(|| {
                NightError::Told("no night has ended early, so there is nothing to resume".into())
            })?;
            if record.config != self.digest {
                let problem = "the config is not the one that the night began with; start a new \
                               night, without --resume";
                return Err(NightError::Told(problem.into()));
            }
            notes.push(format!("gone on with the night of {}", date(record.at_seconds)));
            return Ok((number, record.clone(), notes));
        }
        if let Some((_, before)) = last {
            if before.ended_at_seconds.is_none() {
                notes.push(format!("the night of {} ended early", date(before.at_seconds)));
            }
            let gap = now.saturating_sub(before.at_seconds);
            if gap > self.config.period.seconds.saturating_mul(3) / 2 {
                notes.push(format!("no night began between {} and now", date(before.at_seconds)));
            }
        }
        let record = Record {
            at_seconds: now,
            ended_at_seconds: None,
            host: self.host.clone(),
            binary: self.binary(),
            config: self.digest,
            plan: self.planned(ledger, morning)?,
            canaries: Vec::new(),
            exit: None,
        };
        ledger.keep(NIGHT, &name_of(number + 1), &record)?;
        Ok((number + 1, record, notes))
    }
}

/// Names a night so that names sort as nights do.
fn name_of(number: u64) -> String {
    format!("{number:08}")
}

fn place_of(run: &Found) -> String {
    run.place.display().to_string()
}
