//! Exit codes, the same for every subcommand.

use reenact_audit::Failure;

/// Everything that was asked for is so: a match, equal states, a finished
/// recording.
pub const MATCH: u8 = 0;

/// The recording contradicts itself, its spec or a replay; two states differ.
pub const DIVERGENT: u8 = 1;

/// It could not be told: our own trouble, an unfinished recording, another
/// class of device.
pub const INCONCLUSIVE: u8 = 2;

/// The command line or a spec is wrong.
pub const USAGE: u8 = 64;

/// `work` alone: another try may do better. So sysexits(3) calls a temporary failure.
pub const AGAIN: u8 = 75;

/// A bug of reenact.
pub const BUG: u8 = 70;

/// Returns the code of a command that could not do what it was asked to.
pub(crate) fn of(failure: &Failure) -> u8 {
    if failure.is_usage() { USAGE } else { INCONCLUSIVE }
}

/// Says the same in `--help`.
pub const HELP: &str = "\
Exit codes:
  0   match: everything examined agrees (or: recorded, equal)
  1   divergent: the recording contradicts itself, its spec or a replay
  2   inconclusive: it could not be told; the message says why
  64  wrong usage or a bad spec
  70  a bug of reenact";
