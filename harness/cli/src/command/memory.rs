//! What an audit asks of the ledger, and what it leaves there.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use reenact_core::verify::{Past, Recall, Recording, Remembered, Report, Verdict, recall};
use reenact_store::{Directory, Entry, Ledger};

use super::ledger_file::{self, LedgerFile};
use crate::failure::Failure;

/// Says whether an audit is remembered, and where.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Remembering {
    #[command(flatten)]
    pub(super) file: LedgerFile,
    /// Neither ask the ledger nor leave anything there
    #[arg(long, conflicts_with = "ledger")]
    pub(super) no_ledger: bool,
}

/// Holds a ledger that is open for one audit, or why it is not.
pub(super) struct Memory {
    place: String,
    ledger: Option<Ledger>,
    recall: Option<Recall>,
    problem: Option<String>,
    counted_on: bool,
}

impl Remembering {
    /// Leaves no trace.
    pub(super) fn none() -> Self {
        Self { file: LedgerFile::default(), no_ledger: true }
    }

    /// Counts on the ledger in this file.
    pub(super) fn in_file(path: &Path) -> Self {
        Self { file: LedgerFile::named(path), no_ledger: false }
    }

    /// Says whether the user named the ledger, and so counts on it.
    pub(super) fn is_counted_on(&self) -> bool {
        self.file.is_named()
    }

    /// Opens the ledger. Trouble with one that the user named ends the audit;
    /// trouble with the usual one is noted.
    pub(super) fn open(&self, run: &Path) -> Result<Memory, Failure> {
        let place = ledger_file::place(run);
        let counted_on = self.is_counted_on();
        let mut memory = Memory { place, ledger: None, recall: None, problem: None, counted_on };
        if self.no_ledger {
            return Ok(memory);
        }
        let opened = self.file.path().and_then(|path| {
            path.map(|path| Ledger::open(&path)).transpose().map_err(Failure::from)
        });
        match opened {
            Ok(ledger) => memory.ledger = ledger,
            Err(failure) if counted_on => return Err(failure),
            Err(failure) => memory.problem = Some(failure.message),
        }
        Ok(memory)
    }
}

impl Memory {
    /// Asks what earlier audits saw of this recording.
    pub(super) fn ask(
        &mut self,
        store: &Directory,
        recording: Option<&Recording<'_>>,
    ) -> Result<(), Failure> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let spec = recording.map(|recording| recording.history.spec);
        let entries = match ledger.of_run(&self.place, spec) {
            Ok(entries) => entries,
            Err(error) if self.counted_on => return Err(error.into()),
            Err(error) => {
                self.problem = Some(error.to_string());
                self.ledger = None;
                return Ok(());
            }
        };
        let remembered: Vec<Remembered> =
            entries.iter().map(|entry| entry.remembered(&self.place)).collect();
        let mut recall = recall(store, recording, &remembered);
        // A finished recording has waited for the disk; an unfinished one may
        // still lose its end to a power failure, and is none the worse for it.
        if recording.is_none() && store.sync_journal().is_err() {
            recall.seen = None;
        }
        self.recall = Some(recall);
        Ok(())
    }

    /// Returns what was asked, as far as anything was.
    pub(super) fn recall(&self) -> Option<&Recall> {
        self.recall.as_ref()
    }

    /// Tells the report what came before, and the ledger what it says.
    pub(super) fn close(mut self, report: &mut Report, recording: Option<&Recording<'_>>) {
        if let (Some(ledger), Some(recall)) = (&mut self.ledger, &self.recall) {
            report.remember(recall);
            let entry = entry(&self.place, recall, report, recording);
            if let Err(error) = ledger.add(&entry) {
                self.problem.get_or_insert_with(|| error.to_string());
            }
        }
        if self.problem.is_some() {
            report.past.get_or_insert_with(Past::default).problem = self.problem;
        }
    }
}

fn entry(
    place: &str,
    recall: &Recall,
    report: &Report,
    recording: Option<&Recording<'_>>,
) -> Entry {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let challenge = report.challenge.as_ref();
    Entry {
        place: place.to_owned(),
        name: report.claim.as_ref().map(|claim| claim.name.clone()),
        spec: report.claim.as_ref().map(|claim| claim.spec),
        seen: recall.seen,
        commitment: recording.map(|recording| recording.commitment),
        // A clock before 1970 is wrong, but no reason not to remember.
        audited_at_seconds: now.map_or(0, |now| now.as_secs()),
        verdict: kind(report.verdict).to_owned(),
        drawn: report.segments.len() as u64,
        total: report.claim.as_ref().map_or(0, |claim| claim.segments),
        nonce: challenge.map(|challenge| challenge.nonce.clone()),
        rule: challenge.map(|challenge| challenge.rule).unwrap_or_default(),
        agreed: report.sample_agreed(),
        contradicted: recall.finding.is_some(),
    }
}

fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match { .. } => "match",
        Verdict::Divergent => "divergent",
        Verdict::Inconclusive => "inconclusive",
    }
}
