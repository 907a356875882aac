//! How this process speaks: in colour or not, and how much. Set once, before it says anything.

use std::io::{IsTerminal, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ColorChoice};

/// Columns of a text where nobody says how wide a terminal is.
const WIDTH_USUAL: usize = 90;
/// A line that is longer is hard to follow.
const WIDTH_MAX: usize = 100;
const WIDTH_MIN: usize = 40;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Options that every command has.
#[derive(Args, Clone, Copy)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Manner {
    /// Colour the words: auto, always, never. `auto` heeds NO_COLOR and TERM=dumb
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    color: ColorChoice,
    /// Say only results, warnings and errors: no progress, no remarks
    #[arg(long, short, global = true)]
    quiet: bool,
}

impl Manner {
    /// From here on the process speaks so.
    pub(crate) fn begin(self) {
        QUIET.store(self.quiet, Ordering::Relaxed);
        let color = match self.color {
            ColorChoice::Auto => return,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        color.write_global();
    }
}

/// Says whether only results, warnings and errors are wanted.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says whether the terminal cannot move its cursor.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns how many columns a line of the result has.
pub(crate) fn width() -> usize {
    terminal_width().map_or(WIDTH_USUAL, |width| width.clamp(WIDTH_MIN, WIDTH_MAX))
}

/// Breaks a text into lines that fit, the first after `begin`, the others after `indent`.
pub(crate) fn wrapped(text: &str, begin: &str, indent: &str) -> String {
    let (mut lines, mut line) = (Vec::new(), begin.to_owned());
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width() {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// Returns how many columns the terminal has; none where the result goes elsewhere.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = terminal_size::terminal_size().filter(|_| stdout().is_terminal());
    size.map(|(width, _)| usize::from(width.0))
}
