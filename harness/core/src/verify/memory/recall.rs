//! Whether a recording goes on from what earlier audits saw.
//!
//! A signature does not keep whoever holds the key from recording a run again
//! and signing that. What an audit saw once cannot be taken back, though: the
//! journal is chained, so everything that continues it has the same head after
//! the same number of frames.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::format::{Event, FrameReader, Object, ReadAt, ReadRun};
use crate::verify::advice::Advice;
use crate::verify::coverage::Coverage;
use crate::verify::date::date;
use crate::verify::debt::{Debt, segments};
use crate::verify::finding::{Finding, Place};
use crate::verify::proven::Open;
use crate::verify::recording::Recording;
use crate::verify::remembered::{Past, Remembered, Seen};

/// Holds what earlier audits say about a recording.
#[derive(Debug)]
pub struct Recall {
    /// What the journal holds now, for later audits. None if it cannot be read
    /// to its end, and before the first checkpoint: until then a recorder that
    /// was killed starts over.
    pub seen: Option<Seen>,
    /// The objection, if what an audit saw here is not how the journal begins.
    pub finding: Option<Finding>,
    /// What audits have proven against this very recording, and nobody has closed.
    pub open: Vec<Finding>,
    /// What is worth knowing of the audits before, and changes no verdict.
    pub notes: Vec<Finding>,
    /// Segments of this recording that were drawn and nobody has judged.
    pub debts: Vec<Debt>,
    /// How much the ledger knew.
    pub past: Past,
    /// What the audits before have covered of this very recording.
    pub coverage: Coverage,
}

/// Holds the heads of a journal after the numbers of frames that matter.
#[derive(Default)]
struct Heads {
    after: BTreeMap<u64, Digest>,
    /// The end; none if the journal cannot be read that far.
    end: Option<Seen>,
    has_checkpoint: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Continued,
    Contradicted,
    /// The journal cannot be read that far, which is a finding of its own.
    Unknown,
}

/// Compares a recording's journal with what earlier audits saw. `recording` is
/// the same one, if it could be opened.
pub fn recall(
    run: &dyn ReadRun,
    recording: Option<&Recording<'_>>,
    remembered: &[Remembered],
) -> Recall {
    let heads = Heads::of(run, recording, remembered);
    let judged: Vec<(&Remembered, Standing)> =
        remembered.iter().filter_map(|found| Some((found, heads.judge(found)?))).collect();
    let commitment = recording.map(|recording| recording.commitment);
    let same = |found: &Remembered, standing: Standing| {
        standing == Standing::Continued || (commitment.is_some() && found.commitment == commitment)
    };
    let of_this: Vec<&Remembered> =
        judged.iter().filter(|(found, how)| same(found, *how)).map(|(found, _)| *found).collect();
    let counted = judged.iter().filter(|(found, standing)| match standing {
        Standing::Continued => true,
        Standing::Unknown => found.here,
        Standing::Contradicted => false,
    });
    let (audits, unended): (Vec<&Remembered>, Vec<&Remembered>) =
        counted.map(|(found, _)| *found).partition(|found| found.ended);
    let coverage = recording.map(|recording| Coverage::of(recording, &of_this));
    let coverage = coverage.unwrap_or_default();
    let debts = debts_of(&of_this, recording);
    let past = Past {
        audits: audits.len() as u64,
        first_at_seconds: audits.iter().map(|found| found.audited_at_seconds).min(),
        samples: coverage.draws(),
        covered: coverage.covered().clone(),
        unended: unended.len() as u64,
        due: segments(debts.iter()),
        problem: None,
    };
    // Of a run that still trains only what is committed to counts: the rest may be lost yet.
    let so_far = recording.and_then(|recording| recording.so_far);
    let committed = so_far.map(|found| Seen { frames: found.frames, head: found.head });
    let seen = committed.or(heads.end.filter(|_| heads.has_checkpoint));
    let (open, notes) = (held(&of_this), notes(&judged, &of_this));
    Recall { seen, finding: heads.objection(&judged), open, notes, debts, past, coverage }
}

impl Recall {
    /// Returns everything that it has to say of the recording.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        self.finding.iter().chain(&self.open).chain(&self.notes).cloned()
    }
}

/// Returns what is due of this recording.
fn debts_of(of_this: &[&Remembered], recording: Option<&Recording<'_>>) -> Vec<Debt> {
    let total = recording.map_or(0, Recording::segment_count);
    let debts = of_this.iter().flat_map(|found| &found.debts);
    debts.filter(|debt| debt.segment < total).cloned().collect()
}

/// Returns what was proven and is open: each divergence once, as it was proven last.
fn held(of_this: &[&Remembered]) -> Vec<Finding> {
    let open = of_this.iter().flat_map(|found| {
        found.open.iter().map(|open| (&open.id, (found.audited_at_seconds, open)))
    });
    let mut last: BTreeMap<&String, (u64, &Open)> = BTreeMap::new();
    for (id, (at_seconds, open)) in open {
        let known = last.entry(id).or_insert((at_seconds, open));
        if known.0 <= at_seconds {
            *known = (at_seconds, open);
        }
    }
    let mut last: Vec<(u64, &Open)> = last.into_values().collect();
    last.sort_by_key(|(_, open)| (open.proven.step, open.proven.segment));
    last.into_iter().map(|(at_seconds, open)| open.finding(at_seconds)).collect()
}

/// Tells of accusations that are not held against what lies here now.
fn notes(judged: &[(&Remembered, Standing)], of_this: &[&Remembered]) -> Vec<Finding> {
    let newest = |found: &mut dyn Iterator<Item = &Remembered>| {
        found.filter(|found| found.accused).max_by_key(|found| found.audited_at_seconds).cloned()
    };
    let others = judged.iter().filter(|(found, how)| found.here && *how == Standing::Contradicted);
    let other = newest(&mut others.map(|(found, _)| *found)).map(|found| {
        let when = date(found.audited_at_seconds);
        format!("an audit of {when} found another recording here divergent; it was replaced since")
    });
    let unread = judged.iter().filter(|(found, how)| found.here && *how == Standing::Unknown);
    let known = of_this.iter().copied().filter(|found| found.open.is_empty());
    let own = newest(&mut unread.map(|(found, _)| *found).chain(known)).map(|found| {
        let reason = found.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let when = date(found.audited_at_seconds);
        format!("an audit of {when} called what lies here divergent{reason}")
    });
    let note = |problem: String| Finding::note(Place::object(Object::Journal), problem);
    other.into_iter().chain(own).map(note).collect()
}

impl Heads {
    fn of(run: &dyn ReadRun, recording: Option<&Recording<'_>>, remembered: &[Remembered]) -> Self {
        let seen = remembered.iter().filter_map(|found| found.seen);
        let wanted: BTreeSet<u64> = seen.map(|seen| seen.frames).collect();
        let whole = recording.filter(|recording| recording.so_far.is_none());
        if let Some(Recording { history, .. }) = whole {
            let end = Seen { frames: history.frames, head: history.head };
            // The examination has read it all; mostly its end is all that matters.
            if wanted.iter().all(|&frames| frames >= end.frames) {
                let has_checkpoint = !history.checkpoints.is_empty();
                let after = [(end.frames, end.head)].into();
                return Self { after, end: Some(end), has_checkpoint };
            }
        }
        let journal = run.open(Object::Journal);
        journal.map_or_else(|_| Self::default(), |source| Self::walk(source.as_ref(), &wanted))
    }

    /// Reads a journal as far as it can be read.
    fn walk(source: &dyn ReadAt, wanted: &BTreeSet<u64>) -> Self {
        let mut heads = Self::default();
        let Ok(mut reader) = FrameReader::open(source) else { return heads };
        while let Ok(next) = reader.next_frame() {
            let (frames, head) = (reader.frames(), reader.head());
            let Some(frame) = next else {
                heads.end = Some(Seen { frames, head });
                break;
            };
            heads.has_checkpoint |= matches!(frame.event, Event::Checkpoint { .. });
            if wanted.contains(&frames) {
                heads.after.insert(frames, head);
            }
        }
        heads
    }

    /// Says how the journal stands to an earlier audit; none if that audit has
    /// nothing to do with it.
    fn judge(&self, found: &Remembered) -> Option<Standing> {
        let Some(seen) = found.seen else { return found.here.then_some(Standing::Unknown) };
        Some(match self.after.get(&seen.frames) {
            Some(head) if *head == seen.head => Standing::Continued,
            Some(_) => Standing::Contradicted,
            None if self.end.is_some() => Standing::Contradicted,
            None => Standing::Unknown,
        })
    }

    /// Names the last audit that saw something else here.
    fn objection(&self, judged: &[(&Remembered, Standing)]) -> Option<Finding> {
        let binds = |found: &Remembered| found.here && !found.accused;
        let others = judged
            .iter()
            .filter(|(found, standing)| binds(found) && *standing == Standing::Contradicted);
        let mut others: Vec<&Remembered> = others.map(|(found, _)| *found).collect();
        others.sort_by_key(|found| found.audited_at_seconds);
        let last = others.pop()?;
        let (seen, when) = (last.seen?, date(last.audited_at_seconds));
        let more = match others.len() {
            0 => String::new(),
            1 => " (and 1 earlier audit saw such as well)".into(),
            more => format!(" (and {more} earlier audits saw such as well)"),
        };
        let Seen { frames, head } = seen;
        let then = last
            .lay_at
            .as_ref()
            .map_or(String::new(), |place| format!(" (this name led to {place} then)"));
        let problem = format!(
            "an audit of {when} saw {frames} frames here{then}, with the head {head}{more}; {}. So what \
             lies here is not a continuation of the recording that was audited: it was recorded \
             again, cut or replaced since. That does not say who did it, or why: the folder may \
             knowingly have been used for another run, or a link knowingly moved",
            self.instead(frames)
        );
        Some(Finding::divergent(Place::object(Object::Journal), problem).advise(Advice::Forget))
    }

    /// Says what is there now.
    fn instead(&self, frames: u64) -> String {
        match (self.after.get(&frames), self.end) {
            (Some(head), _) => format!("now the head after {frames} frames is {head}"),
            (None, Some(end)) => format!("now there are only {} frames", end.frames),
            (None, None) => "now it cannot be read that far".into(),
        }
    }
}
