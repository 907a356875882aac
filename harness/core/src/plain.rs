//! Text of unknown origin, made fit to be shown to a person.

/// Limits what is kept of the beginning and of the end of a text.
const HALF_CHARS_MAX: usize = 1000;

/// Spells out what a terminal could take for a command or hide from its reader,
/// and cuts the middle out of what is too long. Decoders quote what they
/// refuse, which in a recording under audit may be anything of any length.
pub fn plain(text: &str) -> String {
    let mut letters = text.chars();
    let beginning: String = letters.by_ref().take(HALF_CHARS_MAX).flat_map(spelled).collect();
    let ending: Vec<char> = letters.by_ref().rev().take(HALF_CHARS_MAX).collect();
    let gap = if letters.next().is_some() { " ... " } else { "" };
    let ending: String = ending.into_iter().rev().flat_map(spelled).collect();
    format!("{beginning}{gap}{ending}")
}

fn spelled(letter: char) -> Vec<char> {
    match letter {
        // Of these, `escape_debug` says more than is needed.
        '\n' | '"' | '\'' | '\\' => vec![letter],
        _ => letter.escape_debug().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_stay_as_they_are() {
        let text = "line 3:\n\"a\\b\" is `ä`, not 'x'";
        assert_eq!(plain(text), text);
    }

    #[test]
    fn commands_to_a_terminal_are_spelled_out() {
        assert_eq!(plain("\u{1b}[2J\r\u{9b}\u{202e}"), "\\u{1b}[2J\\r\\u{9b}\\u{202e}");
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        let text = format!("begin{}end", "x".repeat(1 << 20));
        let shown = plain(&text);
        assert!(shown.starts_with("beginx") && shown.ends_with("xend") && shown.len() < 2100);
        let exact = "x".repeat(2 * HALF_CHARS_MAX);
        assert_eq!(plain(&exact), exact);
    }

    proptest! {
        #[test]
        fn every_text_becomes_short_and_visible(text in prop::collection::vec(any::<char>(), 0..3000)) {
            let shown = plain(&text.into_iter().collect::<String>());
            prop_assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()));
            prop_assert!(shown.len() < 25_000);
        }
    }
}
