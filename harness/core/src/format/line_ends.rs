//! Line ends that a tool has converted, as git does on some systems.

/// Says what happened to a text of which nothing but line ends changed.
pub const CONVERTED: &str = "its line ends were converted to CR LF, and nothing else: convert them \
                             back, and have git leave the recording as it is (`RUN/** -text` in \
                             .gitattributes)";

/// Gives a text its own line ends back; none if it has no others.
pub fn unconverted(text: &[u8]) -> Option<Vec<u8>> {
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
        assert_eq!(unconverted(b"a\r\nb\rc\n\r"), Some(b"a\nb\rc\n\r".to_vec()));
        assert_eq!(unconverted(b"a\nb\r"), None);
    }
}
