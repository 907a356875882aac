//! A recording in a place of objects: each created once, and large ones in parts.
//!
//! ```text
//! RUN/
//!   spec.toml
//!   journal/00000000 ...              pieces, each up to a boundary
//!   checkpoints/<root>/00000000 ...   parts of a state, together the file of a folder
//!   so-far/<step>                     what commits to the run as it was at that boundary
//!   commitment.sig, commitment        in this order
//! ```
//!
//! Whoever puts a recording there needs no right to replace or to delete anything.

use std::io;

use reenact_core::format::{
    COMMITMENT_BYTES_MAX, Object, ReadAt, ReadRun, SIGNATURE_BYTES_MAX, SO_FAR_BYTES_MAX,
    StoreError, TOMBSTONE_BYTES_MAX,
};
use reenact_core::in_memory::MemoryFile;
use reenact_core::spec::SPEC_BYTES_MAX;
use reenact_core::state::StateRoot;

use crate::blocks::Blocks;
use crate::objects::{Listed, Objects, ObjectsError, open_objects};

/// Limits the parts of one object, and the boundaries of a run.
pub(crate) const PARTS_MAX: usize = 200_000;
/// Folder of what commits to a run that still trains.
pub(crate) const SO_FAR: &str = "so-far/";

/// Reads a recording from objects.
pub struct Bucket {
    objects: std::sync::Arc<dyn Objects>,
}

impl Bucket {
    /// Opens the recording at a place: `s3://BUCKET/PREFIX/RUN`.
    ///
    /// # Errors
    /// [`StoreError::NoRecording`] if there is none.
    pub fn open(place: &str) -> Result<Self, StoreError> {
        let objects = open_objects(place).map_err(|error| StoreError::NoRecording {
            path: place.into(),
            problem: error.to_string(),
        })?;
        Self::of(objects)
    }

    /// Opens the recording that these objects are.
    pub fn of(objects: Box<dyn Objects>) -> Result<Self, StoreError> {
        let bucket = Self { objects: objects.into() };
        let path = bucket.place();
        let unreadable = |problem: ObjectsError| StoreError::Unreadable {
            path: path.clone(),
            problem: io::Error::other(problem.to_string()),
        };
        for name in [Object::Commitment.to_string(), "journal/00000000".into()] {
            if bucket.objects.byte_len(&name).map_err(unreadable)?.is_some() {
                return Ok(bucket);
            }
        }
        Err(StoreError::NoRecording { path, problem: "it holds no journal".into() })
    }

    /// Reads an object that is one, and small.
    fn small(&self, object: Object, name: &str, limit: u64) -> Result<Box<dyn ReadAt>, StoreError> {
        match self.objects.read(name, limit) {
            Ok(Some(bytes)) => Ok(Box::new(MemoryFile::new(bytes))),
            Ok(None) => Err(StoreError::Missing { object }),
            Err(error) => Err(refused(object, error)),
        }
    }

    /// Opens an object that lies in parts, which are numbered without a gap.
    fn parts(&self, object: Object, folder: &str) -> Result<Box<dyn ReadAt>, StoreError> {
        let listed = self.objects.list(folder, PARTS_MAX);
        let parts = numbered(folder, listed.map_err(|error| refused(object, error))?);
        if parts.is_empty() {
            return Err(StoreError::Missing { object });
        }
        Ok(Box::new(Blocks::new(self.objects.clone(), object, parts)))
    }

    fn so_far(&self) -> Result<Box<dyn ReadAt>, StoreError> {
        let object = Object::SoFar;
        let listed = self.objects.list(SO_FAR, PARTS_MAX);
        let listed = listed.map_err(|error| refused(object, error))?;
        let last = listed.last().ok_or(StoreError::Missing { object })?;
        self.small(object, &last.name, SO_FAR_BYTES_MAX)
    }
}

/// Takes parts as far as none is missing. Others than those can be no part of the object.
pub(crate) fn numbered(folder: &str, listed: Vec<Listed>) -> Vec<Listed> {
    let expected = |number: usize| part_of(folder, number);
    let in_order = listed.into_iter().enumerate();
    in_order.map_while(|(number, part)| (part.name == expected(number)).then_some(part)).collect()
}

/// Names a part.
pub(crate) fn part_of(folder: &str, number: usize) -> String {
    format!("{folder}{number:08}")
}

/// Returns the folder of the parts of a checkpoint.
pub(crate) fn folder_of(root: StateRoot) -> String {
    format!("checkpoints/{root}/")
}

pub(crate) fn refused(object: Object, error: ObjectsError) -> StoreError {
    match error {
        ObjectsError::Missing { .. } => StoreError::Missing { object },
        ObjectsError::TooLarge { bytes, limit, .. } => {
            StoreError::TooLarge { object, bytes, limit }
        }
        ObjectsError::Io { problem, .. } => StoreError::Io { object, problem },
        error => StoreError::Io { object, problem: io::Error::other(error.to_string()) },
    }
}

impl ReadRun for Bucket {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        let name = object.to_string();
        match object {
            Object::Journal => self.parts(object, "journal/"),
            Object::Checkpoint(root) => self.parts(object, &folder_of(root)),
            Object::SoFar => self.so_far(),
            Object::Spec => self.small(object, &name, SPEC_BYTES_MAX as u64),
            Object::Commitment => self.small(object, &name, COMMITMENT_BYTES_MAX),
            Object::Pruned(_) => self.small(object, &name, TOMBSTONE_BYTES_MAX),
            Object::Signature => self.small(object, &name, SIGNATURE_BYTES_MAX),
            // They are the recorder's own, and stay with it.
            Object::ResumePoint | Object::ResumeState => Err(StoreError::Missing { object }),
        }
    }

    fn place(&self) -> String {
        self.objects.place()
    }

    fn is_far(&self) -> bool {
        true
    }
}
