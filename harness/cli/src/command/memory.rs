//! What an audit asks of the ledger, and what it leaves there.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use reenact_core::digest::Digest;
use reenact_core::format::{Object, ReadRun};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::verify::{
    Debt, DrawRule, Past, Recall, Recording, Remembered, Report, Verdict, date, recall,
};
use reenact_store::{BEGUN, Directory, Divergent, Entry, Ledger, Owed, Paid};

use super::ledger_file::LedgerFile;
use super::place::names;
use super::segments::{Drawn, fresh_nonce};
use crate::failure::Failure;
use crate::{interruption, output};

/// Why a segment is due that was drawn by an audit of which nothing more is known.
const UNENDED: &str = "the audit began and never ended";

/// Says whether an audit is remembered, and where.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Remembering {
    #[command(flatten)]
    pub(super) file: LedgerFile,
    /// Neither ask the ledger nor leave anything there
    #[arg(long, conflicts_with = "ledger")]
    pub(super) no_ledger: bool,
}

/// Holds a ledger that is open for one audit, or why there is none.
pub(super) struct Memory {
    /// Names the audit.
    key: String,
    names: Vec<String>,
    ledger: Option<Ledger>,
    recall: Option<Recall>,
    /// Name and digest of the spec, of a recording that may not be whole.
    spec: Option<(String, Digest)>,
    problem: Option<String>,
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

    /// Opens the ledger. Trouble with one that is there, or that the user named, ends the
    /// audit: whoever can disturb it must not have accusations forgotten. Only where there
    /// has been none, and none can be begun, that is noted.
    pub(super) fn open(&self, run: &Path) -> Result<Memory, Failure> {
        let key = fresh_nonce()?.to_string()[..32].to_owned();
        let (names, none) = (names(run), (None, None, None));
        let (ledger, recall, spec) = none;
        let mut memory = Memory { key, names, ledger, recall, spec, problem: None };
        if self.no_ledger {
            return Ok(memory);
        }
        let there = |path: &PathBuf| {
            let found = path.symlink_metadata();
            !found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        let path = self.file.path();
        let counted_on = self.file.is_named() || matches!(&path, Ok(Some(path)) if there(path));
        let opened = path.and_then(|path| {
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
        self.spec = spec(store, recording);
        let entries = ledger.of_run(&self.names, self.spec.as_ref().map(|(_, digest)| *digest))?;
        let remembered: Vec<Remembered> =
            entries.iter().map(|entry| entry.remembered(&self.names)).collect();
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

    /// Returns the segments that are due.
    pub(super) fn debts(&self) -> &[Debt] {
        self.recall.as_ref().map_or(&[], |recall| &recall.debts)
    }

    /// Writes down what was drawn before anything of it is replayed: whoever then stops the
    /// audit has not undone the draw.
    pub(super) fn begin(&mut self, drawn: &Drawn, recording: &Recording<'_>, accused: bool) {
        if let (Some(first), Some(recall)) = (self.debts().first(), &self.recall) {
            let count = recall.past.due.len();
            let since = date(first.since_seconds);
            let plural = if count == 1 { " is" } else { "s are" };
            output::note(format_args!(
                "{count} segment{plural} due: an audit of {since} drew and did not judge them"
            ));
        }
        let Some(mut entry) = self.entry(Some(recording)) else { return };
        let owed = |&segment| Owed { segment, why: UNENDED.into(), paid_at_seconds: None };
        entry.debts = drawn.segments.iter().map(owed).collect();
        entry.total = recording.segment_count();
        if let Some(challenge) = &drawn.challenge {
            entry.nonce = Some(challenge.nonce.clone());
            entry.sampled = challenge.count;
        }
        entry.nonce_source = drawn.nonce_source.as_ref().map(|source| source.kind().into());
        entry.accused |= accused;
        // An accusation is worth more than its row; a match will not be given without.
        if let Err(failure) = self.put(&entry) {
            self.problem.get_or_insert(failure.message);
        }
        interruption::tell(format!(
            "stopped: segments that were drawn and are not judged are due; the next audit of \
             {} replays them first",
            recording.run.place()
        ));
    }

    /// Tells the report what came before, and the ledger what it says.
    pub(super) fn close(mut self, report: &mut Report, recording: Option<&Recording<'_>>) {
        if let Some(recall) = &self.recall {
            report.remember(recall);
        }
        if let Some(entry) = self.entry(recording) {
            let entry = self.ended(entry, report);
            match self.put(&entry) {
                Ok(()) => self.problem = None,
                Err(failure) => {
                    report.doubt(format!("this audit cannot be remembered: {}", failure.message));
                    self.problem.get_or_insert(failure.message);
                }
            }
        }
        interruption::forget();
        if self.problem.is_some() {
            report.past.get_or_insert_with(Past::default).problem = self.problem;
        }
    }

    fn put(&mut self, entry: &Entry) -> Result<(), Failure> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        if let Some(path) = ledger.put(entry)?
            && entry.verdict != BEGUN
        {
            output::note(format_args!(
                "another process locks the ledger; this audit waits in {} and counts from there. \
                 The next audit or `reenact ledger` takes it in",
                path.display()
            ));
        }
        Ok(())
    }

    /// Returns what is known when an audit begins; none if it is not remembered.
    fn entry(&self, recording: Option<&Recording<'_>>) -> Option<Entry> {
        let recall = self.recall.as_ref()?;
        let contradicted = recall.finding.is_some();
        let spec = self.spec.as_ref();
        Some(Entry {
            key: self.key.clone(),
            place: self.names.last().cloned().unwrap_or_default(),
            names: self.names.clone(),
            name: spec.map(|(name, _)| name.clone()),
            spec: spec.map(|(_, digest)| *digest),
            seen: recall.seen,
            commitment: recording.map(|recording| recording.commitment),
            audited_at_seconds: now_seconds(),
            verdict: BEGUN.into(),
            reason: None,
            drawn: 0,
            total: 0,
            nonce: None,
            nonce_source: None,
            rule: DrawRule::default(),
            sampled: 0,
            agreed: false,
            contradicted,
            accused: contradicted || !recall.open.is_empty(),
            debts: Vec::new(),
            divergences: Vec::new(),
            pays: Vec::new(),
        })
    }

    fn ended(&self, entry: Entry, report: &Report) -> Entry {
        let left = report.unjudged();
        let owed = |(segment, why): &(u64, &str)| {
            let why = reenact_core::plain::plain(why);
            Owed { segment: *segment, why, paid_at_seconds: None }
        };
        let settled = |segment: u64| {
            report.segments.iter().any(|found| found.segment.index == segment)
                && !left.iter().any(|(found, _)| *found == segment)
        };
        let paid = self.debts().iter().filter(|debt| settled(debt.segment));
        let paid = paid.map(|debt| Paid { audit: debt.audit.clone(), segment: debt.segment });
        let seen = entry.seen;
        let divergences = report.proven().into_iter();
        let divergences = divergences
            .map(|proven| Divergent { id: proven.id(seen), proven, closing: None })
            .collect();
        let challenge = report.challenge.as_ref();
        Entry {
            verdict: kind(report.verdict).to_owned(),
            reason: report.reasons.first().map(|reason| reenact_core::plain::plain(reason)),
            drawn: report.segments.len() as u64,
            total: report.claim.as_ref().map_or(0, |claim| claim.segments),
            nonce: challenge.map(|challenge| challenge.nonce.clone()),
            nonce_source: report.nonce_source.as_ref().map(|source| source.kind().into()),
            rule: challenge.map(|challenge| challenge.rule).unwrap_or_default(),
            sampled: challenge.map_or(0, |challenge| challenge.count),
            agreed: report.sample_agreed(),
            accused: report.verdict == Verdict::Divergent,
            debts: left.iter().map(owed).collect(),
            divergences,
            pays: paid.collect(),
            ..entry
        }
    }
}

/// Returns name and digest of the spec, if it can be read: a run that is not finished has
/// one, too.
fn spec(store: &Directory, recording: Option<&Recording<'_>>) -> Option<(String, Digest)> {
    if let Some(recording) = recording {
        return Some((recording.spec.name.clone(), recording.history.spec));
    }
    let text = store.read(Object::Spec, SPEC_BYTES_MAX as u64).ok()?;
    let spec = Spec::parse(str::from_utf8(&text).ok()?).ok()?;
    Some((spec.name, Spec::digest_of_text(&text)))
}

/// A clock before 1970 is wrong, but no reason not to remember.
pub(super) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match { .. } => "match",
        Verdict::Divergent => "divergent",
        Verdict::Inconclusive => "inconclusive",
    }
}
