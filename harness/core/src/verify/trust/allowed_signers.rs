//! Whose signatures count: a list in the format of OpenSSH's `allowed_signers`.

use std::str::FromStr;

use crate::format::{PublicKey, SIGNATURE_NAMESPACE};

/// Limits a list of allowed signers.
pub const ALLOWED_SIGNERS_BYTES_MAX: usize = 1 << 20;

/// Lists the keys whose signatures of commitments, or of calibrations, count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedSigners {
    signers: Vec<(String, PublicKey)>,
}

/// Says why a text is no list of allowed signers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowedSignersError {
    /// One line is wrong.
    #[error("line {line}: {problem}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// It is too large.
    #[error("it has {bytes} bytes; at most {ALLOWED_SIGNERS_BYTES_MAX} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No key of it can sign what it should.
    #[error("no line allows an {} key to sign `{namespace}`", PublicKey::TYPE)]
    Nobody {
        /// The namespace.
        namespace: String,
    },
}

impl AllowedSigners {
    /// Reads the keys of a list that may sign in a namespace. Keys of other types,
    /// and keys for other namespaces, are skipped.
    pub fn parse(text: &str, namespace: &str) -> Result<Self, AllowedSignersError> {
        if text.len() > ALLOWED_SIGNERS_BYTES_MAX {
            return Err(AllowedSignersError::TooLarge { bytes: text.len() });
        }
        let mut signers = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refuse = |problem| AllowedSignersError::Line { line: index + 1, problem };
            signers.extend(parse_line(line, namespace).map_err(refuse)?);
        }
        match signers.is_empty() {
            true => Err(AllowedSignersError::Nobody { namespace: namespace.to_owned() }),
            false => Ok(Self { signers }),
        }
    }

    /// Returns the principals of the first line with this key, as they stand there.
    pub fn principal_of(&self, key: PublicKey) -> Option<&str> {
        let found = self.signers.iter().find(|(_, allowed)| *allowed == key);
        found.map(|(principal, _)| principal.as_str())
    }
}

impl FromStr for AllowedSigners {
    type Err = AllowedSignersError;

    /// Reads the keys of a list that may sign commitments.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, SIGNATURE_NAMESPACE)
    }
}

/// Reads `principals [options] type base64 [comment]`.
fn parse_line(line: &str, namespace: &str) -> Result<Option<(String, PublicKey)>, String> {
    let (principal, rest) = word(line)?;
    let (mut kind, mut rest) = word(rest)?;
    let mut allowed = true;
    if !is_key_type(kind) {
        allowed = allows(kind, namespace)?;
        (kind, rest) = word(rest)?;
        if !is_key_type(kind) {
            return Err(format!("`{kind}` is no type of key"));
        }
    }
    let (base64, _) = word(rest)?;
    if kind != PublicKey::TYPE || !allowed {
        return Ok(None);
    }
    let key = PublicKey::parse_base64(base64).map_err(|error| error.to_string())?;
    Ok(Some((principal.trim_matches('"').to_owned(), key)))
}

/// Splits off what stands before the next blank outside of quotes.
fn word(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim_start();
    let mut quoted = false;
    let end = text.find(|letter: char| {
        quoted ^= letter == '"';
        !quoted && letter.is_ascii_whitespace()
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    match (word.is_empty(), end.is_none() && quoted) {
        (_, true) => Err("a quote is not closed".into()),
        (true, _) => Err("`PRINCIPALS [OPTIONS] TYPE KEY` is expected".into()),
        (false, false) => Ok((word, rest)),
    }
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "sk-ssh-", "ecdsa-sha2-", "sk-ecdsa-sha2-"].iter().any(|kind| word.starts_with(kind))
}

/// Says whether the options let the key sign in a namespace.
fn allows(options: &str, namespace: &str) -> Result<bool, String> {
    let mut allowed = true;
    for option in split_outside_quotes(options) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => allowed &= matches_list(value.trim_matches('"'), namespace),
            "valid-after" | "valid-before" => {
                return Err(format!(
                    "`{name}` cannot be honoured: a signature does not say when it was made; \
                     list only keys that count now"
                ));
            }
            "cert-authority" => {
                return Err(
                    "`cert-authority`: certificates are not read; list the key itself".into()
                );
            }
            _ => return Err(format!("`{name}` is neither an option nor a type of key")),
        }
    }
    Ok(allowed)
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        !quoted && letter == ','
    })
}

/// Says whether a list of patterns has a namespace, as OpenSSH would: a
/// pattern after `!` that fits outweighs all others.
fn matches_list(patterns: &str, namespace: &str) -> bool {
    let namespace = namespace.as_bytes();
    let mut found = false;
    for pattern in patterns.split(',').map(str::trim) {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits(pattern.as_bytes(), namespace) => return false,
            Some(_) => {}
            None => found |= fits(pattern.as_bytes(), namespace),
        }
    }
    found
}

/// Says whether a pattern with `*` and `?` fits the whole text.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    // Which lengths of the text the pattern read so far can stand for.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for &letter in pattern {
        let before = reached.clone();
        for end in 0..=text.len() {
            reached[end] = match letter {
                b'*' => before[..=end].contains(&true),
                _ => end > 0 && before[end - 1] && (letter == b'?' || letter == text[end - 1]),
            };
        }
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SecretKey;
    use proptest::prelude::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public()
    }

    fn line(options: &str) -> String {
        format!("trainer@example.org {options} {} a comment", key(1))
    }

    #[test]
    fn reads_what_openssh_reads() {
        let text = format!(
            "# the cluster\n\n{}\n\"Ada L\",ada@example.org {}\nbob ssh-rsa AAAAB3Nz\n",
            line(r#"namespaces="file,reenact-*@v1""#),
            key(2)
        );
        let signers: AllowedSigners = text.parse().unwrap();
        assert_eq!(signers.principal_of(key(1)), Some("trainer@example.org"));
        assert_eq!(signers.principal_of(key(2)), Some("Ada L\",ada@example.org"));
        assert_eq!(signers.principal_of(key(3)), None);
    }

    #[test]
    fn a_key_counts_for_its_namespaces_only() {
        for (namespaces, counts) in [
            ("reenact-commitment@v1", true),
            ("*", true),
            ("reenact-commitment@v?", true),
            ("git,reenact-commitment@v1", true),
            ("git", false),
            ("reenact-commitment", false),
            ("*,!reenact-*", false),
            ("!git", false),
            ("", false),
        ] {
            let read = line(&format!("namespaces=\"{namespaces}\"")).parse::<AllowedSigners>();
            assert_eq!(read.is_ok(), counts, "{namespaces}: {read:?}");
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (text, says) in [
            (line("valid-before=\"20270101\""), "line 1: `valid-before` cannot be honoured"),
            (line("namespaces=\"*\",valid-after=20260101"), "`valid-after`"),
            (line("cert-authority"), "certificates are not read"),
            (line("verify-required"), "`verify-required` is neither"),
            (line("namespaces=\"*"), "a quote is not closed"),
            (format!("\nname {}", &key(1).to_string()[..50]), "line 2: the key cannot be read"),
            (key(1).to_string(), "neither an option nor a type"),
            ("name".into(), "is expected"),
            ("# nobody\n".into(), "no line allows"),
        ] {
            let problem = text.parse::<AllowedSigners>().unwrap_err().to_string();
            assert!(problem.contains(says), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = text.parse::<AllowedSigners>();
        }

        #[test]
        fn no_line_makes_it_panic(
            text in "[a!*\"]{0,4} (namespaces=|valid-after|,|\"| |!|\\*|\n){0,6} ssh-ed25519 [A=+ ]{0,80}",
        ) {
            let _ = text.parse::<AllowedSigners>();
        }
    }
}
