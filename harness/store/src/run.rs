//! Opening a recording, wherever it lies.

use std::path::Path;

use reenact_core::format::{ReadRun, StoreError};

use crate::bucket::Bucket;
use crate::directory::Directory;
use crate::objects::is_bucket;

/// Opens a recording to read it: in a folder, or at `s3://BUCKET/PREFIX/RUN`.
pub fn open_run(place: &Path) -> Result<Box<dyn ReadRun>, StoreError> {
    match place.to_str().filter(|place| is_bucket(place)) {
        Some(place) => Ok(Box::new(Bucket::open(place)?)),
        None => Ok(Box::new(Directory::open(place)?)),
    }
}
