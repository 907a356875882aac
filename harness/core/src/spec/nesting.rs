//! How deep a spec's text nests.
//!
//! Whatever reads TOML goes down one call a level. The reader's own limits multiply: 80
//! brackets with 80 dotted names in each are 6400 levels, which a few kilobytes of text
//! can ask for and no thread's stack has to hold.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::SpecError;

/// Limits the brackets that are open at once; the deepest spec needs about ten.
const BRACKETS_MAX: usize = 16;

/// Limits the dots of a dotted key or of the header of a table.
const DOTS_MAX: usize = 16;

/// Refuses what nests deeper than any spec, before it is read.
pub(super) fn check(text: &str) -> Result<(), SpecError> {
    let (mut brackets, mut dots) = (0usize, 0);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                (brackets, dots) = (brackets + 1, 0);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                (brackets, dots) = (brackets.saturating_sub(1), 0);
            }
            TokenKind::Dot => dots += 1,
            TokenKind::Equals | TokenKind::Comma | TokenKind::Newline => dots = 0,
            _ => {}
        }
        if brackets > BRACKETS_MAX || dots > DOTS_MAX {
            let line = text[..token.span().start()].matches('\n').count() + 1;
            return Err(SpecError::Deep { line });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nests_counts() {
        let dots = |count: usize| vec!["a"; count + 1].join(".");
        let brackets = |count: usize| format!("a = {}{}", "[".repeat(count), "]".repeat(count));
        let good = [
            brackets(BRACKETS_MAX),
            format!("[{}]\n{} = 1", dots(DOTS_MAX), dots(DOTS_MAX)),
            format!("a = {:?} # {}\n'{}' = 1", dots(99), dots(99), "[".repeat(99)),
            "a = 1.5\n".repeat(99),
            "a = [[1.5, 2.5], [3.5]]\n".repeat(99),
        ];
        for text in good {
            assert!(check(&text).is_ok(), "{text}");
        }
        for text in [brackets(BRACKETS_MAX + 1), format!("\n\n[{}]", dots(DOTS_MAX + 1))] {
            assert!(check(&text).is_err(), "{text}");
        }
        let error = check(&format!("\n\n{} = 1", dots(99))).unwrap_err().to_string();
        assert!(error.starts_with("line 3 "), "{error}");
    }
}
