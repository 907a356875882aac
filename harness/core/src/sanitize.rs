//! Text of unknown origin, made fit to be shown to a person.
//!
//! A recording, a ledger or the name of a folder can hold any letters: line breaks that
//! write a verdict of their own, commands to a terminal, marks that turn the direction of
//! what follows, letters that nobody sees. Here is the one place that says which of them
//! are spelled out. What is stored, hashed and compared is never changed, only what is
//! shown of it.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Limits what is kept of the beginning and of the end of a text.
const HALF_CHARS_MAX: usize = 1000;
/// Stands for what is left out between them.
const GAP: &str = " ... ";

/// Spells out what a terminal or a page could take for a command, or hide from its reader,
/// and cuts the middle out of what is too long. What comes out is one line.
pub fn plain(text: &str) -> String {
    short(text, is_plain)
}

/// Does the same with a message that has several lines: they stay.
pub fn plain_lines(text: &str) -> String {
    short(text, |letter| letter == '\n' || is_plain(letter))
}

/// Does the same with a message that has several lines and is to have one.
pub fn one_line(text: &str) -> String {
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Spells out the same, of a whole page or text that others have composed: nothing is cut.
/// Line breaks stay.
pub fn spell(text: &str) -> Cow<'_, str> {
    whole(text, |letter| letter == '\n' || is_plain(letter))
}

/// Spells out the same, of one line.
pub fn spell_line(text: &str) -> Cow<'_, str> {
    whole(text, is_plain)
}

fn whole(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    match text.chars().all(stays) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().flat_map(|letter| spelled(letter, stays)).collect()),
    }
}

/// Writes `1 step`, `2 steps`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Writes a probability so that a tiny one is not taken for none.
pub fn percent(probability: f64) -> String {
    match 100.0 * probability {
        zero if zero <= 0.0 => "0 %".into(),
        tiny if tiny < 0.05 => "less than 0.1 %".into(),
        near if (99.95..100.0).contains(&near) => "more than 99.9 %".into(),
        percent => format!("{percent:.1} %"),
    }
}

/// Does [`plain`] with every text in a value, however deep: what is added to a type later is
/// not forgotten. A value whose JSON cannot be read back, as a number in it is not finite,
/// stays; the places that show it spell it out all the same.
pub fn plain_all<T: Serialize + DeserializeOwned>(value: T) -> T {
    let told = serde_json::to_value(&value).ok();
    let made = told.and_then(|told| serde_json::from_value(made_plain(told)).ok());
    made.unwrap_or(value)
}

fn made_plain(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(made_plain).collect()),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(name, item)| (plain(&name), made_plain(item))).collect())
        }
        other => other,
    }
}

/// Says whether a letter shows as what it is: no control, mark of direction, separator of
/// lines, invisible, combining, private or unassigned one. Combining marks are spelled out
/// one and all: a flood of them would cover the lines above.
pub fn is_plain(letter: char) -> bool {
    match letter {
        // Of these, `escape_debug` says more than is needed.
        ' '..='~' => true,
        // Letters by their class that leave a blank.
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{1d159}' => false,
        _ => letter.escape_debug().len() == 1,
    }
}

fn short(text: &str, stays: fn(char) -> bool) -> String {
    let most = 2 * HALF_CHARS_MAX + GAP.len();
    let letters = || text.chars().flat_map(|letter| spelled(letter, stays));
    let whole: String = letters().take(most + 1).collect();
    if whole.chars().count() <= most {
        return whole;
    }
    let backwards = text.chars().rev().flat_map(|letter| spelled(letter, stays).into_iter().rev());
    let ending: Vec<char> = backwards.take(HALF_CHARS_MAX).collect();
    let beginning = letters().take(HALF_CHARS_MAX);
    beginning.chain(GAP.chars()).chain(ending.into_iter().rev()).collect()
}

fn spelled(letter: char, stays: impl Fn(char) -> bool) -> Vec<char> {
    match (stays(letter), letter) {
        (true, _) => vec![letter],
        (false, '\n' | '\r' | '\t' | '\0') => letter.escape_debug().collect(),
        (false, _) => letter.escape_unicode().collect(),
    }
}

/// Quotes a word for a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:+".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One of each kind that must not reach a reader.
    const HIDDEN: [char; 34] = [
        '\n',
        '\r',
        '\t',
        '\0',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{a0}',
        '\u{ad}',
        '\u{300}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{2800}',
        '\u{3164}',
        '\u{e000}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffff}',
        '\u{e0001}',
        '\u{10fffd}',
    ];

    #[test]
    fn messages_stay_as_they_are() {
        let text = "line 3:\n\"a\\b\" is `ä`, not 'x'; 漢字 ▁█ ≠ – €";
        assert_eq!(plain_lines(text), text);
        assert_eq!(spell(text), text);
        assert_eq!(spell_line(text), plain(text));
        assert_eq!(plain(text), text.replace('\n', "\\n"));
    }

    #[test]
    fn commands_to_a_terminal_are_spelled_out() {
        assert_eq!(plain("\u{1b}[2J\r\u{9b}\u{202e}"), "\\u{1b}[2J\\r\\u{9b}\\u{202e}");
    }

    #[test]
    fn every_kind_of_letter_that_deceives_is_spelled_out() {
        for letter in HIDDEN {
            let shown = plain(&format!("a{letter}b"));
            assert!(shown.is_ascii() && shown.len() > 3, "{letter:?}: {shown}");
            assert!(!is_plain(letter), "{letter:?}");
        }
    }

    #[test]
    fn of_every_letter_there_is_what_stays_has_a_shape() {
        let forbidden = |letter: char| {
            letter.is_control()
                || letter.is_whitespace() && letter != ' '
                || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
                || ('\u{200b}'..='\u{200f}').contains(&letter)
                || ('\u{2028}'..='\u{202e}').contains(&letter)
                || ('\u{2060}'..='\u{206f}').contains(&letter)
                || ('\u{fe00}'..='\u{fe0f}').contains(&letter)
                || ('\u{fff0}'..='\u{fffb}').contains(&letter)
                || ('\u{e0000}'..='\u{e0fff}').contains(&letter)
                || ('\u{e000}'..='\u{f8ff}').contains(&letter)
        };
        for letter in '\0'..=char::MAX {
            let shown = plain(letter.encode_utf8(&mut [0; 4]));
            if forbidden(letter) {
                assert!(shown.starts_with('\\') && shown.is_ascii(), "{letter:?}: {shown}");
            } else {
                assert!(shown.chars().all(is_plain), "{letter:?}: {shown}");
            }
        }
    }

    #[test]
    fn chances_are_never_rounded_to_certainty() {
        let shown: Vec<String> = [0.0, 1e-9, 0.25, 0.99999, 1.0].map(percent).into();
        assert_eq!(shown, ["0 %", "less than 0.1 %", "25.0 %", "more than 99.9 %", "100.0 %"]);
    }

    #[test]
    fn every_text_in_a_value_becomes_plain() {
        type Deep = (f32, Vec<Option<(String, u64)>>, std::collections::BTreeMap<String, String>);
        let map = [("a\u{202e}".to_owned(), "b\nc".to_owned())].into();
        let deep: Deep = (0.1, vec![None, Some(("\u{1b}[1m".into(), u64::MAX))], map);
        let (number, items, map) = plain_all(deep);
        assert_eq!(number, 0.1);
        assert_eq!(items, [None, Some(("\\u{1b}[1m".to_owned(), u64::MAX))]);
        assert_eq!(map["a\\u{202e}"], "b\\nc");
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        let text = format!("begin{}end", "x".repeat(1 << 20));
        let shown = plain(&text);
        assert!(shown.starts_with("beginx") && shown.ends_with("xend") && shown.len() < 2100);
        let exact = "x".repeat(2 * HALF_CHARS_MAX);
        assert_eq!(plain(&exact), exact);
        // What is spelled out counts as it is shown.
        assert!(plain(&"\u{1b}".repeat(1 << 20)).len() < 2100);
    }

    proptest! {
        #[test]
        fn every_text_becomes_short_and_visible_and_stays_so(
            text in prop::collection::vec(
                prop_oneof![any::<char>(), prop::sample::select(&HIDDEN[..])], 0..3000),
        ) {
            let text: String = text.into_iter().collect();
            let shown = plain(&text);
            prop_assert!(shown.chars().all(is_plain));
            prop_assert!(shown.chars().count() <= 2 * HALF_CHARS_MAX + GAP.len());
            prop_assert_eq!(plain(&shown), &*shown);
            let shown = plain_lines(&text);
            prop_assert!(shown.chars().all(|letter| letter == '\n' || is_plain(letter)));
            prop_assert_eq!(plain_lines(&shown), &*shown);
            let shown = spell(&text).into_owned();
            prop_assert_eq!(spell(&shown), shown.as_str());
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("runs/a-1"), "runs/a-1");
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
        assert_eq!(quoted("-x"), "'-x'");
    }
}
