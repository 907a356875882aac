//! `reenact explain`: the words of a verdict.

use clap::Args;
use reenact_audit::Failure;
use serde::Serialize;

use crate::exit;
use crate::inputs::nearest;
use crate::terminal::manner;
use crate::terminal::output::{self, BOLD, line, lines, styled};

/// The words, each a block of text; the page of the handbook has the same.
const WORDS: &str = include_str!("../../../../docs/words.md");
const EXAMPLES: &str = "\
Examples:
  reenact explain                                 every word, a line each
  reenact explain inconclusive                    what it means, and what to do
  reenact explain 'chance of missing' --json";

/// Say what a word of a verdict means
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The word, or words of one
    word: Vec<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A word, and what it means: the first sentence by itself.
#[derive(Clone, Copy, Serialize)]
struct Word {
    word: &'static str,
    meaning: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let wanted = arguments.word.join(" ");
    let found: Vec<Word> = match wanted.is_empty() {
        true => words().collect(),
        false => vec![find(&wanted)?],
    };
    match (arguments.json, found.as_slice()) {
        (true, found) => output::json(&found),
        (false, [one]) => {
            line(styled(BOLD, one.word));
            lines(manner::wrapped(one.meaning, "  ", "  "));
        }
        (false, all) => all.iter().for_each(show_short),
    }
    Ok(exit::MATCH)
}

fn show_short(word: &Word) {
    let first = word.meaning.split_once(". ").map_or(word.meaning, |(first, _)| first);
    let first = first.trim_end_matches('.');
    let indent = " ".repeat(22);
    let begin = format!("{:<22}", word.word);
    let text = manner::wrapped(first, &begin, &indent);
    lines(text);
}

/// Goes through the words, in the order of the file.
fn words() -> impl Iterator<Item = Word> {
    WORDS.split("\n## ").skip(1).map(|block| {
        let (word, meaning) = block.split_once('\n').unwrap_or((block, ""));
        Word { word: word.trim(), meaning: meaning.trim() }
    })
}

fn find(wanted: &str) -> Result<Word, Failure> {
    let wanted = wanted.to_lowercase();
    if let Some(word) = words().find(|word| word.word == wanted) {
        return Ok(word);
    }
    let failure = Failure::usage(format!("`{wanted}` is not a word of a verdict"));
    Err(match nearest(&wanted, words().map(|word| word.word)) {
        Some(word) => failure.hint(format!("did you mean `{word}`?")),
        None => failure.hint("`reenact explain` lists all of them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_meaning_of_sentences_and_stands_once() {
        let all: Vec<Word> = words().collect();
        assert!(all.len() > 30);
        for (index, word) in all.iter().enumerate() {
            assert!(word.meaning.ends_with('.'), "{}", word.word);
            assert_eq!(word.word, word.word.to_lowercase());
            assert!(all[..index].iter().all(|other| other.word != word.word), "{}", word.word);
        }
    }

    #[test]
    fn a_word_that_is_meant_is_named() {
        assert_eq!(find("Divergent").unwrap_or_else(|_| panic!()).word, "divergent");
        assert!(find("divergant").is_err_and(|e| e.hint.unwrap().contains("`divergent`")));
        assert!(find("zebra").is_err_and(|e| e.hint.unwrap().contains("lists all")));
    }
}
