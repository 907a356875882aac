//! Builds that the auditor's own people made: a list of digests of binaries.
//!
//! A line holds the digest of a binary, as reports print it, and then a note for people. Empty
//! lines, and those that begin with `#`, say nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError, Hasher};

/// Limits a list of trusted builds.
pub const TRUSTED_BUILDS_BYTES_MAX: usize = 1 << 20;
/// Limits the builds in it.
const BUILDS_MAX: usize = 10_000;
/// Limits the note of a line.
const NOTE_BYTES_MAX: usize = 500;

/// Lists the binaries that the auditor's own people built, each with a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedBuilds {
    digest: Digest,
    notes: BTreeMap<Digest, String>,
}

/// Names the list of trusted builds that an audit went by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedList {
    /// Digest of the list.
    pub digest: Digest,
    /// How many builds it holds.
    pub builds: u64,
    /// What it notes of the auditing binary; none if it does not list that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditor: Option<String>,
}

/// Says why a text is no list of trusted builds.
#[derive(Debug, thiserror::Error)]
pub enum TrustedBuildsError {
    /// A line holds no digest.
    #[error("line {line}: {problem}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: DigestError,
    },
    /// The note of a line is too long.
    #[error("line {line}: its note has {bytes} bytes; at most {NOTE_BYTES_MAX} are read")]
    Note {
        /// Number of the line, from 1.
        line: usize,
        /// Size of the note.
        bytes: usize,
    },
    /// It is too large.
    #[error("it has more than {TRUSTED_BUILDS_BYTES_MAX} bytes, which no such list has")]
    TooLarge,
    /// It has too many lines.
    #[error("line {line}: it lists more than {BUILDS_MAX} builds")]
    TooMany {
        /// Number of the line, from 1.
        line: usize,
    },
    /// It lists none.
    #[error("no line names a build")]
    Nothing,
}

impl FromStr for TrustedBuilds {
    type Err = TrustedBuildsError;

    fn from_str(text: &str) -> Result<Self, TrustedBuildsError> {
        if text.len() > TRUSTED_BUILDS_BYTES_MAX {
            return Err(TrustedBuildsError::TooLarge);
        }
        let mut notes = BTreeMap::new();
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let (digest, note) = build(line, content)?;
            notes.entry(digest).or_insert_with(|| note.to_owned());
            if notes.len() > BUILDS_MAX {
                return Err(TrustedBuildsError::TooMany { line });
            }
        }
        if notes.is_empty() {
            return Err(TrustedBuildsError::Nothing);
        }
        let digest = Hasher::new("reenact v1 trusted builds").bytes(text.as_bytes()).finish();
        Ok(Self { digest, notes })
    }
}

/// Reads `DIGEST [NOTE]`.
fn build(line: usize, content: &str) -> Result<(Digest, &str), TrustedBuildsError> {
    let (digest, note) = content.split_once(char::is_whitespace).unwrap_or((content, ""));
    let digest = digest.parse().map_err(|problem| TrustedBuildsError::Line { line, problem })?;
    match note.trim() {
        note if note.len() <= NOTE_BYTES_MAX => Ok((digest, note)),
        note => Err(TrustedBuildsError::Note { line, bytes: note.len() }),
    }
}

impl TrustedBuilds {
    /// Says whether the auditor's own people built this binary.
    pub fn lists(&self, binary: Digest) -> bool {
        self.notes.contains_key(&binary)
    }

    /// Names the list, as a report by this binary does.
    pub fn named(&self, auditor: Digest) -> TrustedList {
        let (digest, builds) = (self.digest, self.notes.len() as u64);
        TrustedList { digest, builds, auditor: self.notes.get(&auditor).cloned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    #[test]
    fn digests_are_read_with_their_notes() {
        let text = format!(
            "# ours\r\n\n  {}\t release 3,  by hand \r\n{}\n{} said again\n",
            digest(1),
            digest(2),
            digest(1)
        );
        let builds: TrustedBuilds = text.parse().unwrap();
        assert!(builds.lists(digest(1)) && builds.lists(digest(2)) && !builds.lists(digest(3)));
        let named = builds.named(digest(1));
        assert_eq!((named.builds, named.auditor.as_deref()), (2, Some("release 3,  by hand")));
        assert_eq!(builds.named(digest(2)).auditor.as_deref(), Some(""));
        assert_eq!(builds.named(digest(3)).auditor, None);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let good = digest(1).to_string();
        for (text, says) in [
            (format!("{good}\n\n{}", &good[1..]), "line 3: `"),
            (format!("# {good}\nAB{}", &good[2..]), "line 2: `AB01"),
            (format!("{good}, a note"), "line 1: `"),
            (format!("\u{feff}{good}"), "line 1: `"),
            (format!("{good} {}", "n".repeat(501)), "line 1: its note has 501 bytes"),
            ("# nothing\n".into(), "no line names a build"),
            ("\n".repeat(TRUSTED_BUILDS_BYTES_MAX + 1), "more than 1048576 bytes"),
        ] {
            let problem = text.parse::<TrustedBuilds>().unwrap_err().to_string();
            assert!(problem.contains(says), "{says}: {problem}");
        }
    }

    #[test]
    fn no_more_builds_are_taken_than_anybody_makes() {
        let line = |number: usize| format!("{number:064x}\n");
        let most: String = (0..BUILDS_MAX).map(line).collect();
        assert!(most.parse::<TrustedBuilds>().is_ok());
        let problem = (most + &line(BUILDS_MAX)).parse::<TrustedBuilds>().unwrap_err().to_string();
        assert!(problem.starts_with("line 10001: "), "{problem}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([0-9a-fG]{62,66}|#|[ \t\n]|\\PC{0,20}){0,12}") {
            let _ = text.parse::<TrustedBuilds>();
        }
    }
}
