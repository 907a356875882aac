//! Whom an audit trusts to vouch for recordings.

use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::Failure;
use reenact_core::format::SIGNATURE_NAMESPACE;
use reenact_core::verify::{ALLOWED_SIGNERS_BYTES_MAX, AllowedSigners};

use crate::inputs;

/// Names the trusted signers.
#[derive(Args, Clone, Default)]
pub(crate) struct Trust {
    /// Require a signature from one of these keys (OpenSSH)
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
}

impl Trust {
    /// Reads who may vouch for recordings, if there is a list.
    pub(crate) fn read(&self) -> Result<Option<AllowedSigners>, Failure> {
        self.read_for(SIGNATURE_NAMESPACE)
    }

    /// Reads who may sign in a namespace, if there is a list.
    pub(super) fn read_for(&self, namespace: &str) -> Result<Option<AllowedSigners>, Failure> {
        self.allowed_signers.as_deref().map(|path| allowed(path, namespace)).transpose()
    }
}

/// Reads who may sign in a namespace.
pub(crate) fn allowed(path: &Path, namespace: &str) -> Result<AllowedSigners, Failure> {
    let refuse = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let text = inputs::limited_text(path, ALLOWED_SIGNERS_BYTES_MAX).map_err(refuse)?;
    AllowedSigners::parse(&text, namespace).map_err(|error| refuse(error.to_string()))
}
