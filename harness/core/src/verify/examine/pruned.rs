//! Checkpoints that an auditor has pruned, told from those that somebody withholds.
//!
//! What is missing is withheld, unless a tombstone lies there that fits it and is signed by a
//! key that whoever audits trusts for that. The key that vouches for the recording is never
//! one: else whoever trained could withhold a state by calling it pruned.

use std::collections::BTreeMap;

use crate::format::{
    Object, PRUNE_NAMESPACE, PublicKey, Signature, TOMBSTONE_BYTES_MAX, Tombstone,
};
use crate::state::StateRoot;
use crate::verify::date::date;
use crate::verify::examination::Examination;
use crate::verify::finding::{Finding, Place, Weight};
use crate::verify::recording::{Recording, Segment};
use crate::verify::segment_set::SegmentSet;

/// Holds a tombstone that fits what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// What it says.
    pub tombstone: Tombstone,
    /// Who signed it.
    pub key: PublicKey,
}

impl Examination<'_> {
    /// Takes missing checkpoints for pruned where `trusts` says so of their tombstones. What
    /// else is missing stays withheld.
    pub fn excuse(&mut self, trusts: &dyn Fn(&Pruned) -> bool) {
        let Some(recording) = &self.recording else { return };
        let (signed_by, mut pruned) = (self.signed_by(), BTreeMap::new());
        for (&step, &root) in &recording.history.checkpoints {
            let place = Place::object_at(Object::Checkpoint(root), step);
            let is_missing =
                |found: &Finding| found.place == place && found.weight == Weight::Divergent;
            let Some(at) = self.findings.iter().position(is_missing) else { continue };
            // Only what is not there at all can have been pruned.
            if recording.run.open(Object::Checkpoint(root)).is_ok() {
                continue;
            }
            let Some(found) = read(recording, step, root) else { continue };
            if Some(found.key) != signed_by && trusts(&found) {
                self.findings.remove(at);
                pruned.insert(step, found);
            } else {
                self.findings[at].problem += &format!(
                    "; {:?} says that it has pruned it, and that key is not trusted for it",
                    found.key
                );
            }
        }
        self.findings.extend(note(recording, &pruned));
        self.pruned = pruned;
    }

    /// Returns the segments that cannot be replayed any more, as a state beside them was pruned.
    pub fn unreplayable(&self) -> SegmentSet {
        let Some(recording) = &self.recording else { return SegmentSet::default() };
        let is_gone = |segment: &Segment| {
            [segment.step_start, segment.step_end].iter().any(|step| self.pruned.contains_key(step))
        };
        let segments = (0..recording.segment_count()).map(|index| recording.segment(index));
        segments.filter(is_gone).map(|segment| segment.index).collect()
    }
}

/// Reads the tombstone of a checkpoint, if there is one that fits.
fn read(recording: &Recording<'_>, step: u64, root: StateRoot) -> Option<Pruned> {
    let file = recording.run.read(Object::Pruned(root), TOMBSTONE_BYTES_MAX).ok()?;
    let (text, signature) = Tombstone::parts(&file);
    let tombstone = Tombstone::parse(text).ok()?;
    let key = Signature::verify_in(PRUNE_NAMESPACE, signature, text).ok()?.key();
    let fits = tombstone.root == root
        && tombstone.step == step
        && tombstone.spec == recording.history.spec
        && tombstone.commitment == recording.commitment;
    fits.then_some(Pruned { tombstone, key })
}

fn note(recording: &Recording<'_>, pruned: &BTreeMap<u64, Pruned>) -> Option<Finding> {
    let (_, last) = pruned.iter().max_by_key(|(_, found)| found.tombstone.at_seconds)?;
    let (count, all) = (pruned.len(), recording.history.checkpoints.len());
    let problem = format!(
        "{count} of {all} checkpoints were pruned, last on {} by {:?}, after audits had covered the \
         segments beside them: these cannot be replayed again",
        date(last.tombstone.at_seconds),
        last.key
    );
    Some(Finding::note(Place::object(Object::Journal), problem))
}
