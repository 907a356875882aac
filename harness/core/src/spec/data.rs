//! Data set of a spec.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Limits a data set; sample numbers are `u32`.
pub const SAMPLES_MAX: u64 = u32::MAX as u64;

/// Names the data set and pins its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Name of the data set as the program knows it.
    pub name: String,
    /// Number of training samples: with it, anybody can derive the order.
    pub samples: u64,
    /// Digest over every sample ([`crate::data`]). It may be left out where the samples lie
    /// in declared files alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The declared files in which the samples lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}
