//! What tools do to a text that they take for their own: they convert its line ends, as git
//! does on some systems, or its encoding, as editors do.

const LINE_ENDS: &str = "its line ends were converted to CR LF, and nothing else: convert them \
                         back, and have git leave the recording as it is (`RUN/** -text` in \
                         .gitattributes)";

const ENCODING: &str = "it was stored again with a byte order mark, as editors do, and nothing \
                        else: copy it once more from where it was recorded, byte by byte";

/// How a journal begins that was converted.
const JOURNAL_BEGINNINGS: [&[u8]; 4] = [
    b"reenact journal\r\n",
    b"\xef\xbb\xbfreenact journal",
    b"\xff\xfer\0e\0e\0n\0a\0c\0t\0",
    b"\xfe\xff\0r\0e\0e\0n\0a\0c\0t",
];

/// Holds a text as it was before a tool converted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconverted {
    /// What it was.
    pub text: Vec<u8>,
    /// What became of it, and what to do.
    pub said: &'static str,
}

impl Unconverted {
    /// Takes the conversion of a text back; none if nothing of it looks converted.
    pub fn of(text: &[u8]) -> Option<Self> {
        let decoded = without_mark(text);
        let said = decoded.as_ref().map_or(LINE_ENDS, |_| ENCODING);
        match with_own_line_ends(decoded.as_deref().unwrap_or(text)) {
            Some(text) => Some(Self { text, said }),
            None => decoded.map(|text| Self { text, said }),
        }
    }
}

/// Says whether a journal begins as one that was converted like a text. It is none: what
/// else became of it cannot be told.
pub(super) fn converted_journal(beginning: &[u8]) -> bool {
    JOURNAL_BEGINNINGS.iter().any(|found| beginning.starts_with(found))
}

/// Returns the UTF-8 of a text that has a byte order mark.
fn without_mark(text: &[u8]) -> Option<Vec<u8>> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
    };
    match text {
        [0xef, 0xbb, 0xbf, text @ ..] => Some(text.to_vec()),
        [0xff, 0xfe, text @ ..] => units(text, u16::from_le_bytes).map(String::into_bytes),
        [0xfe, 0xff, text @ ..] => units(text, u16::from_be_bytes).map(String::into_bytes),
        _ => None,
    }
}

/// Gives a text its own line ends back; none if it has no others.
fn with_own_line_ends(text: &[u8]) -> Option<Vec<u8>> {
    let mut found = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        if byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            found.push(byte);
        }
    }
    (found.len() < text.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ends_of_lines_are_given_back() {
        let taken_back = |text| Unconverted::of(text).map(|found| found.text);
        assert_eq!(taken_back(b"a\r\nb\rc\n\r"), Some(b"a\nb\rc\n\r".to_vec()));
        assert_eq!(taken_back(b"a\nb\r"), None);
    }

    #[test]
    fn byte_order_marks_are_taken_back() {
        let text = "a = \"ä𝄞\"\r\n";
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let little = utf16.iter().flat_map(|unit| unit.to_le_bytes());
        let big = utf16.iter().flat_map(|unit| unit.to_be_bytes());
        let marked = [
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [0xff, 0xfe].into_iter().chain(little).collect(),
            [0xfe, 0xff].into_iter().chain(big).collect(),
        ];
        for bytes in marked {
            let found = Unconverted::of(&bytes).unwrap();
            assert_eq!(found, Unconverted { text: "a = \"ä𝄞\"\n".into(), said: ENCODING });
        }
        for other in [&b"\xff\xfea"[..], b"\xff\xfe\x00\xd8", b"\xff", b"\xef\xbb"] {
            assert_eq!(Unconverted::of(other), None, "{other:?}");
        }
    }
}
