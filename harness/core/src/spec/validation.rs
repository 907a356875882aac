//! Measuring a model while it trains.

use serde::{Deserialize, Serialize};

use super::DataSpec;

/// Says when the model is measured, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationSpec {
    /// When.
    pub every: Cadence,
    /// Samples of one batch.
    pub batch_size: u64,
    /// The samples that are held out.
    pub data: DataSpec,
}

/// Says how often something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`every` has to be a number of steps or \"epoch\"")]
pub enum Cadence {
    /// After so many steps each.
    Steps(u64),
    /// After each epoch.
    Named(NamedCadence),
}

/// Names a cadence that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedCadence {
    /// After each epoch.
    Epoch,
}
