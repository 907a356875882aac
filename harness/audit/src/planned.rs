//! An audit in two halves: its segments are drawn now, and it is concluded when they are
//! replayed, wherever and whenever that is.
//!
//! The draw stands in the ledger from the first half on: who drops a plan and makes another
//! has not drawn anew, as what was drawn stays due.

use std::collections::BTreeSet;

use reenact_core::digest::Digest;
use reenact_core::format::{Object, ReadAt, ReadRun, SO_FAR_BYTES_MAX, SoFar, StoreError};
use reenact_core::in_memory::MemoryFile;
use reenact_core::state::StateRoot;
use reenact_core::verify::{
    Nonce, NonceSource, Recording, SegmentSet, open_committed, open_recording,
};
use reenact_store::open_run;
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::draw::{Choice, Drawn, Selection, fresh_nonce};
use crate::event::Observer;
use crate::failure::Failure;
use crate::prune::beside_pruned;
use crate::request::Request;
use crate::worker::Replay;

/// Holds an audit whose segments are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedAudit {
    /// Where the recording lies.
    pub run: String,
    /// Name of the run.
    pub name: String,
    /// Digest of its spec.
    pub spec: Digest,
    /// What was committed to when the plan was made: it keys the draw.
    pub commitment: Digest,
    /// The file that commits to what is recorded so far; none of a finished run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub so_far: Option<String>,
    /// Names the audit in the ledger.
    pub audit: String,
    /// When the segments were drawn, in seconds since 1970; none if nobody drew them.
    pub drawn_at_seconds: Option<u64>,
    /// Who chose them, and how.
    pub choice: Choice,
    /// By which nonce, and where it came from; none if nobody drew them.
    pub nonce: Option<Given>,
    /// What was covered then.
    #[serde(default, skip_serializing_if = "SegmentSet::is_empty")]
    pub covered: SegmentSet,
    /// What was pruned then, and cannot be replayed.
    #[serde(default, skip_serializing_if = "SegmentSet::is_empty")]
    pub pruned: SegmentSet,
    /// Numbers of the segments, ascending, with those that were due.
    pub segments: Vec<u64>,
    /// Steps of each of them.
    pub steps: Vec<u64>,
}

/// Holds a nonce and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The nonce.
    pub nonce: Nonce,
    /// Where it came from.
    pub source: NonceSource,
}

/// Draws the segments of an audit, and leaves in the ledger that it has begun.
///
/// # Errors
/// If the recording cannot be opened: an audit says what is wrong with it.
pub fn plan(request: &Request, observer: &dyn Observer) -> Result<PlannedAudit, Failure> {
    let store = open_run(&request.run)?;
    let store = store.as_ref();
    let run = request.run.to_str().ok_or_else(|| {
        Failure::usage(format!("{}: the path is no text", request.run.display()))
            .hint("other machines are told it: give the folder a name in UTF-8")
    })?;
    let mut memory = request.remembering.open(&request.run, request.at_seconds, observer)?;
    let as_of = request.so_far.then(|| AsOf::now(store)).transpose()?.flatten();
    let opened = match &as_of {
        Some(as_of) => open_committed(as_of),
        None => open_recording(store),
    };
    let recording = opened.map_err(|found| {
        Failure::inconclusive(format!("{run}: {found}"))
            .hint(format!("`reenact audit {run}` says what that means"))
    })?;
    memory.ask(store, Some(&recording))?;
    memory.witness(&recording);
    let pruned = pruned_of(&recording, &memory.pruned());
    memory.release(&pruned);
    let selection = &request.selection;
    let mut drawn = selection.draw(&recording, memory.covered(), &pruned, fresh_nonce)?;
    drawn.check(&pruned)?;
    drawn.owe(memory.debts());
    memory.begin(&drawn, &recording, false);
    let covered = drawn.challenge.as_ref().map(|challenge| challenge.covered.clone());
    let given = drawn.challenge.as_ref().zip(drawn.nonce_source.as_ref());
    let steps = |&index: &u64| {
        let segment = recording.segment(index);
        segment.step_end - segment.step_start
    };
    Ok(PlannedAudit {
        run: run.into(),
        name: recording.spec.name.clone(),
        spec: recording.history.spec,
        commitment: recording.commitment,
        so_far: as_of.as_ref().map(AsOf::text),
        audit: memory.key().into(),
        drawn_at_seconds: memory.drawn_at_seconds(),
        choice: request.selection.choice.clone(),
        nonce: given.map(|(challenge, source)| Given {
            nonce: challenge.nonce.clone(),
            source: source.clone(),
        }),
        covered: covered.unwrap_or_default(),
        pruned,
        steps: drawn.segments.iter().map(steps).collect(),
        segments: drawn.segments,
    })
}

/// Returns the segments beside states that the ledger's keeper has pruned.
fn pruned_of(recording: &Recording<'_>, roots: &BTreeSet<StateRoot>) -> SegmentSet {
    let segments = (0..recording.segment_count()).map(|index| recording.segment(index));
    beside_pruned(recording.run, &recording.history, roots, segments)
}

impl PlannedAudit {
    /// Returns what is to be replayed.
    pub fn tasks(&self, device: &Device) -> impl Iterator<Item = Replay> {
        let so_far = self.so_far.as_ref().and_then(|file| {
            let (text, _) = SoFar::parts(file.as_bytes());
            String::from_utf8(text.to_vec()).ok()
        });
        self.segments.iter().map(move |&segment| Replay {
            run: self.run.clone().into(),
            commitment: self.commitment,
            so_far: so_far.clone(),
            segment,
            device: device.clone(),
            free_kernels: false,
            within: None,
            kernels: None,
            attack: None,
        })
    }

    /// Repeats the draw. Where no ledger knows of it, whoever gives the plan gives the nonce.
    pub(crate) fn selection(&self, is_known: bool) -> Selection {
        let nonce = self.nonce.as_ref().map(|given| {
            let source = match is_known {
                true => given.source.clone(),
                false => NonceSource::Given,
            };
            (given.nonce.clone(), source)
        });
        Selection { choice: self.choice.clone(), nonce, covered: Some(self.covered.clone()) }
    }

    /// Checks that this is still the recording that the plan was made for.
    pub(crate) fn check(&self, recording: &Recording<'_>) -> Result<(), Failure> {
        if recording.commitment == self.commitment {
            return Ok(());
        }
        let problem = format!(
            "{}: the plan was made for commitment {}, and {} is there now",
            self.run,
            self.commitment.short(),
            recording.commitment.short()
        );
        Err(Failure::inconclusive(problem).hint(
            "`reenact audit` says whether that is a fault of the recording; what the plan drew \
             stays due in the ledger",
        ))
    }

    /// Takes the segments that were drawn then, with those that were due then.
    pub(crate) fn take(&self, drawn: &mut Drawn) -> Result<(), Failure> {
        let is_there = |segment: &u64| self.segments.binary_search(segment).is_ok();
        let drawn_again = match &drawn.challenge {
            Some(challenge) => challenge.draw(),
            None => drawn.segments.clone(),
        };
        if !self.segments.is_sorted() || !drawn_again.iter().all(is_there) {
            let problem = format!("{}: its nonce draws other segments than it holds", self.run);
            return Err(Failure::usage(problem).hint("make a new plan: this one was altered"));
        }
        drawn.segments.clone_from(&self.segments);
        Ok(())
    }

    /// Shows a run that still trains as it was when the plan was made.
    pub(crate) fn as_of<'a>(&self, run: &'a dyn ReadRun) -> Option<AsOf<'a>> {
        let so_far = self.so_far.clone()?.into_bytes();
        Some(AsOf { run, so_far })
    }
}

/// Shows a recording as far as it is committed to by a file that may have been replaced since.
pub(crate) struct AsOf<'a> {
    run: &'a dyn ReadRun,
    so_far: Vec<u8>,
}

impl<'a> AsOf<'a> {
    /// Takes what is committed to now; none of a run that is finished.
    fn now(run: &'a dyn ReadRun) -> Result<Option<Self>, Failure> {
        if run.open(Object::Commitment).is_ok() {
            return Ok(None);
        }
        match run.read(Object::SoFar, SO_FAR_BYTES_MAX) {
            Ok(so_far) => Ok(Some(Self { run, so_far })),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.so_far).into_owned()
    }
}

impl ReadRun for AsOf<'_> {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        match object {
            Object::Commitment | Object::Signature => Err(StoreError::Missing { object }),
            Object::SoFar => Ok(Box::new(MemoryFile::new(self.so_far.clone()))),
            object => self.run.open(object),
        }
    }

    fn place(&self) -> String {
        self.run.place()
    }
}
