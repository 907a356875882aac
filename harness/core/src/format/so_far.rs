//! What the trainer stands for while it still trains: how far the journal has come.
//!
//! It is written at each boundary and takes the place of the one before. The chain binds
//! everything up to its head, so a few lines are enough. Its digest keys the challenge of an
//! audit that does not wait for the end.

use super::key::SecretKey;
use super::signature::Signature;
use crate::digest::{Digest, Hasher};

/// Limits the file, with its signature.
pub const SO_FAR_BYTES_MAX: u64 = 8192;

const TITLE: &str = "reenact commitment so far 1";
const SIGNATURE_BEGINS: &str = "-----BEGIN SSH SIGNATURE-----\n";

/// Binds the part of a recording that ends at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoFar {
    /// Digest of the spec's canonical text.
    pub spec: Digest,
    /// Number of frames in that part of the journal.
    pub frames: u64,
    /// The journal's chain after the last of them.
    pub head: Digest,
    /// The step that its last checkpoint opens.
    pub step: u64,
}

/// Says that a text is no commitment of this kind.
#[derive(Debug, thiserror::Error)]
#[error("it is not exactly what a recorder writes: `{TITLE}`, spec, frames, head and step")]
pub struct SoFarError;

impl SoFar {
    /// Writes the text.
    pub fn encode(&self) -> String {
        let Self { spec, frames, head, step } = self;
        format!("{TITLE}\nspec {spec}\nframes {frames}\nhead {head}\nstep {step}\n")
    }

    /// Writes the file: the text and, if there is a key, its signature over the text. They
    /// are one file, as whoever reads it while it is replaced must not find one of each.
    pub fn file(&self, key: Option<&SecretKey>) -> String {
        let text = self.encode();
        let signature = key.map(|key| Signature::sign(text.as_bytes(), key));
        match signature {
            Some(signature) => text + signature.text(),
            None => text,
        }
    }

    /// Parts a file into its text and its signature, which may be empty.
    pub fn parts(file: &[u8]) -> (&[u8], &[u8]) {
        let begins = SIGNATURE_BEGINS.as_bytes();
        let at = file.windows(begins.len()).position(|window| window == begins);
        file.split_at(at.unwrap_or(file.len()))
    }

    /// Reads a text that [`SoFar::encode`] wrote, and no other.
    pub fn parse(text: &[u8]) -> Result<Self, SoFarError> {
        let read = || {
            let text = str::from_utf8(text).ok()?;
            let mut lines = text.lines();
            let mut field = |name| lines.next()?.strip_prefix(name);
            field(TITLE)?;
            let (spec, frames) = (field("spec ")?.parse().ok()?, field("frames ")?.parse().ok()?);
            let (head, step) = (field("head ")?.parse().ok()?, field("step ")?.parse().ok()?);
            Some(Self { spec, frames, head, step }).filter(|found| found.encode() == text)
        };
        read().ok_or(SoFarError)
    }

    /// Returns the digest of the text, which keys the challenge.
    pub fn digest(&self) -> Digest {
        Hasher::new("reenact v1 commitment so far").bytes(self.encode().as_bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn so_far() -> SoFar {
        SoFar { spec: Digest([1; 32]), frames: 12, head: Digest([2; 32]), step: 10 }
    }

    #[test]
    fn golden_text() {
        let text = so_far().encode();
        let expected = format!(
            "reenact commitment so far 1\nspec {}\nframes 12\nhead {}\nstep 10\n",
            "01".repeat(32),
            "02".repeat(32)
        );
        assert_eq!(text, expected);
        assert_eq!(SoFar::parse(text.as_bytes()).unwrap(), so_far());
        let digest = "b49038e3a9983ac8197a5978c9827ab2714a5c9384b2c415b9aeeea33915e45d";
        assert_eq!(so_far().digest().to_string(), digest);
    }

    #[test]
    fn a_signature_stands_behind_the_text() {
        let key = SecretKey::from_seed(&[7; 32]);
        let file = so_far().file(Some(&key));
        let (text, signature) = SoFar::parts(file.as_bytes());
        assert_eq!(SoFar::parse(text).unwrap(), so_far());
        assert_eq!(Signature::verify(signature, text).unwrap().key(), key.public());
        let plain = so_far().file(None);
        assert_eq!(SoFar::parts(plain.as_bytes()), (plain.as_bytes(), &[][..]));
    }

    #[test]
    fn every_flipped_bit_changes_it_or_is_refused() {
        let text = so_far().encode().into_bytes();
        for bit in 0..8 * text.len() {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(SoFar::parse(&flipped).ok(), Some(so_far()), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = SoFar::parse(SoFar::parts(&text).0);
        }

        #[test]
        fn no_lines_make_it_panic(lines in "reenact commitment so far 1\n((spec|frames|head|step) [0-9a-f ]{0,70}\n){0,5}") {
            let _ = SoFar::parse(lines.as_bytes());
        }
    }
}
