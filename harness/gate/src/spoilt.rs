//! What Git, an editor or a cut leaves in a text that is stored beside code.

use std::str;

/// Says why bytes are not the text that was stored, whatever it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spoilt {
    /// It is larger than any.
    #[error("it has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is no UTF-8.
    #[error("byte {at}: this is no UTF-8 text")]
    NotText {
        /// Where.
        at: usize,
    },
    /// An editor has put a mark in front.
    #[error("line 1 begins with a byte order mark: save the file without one")]
    ByteOrderMark,
    /// Line ends were converted.
    #[error(
        "line {line} ends with CR LF: have Git leave the file as it is (`-text` in \
         .gitattributes), and check it out once more"
    )]
    CrLf {
        /// The first such line.
        line: usize,
    },
    /// A merge was not finished.
    #[error(
        "line {line} is a conflict marker of Git: take one side whole, or run `reenact gate \
         accept` on what the merge computes"
    )]
    Conflict {
        /// The first such line.
        line: usize,
    },
    /// The end is missing.
    #[error("line {line}, the last one, is not the end: the text was cut")]
    Cut {
        /// The last line.
        line: usize,
    },
}

/// Reads a text that lies beside code, of at most `limit` bytes.
pub(crate) fn text(bytes: &[u8], limit: usize) -> Result<&str, Spoilt> {
    if bytes.len() > limit {
        return Err(Spoilt::TooLarge { bytes: bytes.len(), limit });
    }
    let text =
        str::from_utf8(bytes).map_err(|error| Spoilt::NotText { at: error.valid_up_to() })?;
    if text.starts_with('\u{feff}') {
        return Err(Spoilt::ByteOrderMark);
    }
    // With converted line ends a marker ends otherwise, too, and is what to mend first.
    for (line, found) in (1..).zip(text.split('\n')) {
        if is_marker(found.trim_end_matches('\r')) {
            return Err(Spoilt::Conflict { line });
        }
    }
    for (line, found) in (1..).zip(text.split('\n')) {
        if found.ends_with('\r') {
            return Err(Spoilt::CrLf { line });
        }
    }
    Ok(text)
}

/// No line of a text of ours begins with these.
fn is_marker(line: &str) -> bool {
    let begins = ["<<<<<<< ", "||||||| ", ">>>>>>> "];
    line == "=======" || begins.iter().any(|begin| line.starts_with(begin))
}

/// Says at which line a text ends.
pub(crate) fn last_line(text: &str) -> usize {
    text.lines().count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_befell_a_text_is_named() {
        let spoilt = |bytes: &[u8]| text(bytes, 40).unwrap_err();
        assert_eq!(spoilt(&[b'a'; 41]), Spoilt::TooLarge { bytes: 41, limit: 40 });
        assert_eq!(spoilt(b"a\n\xff"), Spoilt::NotText { at: 2 });
        assert_eq!(spoilt("\u{feff}a\n".as_bytes()), Spoilt::ByteOrderMark);
        assert_eq!(spoilt(b"a\nb\r\n"), Spoilt::CrLf { line: 2 });
        for marker in ["<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> branch"] {
            let lines = format!("a\r\n{marker}\r\nb\r\n");
            assert_eq!(spoilt(lines.as_bytes()), Spoilt::Conflict { line: 2 });
        }
        assert_eq!(text(b"a = \"=======\"\n======== \n", 40).unwrap().len(), 24);
    }
}
