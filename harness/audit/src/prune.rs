//! Removing states that audits have covered, by whoever audits.
//!
//! In two phases: a first call marks what could go, and a later one, after a delay, removes what
//! is still marked and still may. A tombstone is on the disk before the state is gone.

use std::collections::BTreeSet;
use std::path::Path;

use reenact_core::format::{COMMITMENT_BYTES_MAX, TOMBSTONE_AUDITS_MAX};
use reenact_core::format::{
    History, Object, ReadRun, SIGNATURE_BYTES_MAX, SecretKey, Signature, Tombstone,
};
use reenact_core::state::StateRoot;
use reenact_core::verify::{Recording, Segment, SegmentSet, open_recording};
use reenact_store::{Directory, Ledger, open_run};
use serde::{Deserialize, Serialize};

use crate::event::Silent;
use crate::failure::Failure;
use crate::place::names;
use crate::remembering::{Remembering, now_seconds};

/// Kinds of facts in the ledger.
const MARKED: &str = "prune-marked";
const PRUNED: &str = "pruned";

/// Says which checkpoints stay, whatever is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last so many.
    Last(u64),
    /// Each so manyth.
    Every(u64),
}

/// Names a recording and says what may go.
pub struct PruneRequest<'a> {
    /// Folder of the recording.
    pub run: &'a Path,
    /// What stays; the first and the last checkpoint always do.
    pub keep: &'a [Keep],
    /// The auditor's key, which signs tombstones.
    pub key: &'a SecretKey,
    /// The ledger, which knows what is covered.
    pub ledger: &'a Path,
    /// How long what was marked stays, in seconds.
    pub delay_seconds: u64,
    /// Whether nothing is marked nor removed.
    pub dry_run: bool,
}

/// Says what was done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Pruning {
    /// Steps of checkpoints that were removed.
    pub removed: Vec<u64>,
    /// Bytes that are free now.
    pub bytes: u64,
    /// Steps of checkpoints that are marked, and go later.
    pub marked: Vec<u64>,
    /// When they go at the earliest, in seconds since 1970.
    pub not_before_seconds: Option<u64>,
    /// Steps of checkpoints that are needed yet, as a segment beside them is not covered.
    pub needed: Vec<u64>,
}

/// Marks kept in the ledger.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Marks {
    at_seconds: u64,
    roots: Vec<StateRoot>,
}

/// Marks what may go, or removes what was marked long enough ago.
pub fn prune(request: &PruneRequest<'_>) -> Result<Pruning, Failure> {
    let store = Directory::open(request.run)?;
    refuse_trainer(&store, request.key)?;
    let recording = open_recording(&store).map_err(|found| {
        Failure::inconclusive(format!("{}: {found}", request.run.display()))
            .hint("only what is finished is pruned; `reenact audit` says what is wrong with it")
    })?;
    let mut memory = Remembering::in_file(request.ledger).open(request.run, None, &Silent)?;
    memory.ask(&store, Some(&recording))?;
    let recall = memory.recall();
    let accused = recall.is_some_and(|found| found.finding.is_some() || !found.open.is_empty());
    if accused {
        let problem = format!("{}: an incident is open", request.run.display());
        return Err(
            Failure::inconclusive(problem).hint("evidence is not pruned: close the incident first")
        );
    }
    let due: BTreeSet<u64> = memory.debts().iter().map(|debt| debt.segment).collect();
    let covered = memory.covered().clone();
    let (free, needed) = candidates(&recording, request.keep, &covered, &due);
    let mut ledger = Ledger::open(request.ledger)?;
    let place = names(request.run).pop().unwrap_or_default();
    let audits = audits(&ledger, request.run)?;
    let work = Work { request, recording: &recording, place: &place, audits };
    let mut pruning = work.prune(&mut ledger, &free)?;
    pruning.needed = needed;
    Ok(pruning)
}

/// The roots that were pruned of the run with these names, as the ledger remembers.
pub(crate) fn pruned_roots(ledger: &Ledger, names: &[String]) -> BTreeSet<StateRoot> {
    let known = names.iter().filter_map(|name| ledger.kept_as::<Vec<StateRoot>>(PRUNED, name).ok());
    known.flatten().flatten().collect()
}

/// Returns how many checkpoints of the run at a place were pruned.
pub fn pruned_count(ledger: &Ledger, place: &str) -> usize {
    pruned_roots(ledger, &[place.to_owned()]).len()
}

/// Returns the segments of the run at a place beside checkpoints that were pruned: nobody can
/// replay them again. A run that cannot be read has none; its audit says why.
pub fn pruned_segments(
    ledger: &Ledger,
    place: &str,
    checkpoint_every: u64,
    steps: u64,
) -> SegmentSet {
    let roots = pruned_roots(ledger, &[place.to_owned()]);
    if roots.is_empty() || checkpoint_every == 0 {
        return SegmentSet::default();
    }
    let Some(run) = open_run(Path::new(place)).ok() else { return SegmentSet::default() };
    let history = run.open(Object::Journal).ok().and_then(|journal| History::read(journal).ok());
    let Some(history) = history else { return SegmentSet::default() };
    let segment = |index: u64| Segment {
        index,
        step_start: index * checkpoint_every,
        step_end: steps.min((index + 1) * checkpoint_every),
    };
    let segments = (0..steps.div_ceil(checkpoint_every)).map(segment);
    beside_pruned(run.as_ref(), &history, &roots, segments)
}

/// Returns which of these segments begin or end with a checkpoint that was pruned and is gone.
pub(crate) fn beside_pruned(
    run: &dyn ReadRun,
    history: &History,
    roots: &BTreeSet<StateRoot>,
    segments: impl Iterator<Item = Segment>,
) -> SegmentSet {
    let is_gone = |step: u64| {
        let root = history.checkpoints.get(&step).filter(|root| roots.contains(root));
        root.is_some_and(|&root| run.open(Object::Checkpoint(root)).is_err())
    };
    let gone = segments.filter(|segment| is_gone(segment.step_start) || is_gone(segment.step_end));
    gone.map(|segment| segment.index).collect()
}

/// Whoever vouches for a recording does not prune it.
fn refuse_trainer(store: &Directory, key: &SecretKey) -> Result<(), Failure> {
    let Ok(commitment) = store.read(Object::Commitment, COMMITMENT_BYTES_MAX) else {
        return Ok(());
    };
    let Ok(text) = store.read(Object::Signature, SIGNATURE_BYTES_MAX) else { return Ok(()) };
    match Signature::verify(&text, &commitment) {
        Ok(signature) if signature.key() == key.public() => {
            let problem = "the key vouches for this recording, and whoever does may not prune it";
            Err(Failure::usage(problem).hint("prune with a key of the auditor's"))
        }
        _ => Ok(()),
    }
}

/// Returns the steps of checkpoints that may go, and of those that are needed yet.
fn candidates(
    recording: &Recording<'_>,
    keep: &[Keep],
    covered: &SegmentSet,
    due: &BTreeSet<u64>,
) -> (Vec<u64>, Vec<u64>) {
    let steps: Vec<u64> = recording.history.checkpoints.keys().copied().collect();
    let count = steps.len() as u64;
    let (mut free, mut needed) = (Vec::new(), Vec::new());
    for (number, &step) in steps.iter().enumerate() {
        let number = number as u64;
        let is_kept = |rule: &Keep| match *rule {
            Keep::Last(last) => number + last >= count,
            Keep::Every(each) => number.is_multiple_of(each.max(1)),
        };
        if number == 0 || number + 1 == count || keep.iter().any(is_kept) {
            continue;
        }
        let beside = [number - 1, number];
        let is_done = |segment: &u64| covered.contains(*segment) && !due.contains(segment);
        if beside.iter().all(is_done) { free.push(step) } else { needed.push(step) }
    }
    (free, needed)
}

/// Returns the audits that covered segments of the run, the last ones.
fn audits(ledger: &Ledger, run: &Path) -> Result<Vec<String>, Failure> {
    let entries = ledger.of_place(&names(run))?;
    let covering = entries.iter().filter(|entry| !entry.covered.is_empty());
    let mut audits: Vec<String> = covering.map(|entry| entry.key.clone()).collect();
    Ok(audits.split_off(audits.len().saturating_sub(TOMBSTONE_AUDITS_MAX)))
}

struct Work<'a> {
    request: &'a PruneRequest<'a>,
    recording: &'a Recording<'a>,
    place: &'a str,
    audits: Vec<String>,
}

impl Work<'_> {
    fn prune(&self, ledger: &mut Ledger, free: &[u64]) -> Result<Pruning, Failure> {
        let now = now_seconds();
        let marks: Marks = ledger.kept_as(MARKED, self.place)?.unwrap_or_default();
        let ripe = now.saturating_sub(marks.at_seconds) >= self.request.delay_seconds;
        let mut pruning = Pruning::default();
        // What an earlier call has removed has nothing to be marked for.
        let there = |step: &&u64| {
            let object = Object::Checkpoint(self.root(**step));
            self.recording.run.open(object).is_ok()
        };
        for &step in free.iter().filter(there) {
            match ripe && marks.roots.contains(&self.root(step)) {
                true if self.request.dry_run => pruning.removed.push(step),
                true => {
                    pruning.bytes += self.remove(ledger, step, now)?;
                    pruning.removed.push(step);
                }
                false => pruning.marked.push(step),
            }
        }
        let roots: Vec<StateRoot> = pruning.marked.iter().map(|&step| self.root(step)).collect();
        let before = roots.iter().all(|root| marks.roots.contains(root)) && !roots.is_empty();
        let at_seconds = if before { marks.at_seconds } else { now };
        if !roots.is_empty() {
            pruning.not_before_seconds = Some(at_seconds + self.request.delay_seconds);
        }
        if !self.request.dry_run {
            ledger.keep(MARKED, self.place, &Marks { at_seconds, roots })?;
        }
        Ok(pruning)
    }

    fn root(&self, step: u64) -> StateRoot {
        self.recording.history.checkpoints.get(&step).copied().unwrap_or_default()
    }

    /// The ledger remembers it first, then the tombstone is there, then the state is gone:
    /// whoever is killed in between has lost nothing, and goes on the next time.
    fn remove(&self, ledger: &mut Ledger, step: u64, now: u64) -> Result<u64, Failure> {
        let root = self.root(step);
        let mut known: Vec<StateRoot> = ledger.kept_as(PRUNED, self.place)?.unwrap_or_default();
        if !known.contains(&root) {
            known.push(root);
            ledger.keep(PRUNED, self.place, &known)?;
        }
        let tombstone = Tombstone {
            spec: self.recording.history.spec,
            commitment: self.recording.commitment,
            root,
            step,
            at_seconds: now,
            audits: self.audits.clone(),
        };
        let file = tombstone.file(self.request.key);
        Ok(reenact_store::prune(self.request.run, root, file.as_bytes())?)
    }
}
