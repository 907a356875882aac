//! `reenact man`: the manual as man pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use reenact_audit::Failure;
use reenact_core::sanitize::count;

use crate::app;
use crate::exit;
use crate::terminal::output::{self, line};

const EXAMPLES: &str = "\
Examples:
  reenact man | man -l -                          read the page of the command
  reenact man audit | man -l -                    read that of `reenact audit`
  reenact man --out ~/.local/share/man/man1       write all of them";

/// Print a man page, or write all of them
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The subcommand whose page is printed [default: the page of `reenact` itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    of: Option<String>,
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let name = app::binary_name();
    let mut command = app::Arguments::command().display_name(&name).bin_name(&name);
    command.build();
    if let Some(folder) = &arguments.out {
        return write_all(&command, folder);
    }
    let shown = match &arguments.of {
        None => &command,
        Some(name) => command
            .get_subcommands()
            .find(|known| known.get_name() == name && !known.is_hide_set())
            .ok_or_else(|| Failure::usage(format!("there is no command `{name}`")))?,
    };
    let page = rendered(shown).map_err(Failure::inconclusive)?;
    output::lines(page.trim_end());
    Ok(exit::MATCH)
}

fn write_all(command: &Command, folder: &Path) -> Result<u8, Failure> {
    let refuse = |error: std::io::Error| Failure::usage(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(refuse)?;
    let is_page = |known: &&Command| !known.is_hide_set() && known.get_name() != "help";
    let commands = command.get_subcommands().filter(is_page);
    let mut written = 0;
    for shown in std::iter::once(command).chain(commands) {
        let name = shown.get_display_name().unwrap_or(shown.get_name());
        let page = rendered(shown).map_err(Failure::inconclusive)?;
        fs::write(folder.join(format!("{name}.1")), page).map_err(refuse)?;
        written += 1;
    }
    line(format_args!("{} in {}", count(written, "man page"), folder.display()));
    Ok(exit::MATCH)
}

fn rendered(command: &Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
