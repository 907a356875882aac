//! Results on standard output, messages on standard error.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table};
use reenact_core::sanitize::{one_line, plain, spell, spell_line};
use serde::Serialize;

use crate::terminal::json::json_text;
use crate::terminal::manner;
use reenact_audit::Failure;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For what passed, but only within a tolerance.
pub(crate) const WITHIN: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();

/// What the six styles above write to a terminal, and nothing else does.
const OWN_COMMANDS: [&str; 7] =
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"];

/// Why standard output takes no more.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes a line of the result; a line break in it is spelled out. Where nobody takes it, the
/// command goes on without words: what it is to leave behind and its exit code do not depend
/// on a reader.
pub(crate) fn line(text: impl Display) {
    write(&shown(&text.to_string(), spell_line));
}

/// Writes lines of our own making: whatever is quoted in them is plain.
pub(crate) fn lines(text: impl Display) {
    write(&shown(&text.to_string(), spell));
}

/// Writes a table, whose cells are made plain: a line break in one would begin a row. On a narrow
/// terminal it goes without the columns `spare`, the first one first.
pub(crate) fn table(mut table: Table, spare: &[usize]) {
    for row in table.row_iter_mut() {
        let cells = row.cell_iter().map(|cell| plain(&cell.content()));
        *row = Row::from(cells.collect::<Vec<_>>());
    }
    fit(&mut table, spare, manner::terminal_width());
    lines(table.trim_fmt());
}

/// Leaves out columns that are spared, one after the other, until the table fits. Where it never
/// does, its cells are broken.
fn fit(table: &mut Table, spare: &[usize], width: Option<usize>) {
    let Some(width) = width else { return };
    let fits = |table: &Table| table.lines().all(|line| line.chars().count() <= width);
    for column in spare {
        if fits(table) {
            return;
        }
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    if let (false, Ok(width)) = (fits(table), u16::try_from(width)) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
}

fn write(text: &str) {
    if LOST.get().is_some() {
        return;
    }
    if let Err(error) = writeln!(anstream::stdout(), "{text}") {
        let _ = LOST.set(error);
    }
}

/// Says whether something that was to be shown was not.
pub(crate) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// Says at the end that nobody took the result. A reader that went away knows.
pub(crate) fn complain() {
    let quiet = |error: &&io::Error| error.kind() != io::ErrorKind::BrokenPipe;
    if let Some(error) = LOST.get().filter(quiet) {
        let warning = styled(UNSURE, "warning:");
        note(format_args!(
            "{warning} standard output took not everything: {error}. The exit code holds all the same."
        ));
    }
}

/// Spells out what none of the styles above writes.
fn shown(text: &str, spell: fn(&str) -> Cow<'_, str>) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, command) = rest.split_at(at);
        shown += &spell(before);
        let own = OWN_COMMANDS.iter().find(|own| command.starts_with(**own));
        let length = own.map_or(1, |own| own.len());
        shown += &own.map_or_else(|| spell(&command[..1]), |own| Cow::Borrowed(own));
        rest = &command[length..];
    }
    shown + &spell(rest)
}

/// Writes a styled piece of text.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes the result for machines.
pub(crate) fn json(value: &impl Serialize) {
    lines(json_text(value));
}

/// Writes a message that whoever wants quiet can do without.
pub(crate) fn remark(text: impl Display) {
    if !manner::is_quiet() {
        note(text);
    }
}

/// Writes a message beside the result, in one line.
pub(crate) fn note(text: impl Display) {
    say(&shown(&text.to_string(), spell_line));
}

/// Writes facts for machines beside the result.
pub(crate) fn json_note(facts: &str) {
    say(&spell(facts));
}

/// Writes why a command failed. The message is plain in each of its lines.
pub(crate) fn failure(failure: &Failure) {
    let message = failure.said().replace('\n', "\n       ");
    say(&format!("{} {message}", styled(BAD, "error:")));
    if let Some(hint) = &failure.hint {
        note(format_args!("{} {}", styled(BOLD, "hint:"), plain(hint)));
    }
}

/// Writes what clap says of the arguments. The name of a folder may be one that a shell has put
/// in place of `*`: where one is not plain, all is said in one line.
pub(crate) fn usage(error: &clap::Error) {
    let is_plain = |word: OsString| word.to_str().is_some_and(|word| word == spell_line(word));
    if std::env::args_os().all(is_plain) {
        let _ = error.print();
    } else {
        say(&one_line(&error.render().to_string()));
    }
}

fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_has_fewer_columns_before_it_has_broken_words() {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(["name", "of little use", "worth"]).add_row(["weight", "123456", "7"]);
        let shown = |width| {
            let mut table = table.clone();
            fit(&mut table, &[1], width);
            table.trim_fmt().to_string()
        };
        assert!(shown(None).contains("of little use"));
        assert!(shown(Some(40)).contains("of little use"));
        let narrow = shown(Some(20));
        assert!(!narrow.contains("little") && narrow.contains("weight") && narrow.contains('7'));
    }

    #[test]
    fn only_the_styles_of_this_file_reach_a_terminal() {
        for style in [BOLD, DIM, GOOD, WITHIN, BAD, UNSURE] {
            let text = styled(style, "word");
            assert!(text.len() > 4);
            assert_eq!(shown(&text, spell_line), text);
        }
        let text = "a\u{1b}[2J\u{1b}\u{1b}[0mb\u{202e}\n";
        let spelled = "a\\u{1b}[2J\\u{1b}\u{1b}[0mb\\u{202e}";
        assert_eq!(shown(text, spell), format!("{spelled}\n"));
        assert_eq!(shown(text, spell_line), format!("{spelled}\\n"));
        assert_eq!(shown("\u{1b}", spell), "\\u{1b}");
    }
}
