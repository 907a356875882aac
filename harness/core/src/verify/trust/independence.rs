//! Whether the auditing binary is the one that trained.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::format::{Environment, Object};
use crate::verify::finding::{Finding, Place};

/// Says whether the auditing binary is the one that trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Independence {
    /// The very binary that trained: a poisoned toolchain reproduces its own
    /// poison.
    SelfCheck,
    /// Another build.
    Independent,
}

impl Independence {
    /// Compares the binaries that trained with the one that audits. A run that
    /// the auditing binary trained in part is checked by itself in part.
    pub fn of(trained_by: &[(u64, Environment)], auditor: Digest) -> Self {
        match trained_by.iter().any(|(_, found)| found.binary == auditor) {
            true => Self::SelfCheck,
            false => Self::Independent,
        }
    }

    /// Objects if another independence is required. It can be told before
    /// anything is replayed, so nothing needs to be.
    pub fn require(self, required: Self) -> Option<Finding> {
        let problem = match (required, self) {
            (Self::Independent, Self::SelfCheck) => {
                "an independent audit is required, and this is a self-check: this very binary \
                 also trained the run, and would reproduce a sabotage of its own. Nothing was \
                 replayed: build reenact from source separately, and audit with that build"
            }
            (Self::SelfCheck, Self::Independent) => {
                "a self-check is required, and this audit is independent: another build trained \
                 the run. Nothing was replayed: audit with the binary that trained, or require \
                 an independent audit"
            }
            _ => return None,
        };
        Some(Finding::inconclusive(Place::object(Object::Journal), problem))
    }
}

impl fmt::Display for Independence {
    /// Completes the sentence "the audit is ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SelfCheck => "a self-check",
            Self::Independent => "independent",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Weight;

    #[test]
    fn only_the_other_independence_is_objected_to() {
        use Independence::{Independent, SelfCheck};
        assert_eq!(Independent.require(Independent), None);
        assert_eq!(SelfCheck.require(SelfCheck), None);
        for (is, required) in [(SelfCheck, Independent), (Independent, SelfCheck)] {
            let finding = is.require(required).unwrap();
            assert_eq!(finding.weight, Weight::Inconclusive);
            assert!(finding.problem.contains("required"), "{finding}");
        }
    }
}
