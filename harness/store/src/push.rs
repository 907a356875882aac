//! Bringing a recording from a folder to where objects are, behind the training.
//!
//! Everything that a commitment names is there before the commitment is: whoever reads there
//! meanwhile finds a recording that is whole as far as it says.

use std::collections::BTreeSet;

use reenact_core::format::{
    COMMITMENT_BYTES_MAX, Commitment, History, HistoryError, Object, ReadAt, ReadRun,
    SIGNATURE_BYTES_MAX, SO_FAR_BYTES_MAX, SoFar, StoreError,
};
use reenact_core::spec::SPEC_BYTES_MAX;
use reenact_core::state::StateRoot;

use crate::bucket::{PARTS_MAX, SO_FAR, folder_of, numbered, part_of};
use crate::objects::{Creation, Listed, Objects, ObjectsError};

/// What is put at once; a server takes up to 5 GiB.
const PART_BYTES: u64 = 64 << 20;

/// Brings one recording to one place.
pub struct Push<'a> {
    from: &'a dyn ReadRun,
    into: &'a dyn Objects,
    /// States that are there.
    there: BTreeSet<StateRoot>,
    /// Frames of the journal that are committed to there.
    frames: u64,
}

/// Says how far a recording has come there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// All that is committed to here, of a run that still trains.
    SoFar,
    /// All of it.
    Whole,
}

/// Says why it has not come further.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The recording cannot be read here.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its journal cannot be read here.
    #[error("journal: {0}")]
    Journal(#[from] HistoryError),
    /// The place is in trouble: another try may do better.
    #[error(transparent)]
    Place(#[from] ObjectsError),
    /// Something else lies there.
    #[error("{place}: {name} is there already and is another one: push into a place of its own")]
    Other {
        /// Where.
        place: String,
        /// The object.
        name: String,
    },
    /// What is committed to here is none.
    #[error("{object}: {problem}")]
    Commitment {
        /// The file.
        object: Object,
        /// What is wrong with it.
        problem: String,
    },
}

impl<'a> Push<'a> {
    /// Begins to bring a recording to a place.
    pub fn new(from: &'a dyn ReadRun, into: &'a dyn Objects) -> Self {
        Self { from, into, there: BTreeSet::new(), frames: 0 }
    }

    /// Brings what is committed to and is not there yet.
    pub fn push(&mut self) -> Result<Pushed, PushError> {
        let spec = self.from.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
        self.create("spec.toml", &spec)?;
        match self.from.read(Object::Commitment, COMMITMENT_BYTES_MAX) {
            Ok(text) => self.whole(&text),
            Err(StoreError::Missing { .. }) => self.so_far(),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings what is committed to so far. The commitment to all of it is left to
    /// [`Push::push`], as it may still be signed.
    pub fn push_so_far(&mut self) -> Result<(), PushError> {
        let spec = self.from.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
        self.create("spec.toml", &spec)?;
        self.so_far().map(drop)
    }

    fn so_far(&mut self) -> Result<Pushed, PushError> {
        let object = Object::SoFar;
        let file = match self.from.read(object, SO_FAR_BYTES_MAX) {
            Ok(file) => file,
            Err(StoreError::Missing { .. }) => return Ok(Pushed::SoFar),
            Err(error) => return Err(error.into()),
        };
        let so_far = SoFar::parse(SoFar::parts(&file).0);
        let so_far =
            so_far.map_err(|error| PushError::Commitment { object, problem: error.to_string() })?;
        if so_far.frames > self.frames {
            self.up_to(so_far.frames)?;
            self.create(&format!("{SO_FAR}{:012}", so_far.step), &file)?;
            self.frames = so_far.frames;
        }
        Ok(Pushed::SoFar)
    }

    fn whole(&mut self, text: &[u8]) -> Result<Pushed, PushError> {
        let object = Object::Commitment;
        let commitment = Commitment::parse(text);
        let commitment = commitment
            .map_err(|error| PushError::Commitment { object, problem: error.to_string() })?;
        self.up_to(commitment.frames)?;
        match self.from.read(Object::Signature, SIGNATURE_BYTES_MAX) {
            Ok(signature) => self.create(&Object::Signature.to_string(), &signature)?,
            Err(StoreError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.create(&object.to_string(), text)?;
        Ok(Pushed::Whole)
    }

    /// Brings the journal's first frames, and every state that they name.
    fn up_to(&mut self, frames: u64) -> Result<(), PushError> {
        let history = History::read_until(self.from.open(Object::Journal)?, frames)?;
        for &root in history.checkpoints.values() {
            if !self.there.contains(&root) {
                self.state(root)?;
                self.there.insert(root);
            }
        }
        let listed = numbered("journal/", self.into.list("journal/", PARTS_MAX)?);
        let there: u64 = listed.iter().map(|part| part.bytes).sum();
        let journal = self.from.open(Object::Journal)?;
        if self.frames == 0 {
            self.check(&listed, journal.as_ref())?;
        }
        if there < history.whole_bytes {
            let (number, end) = (listed.len(), history.whole_bytes);
            self.parts("journal/", journal.as_ref(), number, there, end)?;
        }
        Ok(())
    }

    /// Brings a state, from the first part on that is not there. A part is there whole or not at
    /// all, and its place is named by what the state holds.
    fn state(&self, root: StateRoot) -> Result<(), PushError> {
        let folder = folder_of(root);
        let source = self.from.open(Object::Checkpoint(root))?;
        let listed = numbered(&folder, self.into.list(&folder, PARTS_MAX)?);
        let whole = listed.iter().take_while(|part| part.bytes == PART_BYTES).count();
        let there: u64 = listed.iter().map(|part| part.bytes).sum();
        match there == source.byte_len() && whole + 1 >= listed.len() {
            true => Ok(()),
            false => {
                let start = whole as u64 * PART_BYTES;
                self.parts(&folder, source.as_ref(), whole, start, source.byte_len())
            }
        }
    }

    /// Checks that the pieces there are of this very journal: two recordings mixed would be none.
    fn check(&self, listed: &[Listed], journal: &dyn ReadAt) -> Result<(), PushError> {
        let mut start = 0_u64;
        for part in listed {
            let end = start.saturating_add(part.bytes);
            let mut here = vec![0; part.bytes.min(PART_BYTES) as usize];
            let fits = end <= journal.byte_len() && part.bytes <= PART_BYTES;
            if fits {
                journal.read_exact_at(start, &mut here)?;
            }
            if !fits || self.into.read(&part.name, PART_BYTES)?.as_ref() != Some(&here) {
                return Err(self.other(&part.name));
            }
            start = end;
        }
        Ok(())
    }

    fn other(&self, name: &str) -> PushError {
        PushError::Other { place: self.into.place(), name: name.into() }
    }

    /// Brings a range of an object, in parts from this number on.
    fn parts(
        &self,
        folder: &str,
        source: &dyn ReadAt,
        first: usize,
        start: u64,
        end: u64,
    ) -> Result<(), PushError> {
        let (mut offset, mut number) = (start, first);
        while offset < end {
            let mut bytes = vec![0; PART_BYTES.min(end - offset) as usize];
            source.read_exact_at(offset, &mut bytes)?;
            self.create(&part_of(folder, number), &bytes)?;
            (offset, number) = (offset + bytes.len() as u64, number + 1);
        }
        Ok(())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), PushError> {
        match self.into.create(name, bytes)? {
            Creation::New | Creation::Same => Ok(()),
            Creation::Other => Err(self.other(name)),
        }
    }
}

impl PushError {
    /// Says whether another try may do better.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Place(ObjectsError::Io { .. }))
    }
}
