//! Variables and files outside of a spec that could change what is computed.

use serde::{Deserialize, Serialize};

/// Names something that an engine or a library below it could read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Influence {
    /// Where it stands.
    pub source: Source,
    /// What it does to a training of reenact's.
    pub effect: Effect,
    /// Why, in half a sentence: `kernels are configured in code`.
    pub reason: String,
}

/// Says where an influence would stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// An environment variable; a `*` at the end stands for any ending.
    Variable(String),
    /// A file of this name in the working directory or in any folder above it.
    File(String),
}

/// Says what an influence does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing, though a user might expect it to.
    Ignored,
    /// It decides bits: recording and audit need the same.
    Decides,
}

impl Influence {
    /// Names a variable; a `*` at the end stands for any ending.
    pub fn variable(name: &str, effect: Effect, reason: &str) -> Self {
        Self { source: Source::Variable(name.into()), effect, reason: reason.into() }
    }

    /// Names a file, in the working directory or in any folder above it.
    pub fn file(name: &str, effect: Effect, reason: &str) -> Self {
        Self { source: Source::File(name.into()), effect, reason: reason.into() }
    }
}

impl Source {
    /// Says whether a variable is the one that is meant.
    pub fn is_variable(&self, name: &str) -> bool {
        match self {
            Self::Variable(wanted) => match wanted.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == wanted,
            },
            Self::File(_) => false,
        }
    }

    /// Returns the name or pattern.
    pub fn name(&self) -> &str {
        match self {
            Self::Variable(name) | Self::File(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_ending() {
        let all = Source::Variable("CUBECL_*".into());
        assert!(all.is_variable("CUBECL_X") && all.is_variable("CUBECL_"));
        assert!(!all.is_variable("CUBECL") && !all.is_variable("MY_CUBECL_X"));
        let one = Source::Variable("CUDA_PATH".into());
        assert!(one.is_variable("CUDA_PATH") && !one.is_variable("CUDA_PATH_X"));
        assert!(!Source::File("CUDA_PATH".into()).is_variable("CUDA_PATH"));
    }
}
