//! Type in which a model computes.

use serde::{Deserialize, Serialize};

/// Names the type of a model's real numbers where its code names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// IEEE 754 single precision.
    #[default]
    F32,
    /// The upper half of an `f32`.
    Bf16,
    /// IEEE 754 half precision.
    F16,
}

impl Precision {
    /// Returns the name that a spec uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    pub(super) fn is_single(&self) -> bool {
        *self == Self::F32
    }
}
