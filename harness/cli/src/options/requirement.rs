//! Which independence an audit has to have, and what it is told by.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reenact_audit::Failure;
use reenact_core::verify::{Independence, TRUSTED_BUILDS_BYTES_MAX, TrustedBuilds};

use crate::inputs;

/// Names the independence that an audit has to have.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Requirement {
    /// Be inconclusive unless such a build audits
    #[arg(long, value_name = "INDEPENDENCE")]
    require: Option<Required>,
    /// Digests of builds by your own people, a line each
    #[arg(long, value_name = "FILE")]
    trusted_builds: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Required {
    Independent,
    Rebuilt,
    SelfCheck,
}

impl Requirement {
    /// Returns what is required, if anything is.
    pub(crate) fn independence(&self) -> Option<Independence> {
        self.require.map(|required| match required {
            Required::Independent => Independence::Independent,
            Required::Rebuilt => Independence::Rebuilt,
            Required::SelfCheck => Independence::SelfCheck,
        })
    }

    /// Reads which builds are trusted, if there is a list.
    pub(crate) fn trusted_builds(&self) -> Result<Option<TrustedBuilds>, Failure> {
        let Some(path) = &self.trusted_builds else { return Ok(None) };
        let refuse = |problem: String| {
            Failure::usage(format!("trusted builds {}: {problem}", path.display()))
        };
        let text = inputs::limited_text(path, TRUSTED_BUILDS_BYTES_MAX).map_err(refuse)?;
        let builds = text.parse::<TrustedBuilds>().map_err(|error| {
            let hint = "a line is a digest, as reports and `reenact doctor` print it of a binary, \
                        and a note; scripts/reproducible-build prints one";
            refuse(error.to_string()).hint(hint)
        })?;
        Ok(Some(builds))
    }
}
