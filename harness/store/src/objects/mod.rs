//! Places that hold objects under names: a folder, memory, a bucket.
//!
//! An object is created once and then stays as it is. Whoever creates it again with the same
//! content has done no harm; with other content nothing is changed, and that is said. So two
//! processes that do the same work, and one that was killed and does it again, need no lock.

mod folder;
mod memory;
mod name;
#[cfg(feature = "s3")]
mod s3;

pub use folder::Folder;
pub use memory::Memory;
pub use name::{NAME_BYTES_MAX, check as check_name};
#[cfg(feature = "s3")]
pub use s3::S3;

/// Holds objects under names.
pub trait Objects: Send + Sync {
    /// Creates an object, whole or not at all. What lies there already stays.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, ObjectsError>;

    /// Writes a small object that is meant to change, in the place of what lies there.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ObjectsError>;

    /// Returns the size of an object in bytes; none if it is not there.
    fn byte_len(&self, name: &str) -> Result<Option<u64>, ObjectsError>;

    /// Fills `buffer` from `offset` on. An object that ends before is an error.
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ObjectsError>;

    /// Returns a whole object of at most `limit` bytes; none if it is not there.
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ObjectsError> {
        let Some(bytes) = self.byte_len(name)? else { return Ok(None) };
        if bytes > limit {
            return Err(ObjectsError::TooLarge { name: name.into(), bytes, limit });
        }
        let mut content = vec![0; bytes as usize];
        self.read_at(name, 0, &mut content)?;
        Ok(Some(content))
    }

    /// Returns what has a name that begins with `prefix`, which is empty or ends with `/`, by
    /// name. More than `limit` are an error: nobody is made to list without end.
    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, ObjectsError>;

    /// Removes an object, if it is there.
    fn remove(&self, name: &str) -> Result<(), ObjectsError>;

    /// Returns where this is, for messages.
    fn place(&self) -> String;
}

/// Names an object that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// Says what became of an object that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is there now.
    New,
    /// The same content was there already.
    Same,
    /// Other content is there, and stays.
    Other,
}

/// Says why a place did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// No object can have this name.
    #[error("`{name}` names no object: {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no such place.
    #[error("{place}: {problem}")]
    Place {
        /// Where.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The object is not there.
    #[error("{name} is not there")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It is larger than what is read.
    #[error("{name} has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its name.
        name: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// More names begin so than are listed.
    #[error("{prefix}: there are more than {limit} objects, and no more are listed")]
    TooMany {
        /// How they begin.
        prefix: String,
        /// The limit.
        limit: usize,
    },
    /// The place is in trouble.
    #[error("{name}: {problem}")]
    Io {
        /// The object.
        name: String,
        /// What it said.
        problem: std::io::Error,
    },
}

/// Says whether a place is a bucket, and no folder.
pub fn is_bucket(place: &str) -> bool {
    place.starts_with("s3://")
}

/// Opens a place: `s3://BUCKET/PREFIX`, or a folder, which is made if it is not there.
pub fn open_objects(place: &str) -> Result<Box<dyn Objects>, ObjectsError> {
    match is_bucket(place) {
        true => open_bucket(place),
        false => Ok(Box::new(Folder::open(std::path::Path::new(place))?)),
    }
}

#[cfg(feature = "s3")]
fn open_bucket(place: &str) -> Result<Box<dyn Objects>, ObjectsError> {
    Ok(Box::new(S3::open(place)?))
}

#[cfg(not(feature = "s3"))]
fn open_bucket(place: &str) -> Result<Box<dyn Objects>, ObjectsError> {
    let problem = "this build has no S3; build it with `--features s3`".into();
    Err(ObjectsError::Place { place: place.into(), problem })
}
