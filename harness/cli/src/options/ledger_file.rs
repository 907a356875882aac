//! Where the ledger lies.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use reenact_audit::Failure;

/// Names the ledger's file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LedgerFile {
    /// The ledger [default: $REENACT_LEDGER, or in ~/.local/state]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

impl LedgerFile {
    /// Says whether the user named the file, in whichever way.
    pub(crate) fn is_named(&self) -> bool {
        let variable = || std::env::var_os("REENACT_LEDGER").is_some_and(|path| !path.is_empty());
        self.ledger.is_some() || variable()
    }

    /// Says whether the user named the file in this command.
    pub(crate) fn is_given(&self) -> bool {
        self.ledger.is_some()
    }

    /// Returns the file; none if the environment says that there is none.
    pub(crate) fn path(&self) -> Result<Option<PathBuf>, Failure> {
        match &self.ledger {
            Some(path) => Ok(Some(path.clone())),
            None => usual(|name| std::env::var_os(name)),
        }
    }
}

fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>, Failure> {
    if let Some(named) = variable("REENACT_LEDGER") {
        return Ok(Some(named).filter(|path| !path.is_empty()).map(PathBuf::from));
    }
    // As the XDG base directories want it, a relative path is none.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let state = absolute("XDG_STATE_HOME").or_else(home).ok_or_else(|| {
        Failure::inconclusive("there is no place for the ledger: HOME is not set")
            .hint("name a file with --ledger")
    });
    state.map(|state| Some(state.join("reenact/ledger.sqlite")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(set: &[(&str, &str)]) -> Option<PathBuf> {
        let find = |name: &str| set.iter().find(|(known, _)| *known == name);
        usual(|name| find(name).map(|(_, value)| value.into())).unwrap()
    }

    #[test]
    fn the_environment_says_where() {
        let home = ("HOME", "/h");
        let state = ("XDG_STATE_HOME", "/s");
        assert_eq!(path(&[home]), Some("/h/.local/state/reenact/ledger.sqlite".into()));
        assert_eq!(path(&[home, state]), Some("/s/reenact/ledger.sqlite".into()));
        let relative = ("XDG_STATE_HOME", "s");
        assert_eq!(path(&[home, relative]), path(&[home]));
        assert_eq!(path(&[home, state, ("REENACT_LEDGER", "l")]), Some("l".into()));
        assert_eq!(path(&[home, state, ("REENACT_LEDGER", "")]), None);
        assert!(usual(|_| None).is_err());
    }
}
