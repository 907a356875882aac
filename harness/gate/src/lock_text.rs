//! The one text of a lock: TOML, written here and read back to the letter.

use std::fmt::{Display, Write};

use reenact_core::digest::Digest;
use reenact_core::sanitize::plain;
use serde::Deserialize;

use crate::lock::{LOCK_FORMAT, Lock};
use crate::spoilt::{last_line, text};
use crate::{Date, Enforce, Entry, LockError, Spoilt};

/// Limits the text of a lock.
pub const LOCK_BYTES_MAX: usize = 1 << 20;

const BEGINNING: &str = "# Written by `reenact gate accept`. Review it like code.\n";
/// A lock that was cut between two entries would be one, too.
const END: &str = "\n# End.\n";
/// Letters that are quoted of a line.
const QUOTED_MAX: usize = 100;

/// Holds the keys as they stand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(rename = "format")]
    _format: u64,
    spec: Digest,
    steps: u64,
    enforce: Word,
    until: Option<Date>,
    reason: Option<String>,
    old: Vec<String>,
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Block,
    Inform,
}

impl Keys {
    fn lock(self) -> Result<Lock, LockError> {
        let enforce = match (self.enforce, self.until, self.reason) {
            (Word::Block, None, None) => Enforce::Block,
            (Word::Inform, Some(until), Some(reason)) => Enforce::Inform { until, reason },
            _ => {
                let problem = "\"inform\" has the keys `until` and `reason`, \"block\" has neither";
                return Err(LockError::value("enforce", problem));
            }
        };
        let Self { spec, steps, old, entry: entries, .. } = self;
        Ok(Lock { spec, steps, enforce, old, entries })
    }
}

pub(crate) fn read(bytes: &[u8]) -> Result<Lock, LockError> {
    let text = text(bytes, LOCK_BYTES_MAX)?;
    check_format(text)?;
    if !text.starts_with(BEGINNING) && !BEGINNING.starts_with(text) {
        return Err(LockError::Foreign);
    }
    if !text.ends_with(END) {
        return Err(Spoilt::Cut { line: last_line(text) }.into());
    }
    let keys: Keys = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    let lock = keys.lock()?;
    check_spelling(text, &lock.canonical()?)?;
    Ok(lock)
}

/// Another format may be anything else, so its number is all that is looked for.
fn check_format(text: &str) -> Result<(), LockError> {
    let number = |line: &str| line.strip_prefix("format = ")?.trim_end().parse().ok();
    match text.lines().find_map(number) {
        Some(found) if found < LOCK_FORMAT => Err(LockError::TooOld { found }),
        Some(found) if found > LOCK_FORMAT => Err(LockError::TooNew { found }),
        _ => Ok(()),
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> LockError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    LockError::Syntax { line, problem: plain(error.message().trim_end()) }
}

fn check_spelling(text: &str, canonical: &str) -> Result<(), LockError> {
    if text == canonical {
        return Ok(());
    }
    let differ = (1..).zip(text.split('\n').zip(canonical.split('\n')));
    // Where one is the other's beginning, the rest begins a line.
    let found = differ.into_iter().find(|(_, (found, expected))| found != expected);
    let (line, (found, expected)) = found.unwrap_or((last_line(canonical) + 1, ("", "")));
    let quote = |line: &str| plain(&line.chars().take(QUOTED_MAX).collect::<String>());
    Err(LockError::Spelling { line, expected: quote(expected), found: quote(found) })
}

pub(crate) fn written(lock: &Lock) -> Result<String, LockError> {
    let mut text = BEGINNING.to_owned();
    value(&mut text, "format", LOCK_FORMAT);
    quoted(&mut text, "spec", lock.spec);
    value(&mut text, "steps", lock.steps);
    match &lock.enforce {
        Enforce::Block => quoted(&mut text, "enforce", "block"),
        Enforce::Inform { until, reason } => {
            quoted(&mut text, "enforce", "inform");
            quoted(&mut text, "until", until);
            quoted(&mut text, "reason", reason);
        }
    }
    let mut old: Vec<&String> = lock.old.iter().collect();
    old.sort();
    match old.is_empty() {
        true => value(&mut text, "old", "[]"),
        // A line each, so that two changes seldom meet in one.
        false => {
            let paths: String = old.iter().map(|path| format!("    {},\n", quote(path))).collect();
            value(&mut text, "old", format_args!("[\n{paths}]"));
        }
    }
    let mut entries: Vec<&Entry> = lock.entries.iter().collect();
    entries.sort_by(|a, b| a.class.cmp(&b.class));
    entries.into_iter().for_each(|entry| write_entry(&mut text, entry));
    text.push_str(END);
    match text.len() {
        bytes if bytes > LOCK_BYTES_MAX => {
            Err(Spoilt::TooLarge { bytes, limit: LOCK_BYTES_MAX }.into())
        }
        _ => Ok(text),
    }
}

fn write_entry(text: &mut String, entry: &Entry) {
    text.push_str("\n[[entry]]\n");
    quoted(text, "class", &entry.class);
    quoted(text, "first", entry.first);
    quoted(text, "last", entry.last);
    quoted(text, "trace", entry.trace);
    value(text, "final_loss", entry.final_loss);
    quoted(text, "cargo_lock", entry.cargo_lock);
    quoted(text, "rustc", &entry.rustc);
    text.push_str("\n[entry.facts]\n");
    for (name, fact) in &entry.facts {
        quoted(text, &key(name), fact);
    }
    text.push_str("\n[entry.accepted]\n");
    quoted(text, "at", entry.accepted.at);
    quoted(text, "reason", &entry.accepted.reason);
    entry.accepted.was.iter().for_each(|was| quoted(text, "was", was));
    entry.accepted.moved.iter().for_each(|moved| quoted(text, "moved", moved));
}

fn value(text: &mut String, key: &str, value: impl Display) {
    writeln!(text, "{key} = {value}").expect("a text takes every letter");
}

fn quoted(text: &mut String, key: &str, words: impl Display) {
    value(text, key, quote(&words.to_string()));
}

/// No other letter of a lock's texts has to be escaped.
fn quote(words: &str) -> String {
    format!("\"{}\"", words.replace('\\', r"\\").replace('"', "\\\""))
}

fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(bare) { name.into() } else { quote(name) }
}
