//! Where the weights of a run come from.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Names the recording whose final model a run begins with: a fine-tuning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartSpec {
    /// Its folder, in the data folder.
    pub recording: String,
    /// Digest of its commitment, which an audit of it names.
    pub commitment: Digest,
}
