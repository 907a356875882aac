//! `reenact completions`: what a shell can complete.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use reenact_audit::Failure;

use crate::app;
use crate::exit;
use crate::terminal::output;

const EXAMPLES: &str = "\
Examples:
  reenact completions bash > ~/.local/share/bash-completion/completions/reenact
  reenact completions zsh > ~/.zfunc/_reenact
  reenact completions fish > ~/.config/fish/completions/reenact.fish";

/// Print completions for a shell
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let mut command = app::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, app::binary_name(), &mut script);
    output::lines(String::from_utf8_lossy(&script).trim_end());
    Ok(exit::MATCH)
}
