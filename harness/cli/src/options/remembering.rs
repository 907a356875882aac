//! Whether an audit is remembered.

use clap::Args;
use reenact_audit::Remembering;

use super::ledger_file::LedgerFile;

/// Says whether an audit is remembered, and where.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RememberingOptions {
    #[command(flatten)]
    file: LedgerFile,
    /// Neither ask the ledger nor write to it
    #[arg(long, conflicts_with = "ledger")]
    no_ledger: bool,
}

impl RememberingOptions {
    /// Returns where the audit is remembered.
    pub(crate) fn place(&self) -> Remembering {
        if self.no_ledger {
            return Remembering::Nothing;
        }
        match self.file.path() {
            Ok(Some(path)) => Remembering::In { path, named: self.file.is_named() },
            Ok(None) => Remembering::Nothing,
            Err(failure) => Remembering::Nowhere(failure),
        }
    }
}
