//! The words and signs of a text, with the lines that they stand on.

/// Holds a word, a sign or a quoted text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) line: u32,
}

/// Whether a token is a name or a number, and no sign.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(in_word)
}

fn in_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_$%.".contains(letter)
}

/// Splits a text. What is no letter of a word is a sign of its own, whatever it is.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut found, mut rest, mut line) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let len = token_len(rest, first);
        let (token, after) = rest.split_at(len);
        if !is_blank(token, first) {
            found.push(Token { text: token, line });
        }
        line = line.saturating_add(token.bytes().filter(|byte| *byte == b'\n').count() as u32);
        rest = after;
    }
    found
}

fn is_blank(token: &str, first: char) -> bool {
    first.is_whitespace() || token.starts_with("//") || token.starts_with("/*")
}

fn token_len(rest: &str, first: char) -> usize {
    let until = |end: &str, skipped: usize| {
        rest[skipped..].find(end).map_or(rest.len(), |at| skipped + at + end.len())
    };
    if rest.starts_with("//") {
        until("\n", 2)
    } else if rest.starts_with("/*") {
        until("*/", 2)
    } else if first == '"' {
        until("\"", 1)
    } else if in_word(first) {
        word_len(rest)
    } else {
        first.len_utf8()
    }
}

/// A word goes on over `::`, as in `.shared::cta`.
fn word_len(rest: &str) -> usize {
    let end = |from: usize| {
        rest[from..].find(|letter| !in_word(letter)).map_or(rest.len(), |at| from + at)
    };
    let mut len = end(0);
    while rest[len..].starts_with("::") {
        len = end(len + 2);
    }
    len
}

/// Goes through the tokens of a text.
pub(super) struct Cursor<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { tokens: tokens(text), at: 0 }
    }

    /// Returns the next text without passing it; empty at the end.
    pub(super) fn peek(&self) -> &'t str {
        self.tokens.get(self.at).map_or("", |token| token.text)
    }

    /// Returns the text after the next.
    pub(super) fn peek_second(&self) -> &'t str {
        self.tokens.get(self.at + 1).map_or("", |token| token.text)
    }

    /// Returns the line of the next token, or of the last.
    pub(super) fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    pub(super) fn next(&mut self) -> Option<Token<'t>> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }

    /// Passes the next token if it is this one.
    pub(super) fn pass(&mut self, text: &str) -> bool {
        let found = self.peek() == text && self.at < self.tokens.len();
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.pass(text) { Ok(()) } else { Err(self.error(&format!("expected `{text}`"))) }
    }

    /// Passes a name or a number.
    pub(super) fn word(&mut self) -> Result<&'t str, String> {
        match self.tokens.get(self.at) {
            Some(token) if is_word(token.text) => {
                self.at += 1;
                Ok(token.text)
            }
            _ => Err(self.error("expected a name")),
        }
    }

    /// Says what is wrong with the next token.
    pub(super) fn error(&self, what: &str) -> String {
        let found = if self.at < self.tokens.len() { self.peek() } else { "the end" };
        format!("line {}: {what}, found `{found}`", self.line())
    }

    /// Returns the tokens up to a `;`, and passes it.
    pub(super) fn statement(&mut self) -> Result<Vec<Token<'t>>, String> {
        let rest = &self.tokens[self.at..];
        let Some(len) = rest.iter().position(|token| token.text == ";") else {
            return Err(self.error("expected `;` after this"));
        };
        let found = rest[..len].to_vec();
        self.at += len + 1;
        Ok(found)
    }

    /// Passes what is left of the line of the next token.
    pub(super) fn skip_line(&mut self) {
        let line = self.line();
        while self.tokens.get(self.at).is_some_and(|token| token.line == line) {
            self.at += 1;
        }
    }

    /// Passes everything up to a `;`, or up to the end of a body in braces.
    pub(super) fn skip_body(&mut self) -> Result<(), String> {
        let mut depth = 0usize;
        while let Some(token) = self.next() {
            match token.text {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && [";", "}"].contains(&token.text) {
                return Ok(());
            }
        }
        Err(self.error("expected the end of a body"))
    }
}
