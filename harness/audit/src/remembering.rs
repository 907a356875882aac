//! What an audit asks of the ledger, and what it leaves there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use reenact_core::digest::Digest;
use reenact_core::format::{Object, ReadRun};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::state::StateRoot;
use reenact_core::verify::{
    Debt, DrawRule, Recall, Recording, Remembered, Report, SegmentSet, Verdict, recall,
};
use reenact_store::{BEGUN, Divergent, Entry, Ledger, Owed, Paid};

use crate::draw::{Drawn, fresh_nonce};
use crate::event::{Event, Observer};
use crate::failure::Failure;
use crate::left::{alarms, covered};
use crate::place::names;
use crate::planned::PlannedAudit;
use crate::prune::pruned_roots;

/// Why a segment is due that was drawn by an audit of which nothing more is known.
const UNENDED: &str = "the audit began and never ended";

/// Says whether an audit is remembered, and where.
#[derive(Debug, Default)]
pub enum Remembering {
    /// Neither is the ledger asked nor is anything left there.
    #[default]
    Nothing,
    /// In this file.
    In {
        /// The file.
        path: PathBuf,
        /// Whether somebody named it and counts on it.
        named: bool,
    },
    /// There is no place for a ledger, for this reason.
    Nowhere(Failure),
}

/// Holds a ledger that is open for one audit, or why there is none.
pub(crate) struct Memory<'a> {
    /// Names the audit.
    key: String,
    names: Vec<String>,
    ledger: Option<Ledger>,
    recall: Option<Recall>,
    /// Name and digest of the spec, of a recording that may not be whole.
    spec: Option<(String, Digest)>,
    drawn_at_seconds: Option<u64>,
    /// When the audit is; none for the system's clock.
    at_seconds: Option<u64>,
    /// What was drawn, as long as nothing of it is replayed.
    drawn: Vec<Owed>,
    nothing: SegmentSet,
    /// Debts that nobody can pay any more.
    released: Vec<Paid>,
    /// Whether the ledger knows of the plan that is gone on with.
    knows_plan: bool,
    problem: Option<String>,
    observer: &'a dyn Observer,
}

impl Remembering {
    /// Counts on the ledger in this file.
    pub fn in_file(path: &Path) -> Self {
        Self::In { path: path.into(), named: true }
    }

    /// Opens the ledger. Trouble with one that is there, or that the user named, ends the
    /// audit: whoever can disturb it must not have accusations forgotten. Only where there
    /// has been none, and none can be begun, that is noted.
    pub(crate) fn open<'a>(
        &self,
        run: &Path,
        at_seconds: Option<u64>,
        observer: &'a dyn Observer,
    ) -> Result<Memory<'a>, Failure> {
        let key = fresh_nonce()?.to_string()[..32].to_owned();
        let (ledger, problem) = match self {
            Self::Nothing => (None, None),
            Self::Nowhere(failure) => (None, Some(failure.message.clone())),
            Self::In { path, named } => match Ledger::open(path) {
                Ok(ledger) => (Some(ledger), None),
                Err(error) if *named || is_there(path) => return Err(error.into()),
                Err(error) => (None, Some(Failure::from(error).message)),
            },
        };
        let names = names(run);
        Ok(Memory {
            key,
            names,
            ledger,
            recall: None,
            spec: None,
            drawn_at_seconds: None,
            at_seconds,
            drawn: Vec::new(),
            nothing: SegmentSet::default(),
            released: Vec::new(),
            knows_plan: false,
            problem,
            observer,
        })
    }
}

fn is_there(path: &Path) -> bool {
    let found = path.symlink_metadata();
    !found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

impl Memory<'_> {
    /// Takes up the audit that a plan has begun. What it drew is then no debt of another's.
    pub(crate) fn go_on_with(&mut self, planned: &PlannedAudit) -> Result<(), Failure> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let entries = ledger.of_place(&self.names)?;
        let begun = entries.iter().find(|entry| entry.key == planned.audit);
        let Some(begun) = begun.filter(|entry| entry.verdict == BEGUN) else { return Ok(()) };
        let nonce = planned.nonce.as_ref().map(|given| &given.nonce);
        if begun.nonce.as_ref() != nonce || begun.commitment != Some(planned.commitment) {
            let problem = format!("{}: the ledger knows another draw of this plan", planned.run);
            return Err(Failure::usage(problem).hint("make a new plan: this one was altered"));
        }
        self.key.clone_from(&planned.audit);
        self.drawn_at_seconds = begun.drawn_at_seconds;
        self.knows_plan = true;
        Ok(())
    }

    /// Says whether the ledger knows of the plan that is gone on with.
    pub(crate) fn knows_plan(&self) -> bool {
        self.knows_plan
    }

    /// Returns what names the audit in the ledger.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns when the segments were drawn; none if nobody drew them.
    pub(crate) fn drawn_at_seconds(&self) -> Option<u64> {
        self.drawn_at_seconds
    }

    /// Asks what earlier audits saw of this recording.
    pub(crate) fn ask(
        &mut self,
        store: &dyn ReadRun,
        recording: Option<&Recording<'_>>,
    ) -> Result<(), Failure> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        self.spec = spec(store, recording);
        let entries = ledger.of_run(&self.names, self.spec.as_ref().map(|(_, digest)| *digest))?;
        let others = entries.iter().filter(|entry| entry.key != self.key);
        let remembered: Vec<Remembered> =
            others.map(|entry| entry.remembered(&self.names)).collect();
        let mut recall = recall(store, recording, &remembered);
        // A finished recording has waited for the disk; an unfinished one may
        // still lose its end to a power failure, and is none the worse for it.
        if recording.is_none() && store.settle().is_err() {
            recall.seen = None;
        }
        self.recall = Some(recall);
        Ok(())
    }

    /// Returns what was asked, as far as anything was.
    pub(crate) fn recall(&self) -> Option<&Recall> {
        self.recall.as_ref()
    }

    /// Settles what is due of segments that were pruned meanwhile: they were covered before, and
    /// nobody can replay them again.
    pub(crate) fn release(&mut self, pruned: &SegmentSet) {
        let Some(recall) = &mut self.recall else { return };
        let gone = |debt: &Debt| pruned.contains(debt.segment);
        let released = recall.debts.iter().filter(|debt| gone(debt));
        let paid = |debt: &Debt| Paid { audit: debt.audit.clone(), segment: debt.segment };
        self.released = released.map(paid).collect();
        recall.debts.retain(|debt| !gone(debt));
        recall.past.due.retain(|segment| !pruned.contains(*segment));
    }

    /// Returns the states that were pruned by whoever keeps this ledger.
    pub(crate) fn pruned(&self) -> BTreeSet<StateRoot> {
        let ledger = self.ledger.as_ref();
        ledger.map(|ledger| pruned_roots(ledger, &self.names)).unwrap_or_default()
    }

    /// Returns the segments that are due.
    pub(crate) fn debts(&self) -> &[Debt] {
        self.recall.as_ref().map_or(&[], |recall| &recall.debts)
    }

    /// Writes down how far a run has come that still trains, before the nonce is drawn: from
    /// then on nobody can take it back.
    pub(crate) fn witness(&mut self, recording: &Recording<'_>) {
        if recording.so_far.is_none() {
            return;
        }
        let Some(entry) = self.entry(Some(recording)) else { return };
        if let Err(failure) = self.put(&entry) {
            self.problem.get_or_insert(failure.message);
        }
    }

    /// Returns the segments of this very recording that audits have covered.
    pub(crate) fn covered(&self) -> &SegmentSet {
        self.recall.as_ref().map_or(&self.nothing, |recall| recall.coverage.covered())
    }

    /// Writes down what was drawn before anything of it is replayed: whoever then stops the
    /// audit has not undone the draw.
    pub(crate) fn begin(&mut self, drawn: &Drawn, recording: &Recording<'_>, accused: bool) {
        if let (Some(first), Some(recall)) = (self.debts().first(), &self.recall) {
            let (count, since_seconds) = (recall.past.due.len(), first.since_seconds);
            self.observer.hear(Event::Due { count, since_seconds });
        }
        let Some(mut entry) = self.entry(Some(recording)) else { return };
        let owed = |&segment| Owed { segment, why: UNENDED.into(), paid_at_seconds: None };
        self.drawn = drawn.segments.iter().map(owed).collect();
        entry.debts.clone_from(&self.drawn);
        entry.total = recording.segment_count();
        if let Some(challenge) = &drawn.challenge {
            self.drawn_at_seconds.get_or_insert(entry.audited_at_seconds);
            entry.nonce = Some(challenge.nonce.clone());
            entry.sampled = challenge.count;
            entry.rule = challenge.rule;
            entry.pool = Some(challenge.pool().0);
            entry.drawn_at_seconds = self.drawn_at_seconds;
        }
        entry.nonce_source = drawn.nonce_source.as_ref().map(|source| source.kind().into());
        entry.accused |= accused;
        // An accusation is worth more than its row; a match will not be given without.
        if let Err(failure) = self.put(&entry) {
            self.problem.get_or_insert(failure.message);
        }
        self.observer.hear(Event::Owing { run: &recording.run.place() });
    }

    /// Tells the ledger what the report says, and of which device; returns why a match cannot be given, if it
    /// cannot be remembered.
    pub(crate) fn close(
        &mut self,
        report: &Report,
        judged: Option<(&Recording<'_>, String)>,
    ) -> Option<String> {
        let mut doubt = None;
        if let Some(entry) = self.entry(judged.as_ref().map(|(recording, _)| *recording)) {
            let entry = self.ended(entry, report, judged);
            match self.put(&entry).and_then(|()| self.keep_coverage(&entry.place, report)) {
                Ok(()) => self.problem = None,
                Err(failure) => {
                    doubt = Some(format!("this audit cannot be remembered: {}", failure.message));
                    self.problem.get_or_insert(failure.message);
                }
            }
        }
        self.observer.hear(Event::Settled);
        doubt
    }

    /// Returns why not everything is known or remembered.
    pub(crate) fn problem(self) -> Option<String> {
        self.problem
    }

    /// Leaves what plans need to know. A ledger that is locked takes it from the next audit.
    fn keep_coverage(&mut self, place: &str, report: &Report) -> Result<(), Failure> {
        let (Some(ledger), Some(coverage)) = (&mut self.ledger, &report.coverage) else {
            return Ok(());
        };
        let kept = ledger.keep(Ledger::COVERAGE, place, &coverage.condensed());
        kept.or_else(|error| if error.is_lock() { Ok(()) } else { Err(error.into()) })
    }

    fn put(&mut self, entry: &Entry) -> Result<(), Failure> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        if let Some(path) = ledger.put(entry)?
            && entry.verdict != BEGUN
        {
            self.observer.hear(Event::Queued { place: &path });
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
            audited_at_seconds: self.at_seconds.unwrap_or_else(now_seconds),
            verdict: BEGUN.into(),
            reason: None,
            drawn: 0,
            total: 0,
            nonce: None,
            nonce_source: None,
            drawn_at_seconds: None,
            rule: DrawRule::default(),
            pool: None,
            sampled: 0,
            agreed: false,
            contradicted,
            accused: contradicted || !recall.open.is_empty(),
            expected: false,
            covered: Vec::new(),
            debts: Vec::new(),
            divergences: Vec::new(),
            alarms: Vec::new(),
            pays: Vec::new(),
        })
    }

    /// Returns what was drawn and is not in the report, as the replays could not begin.
    fn unreplayed(&self, report: &Report) -> impl Iterator<Item = Owed> {
        let why = "the replays could not begin";
        let missing = self
            .drawn
            .iter()
            .filter(|owed| report.segments.iter().all(|found| found.segment.index != owed.segment));
        missing.map(|owed| Owed { why: why.into(), ..owed.clone() })
    }

    fn ended(
        &self,
        entry: Entry,
        report: &Report,
        judged: Option<(&Recording<'_>, String)>,
    ) -> Entry {
        let left = report.unjudged();
        let owed = |(segment, why): &(u64, &str)| {
            let why = reenact_core::sanitize::plain(why);
            Owed { segment: *segment, why, paid_at_seconds: None }
        };
        let settled = |segment: u64| {
            report.segments.iter().any(|found| found.segment.index == segment)
                && !left.iter().any(|(found, _)| *found == segment)
        };
        let paid = self.debts().iter().filter(|debt| settled(debt.segment));
        let paid = paid.map(|debt| Paid { audit: debt.audit.clone(), segment: debt.segment });
        let states = |segment: Option<u64>| {
            let recording = judged.as_ref().map(|(recording, _)| *recording)?;
            // Where it is the start or the sum of all segments, the first state names the run.
            let segment = segment.map(|segment| recording.segment(segment));
            let (from, to) = segment.map_or((0, 0), |found| (found.step_start, found.step_end));
            let roots = &recording.history.checkpoints;
            Some((*roots.get(&from)?, *roots.get(&to)?))
        };
        let divergences = report.proven().into_iter().map(|proven| {
            let id = proven.id(entry.spec, states(proven.segment));
            Divergent { id, proven, closing: None }
        });
        let divergences = divergences.collect();
        let alarms = alarms(&entry.place, report);
        let covered = judged.map_or(Vec::new(), |(recording, device)| {
            covered(report, recording, &device, entry.audited_at_seconds)
        });
        let challenge = report.challenge.as_ref();
        Entry {
            verdict: kind(report.verdict).to_owned(),
            reason: report.reasons.first().map(|reason| reenact_core::sanitize::plain(reason)),
            drawn: report.segments.len() as u64,
            total: report.claim.as_ref().map_or(0, |claim| claim.segments),
            nonce: challenge.map(|challenge| challenge.nonce.clone()),
            nonce_source: report.nonce_source.as_ref().map(|source| source.kind().into()),
            drawn_at_seconds: self.drawn_at_seconds,
            rule: challenge.map(|challenge| challenge.rule).unwrap_or_default(),
            pool: challenge.map(|challenge| challenge.pool().0),
            sampled: challenge.map_or(0, |challenge| challenge.count),
            agreed: report.sample_agreed(),
            accused: report.verdict == Verdict::Divergent,
            expected: report.expected.is_some(),
            covered,
            debts: left.iter().map(owed).chain(self.unreplayed(report)).collect(),
            divergences,
            alarms,
            pays: paid.chain(self.released.iter().cloned()).collect(),
            ..entry
        }
    }
}

/// Returns name and digest of the spec, if it can be read: a run that is not finished has
/// one, too.
fn spec(store: &dyn ReadRun, recording: Option<&Recording<'_>>) -> Option<(String, Digest)> {
    if let Some(recording) = recording {
        return Some((recording.spec.name.clone(), recording.history.spec));
    }
    let text = store.read(Object::Spec, SPEC_BYTES_MAX as u64).ok()?;
    let spec = Spec::parse(str::from_utf8(&text).ok()?).ok()?;
    Some((spec.name, Spec::digest_of_text(&text)))
}

/// A clock before 1970 is wrong, but no reason not to remember.
pub fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match { .. } => "match",
        Verdict::Divergent => "divergent",
        Verdict::Inconclusive => "inconclusive",
    }
}
