//! The commitment: what the trainer stands for, in one small text.
//!
//! It is written once, when the run has finished. Its bytes are what is
//! signed, and its digest keys the challenge.

use std::fmt::Write;
use std::str::Lines;

use crate::digest::{Digest, Hasher};
use crate::state::StateRoot;

/// Limits a commitment: one of 100,000 checkpoints stays below it.
pub const COMMITMENT_BYTES_MAX: u64 = 1 << 24;

const TITLE: &str = "reenact commitment 1";

/// Binds a whole recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Digest of the spec's canonical text.
    pub spec: Digest,
    /// Number of frames in the journal.
    pub frames: u64,
    /// The journal's chain after its last frame.
    pub head: Digest,
    /// Step and root of every checkpoint, by step.
    pub checkpoints: Vec<(u64, StateRoot)>,
}

/// Says why a text is no commitment.
#[derive(Debug, thiserror::Error)]
pub enum CommitmentError {
    /// The first line is another: another format, or no commitment at all.
    #[error("line 1: `{TITLE}` is expected")]
    Title,
    /// The text is not exactly what reenact would have written.
    #[error("line {line}: {expected} is expected")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
}

impl Commitment {
    /// Writes the text.
    pub fn encode(&self) -> String {
        let mut text =
            format!("{TITLE}\nspec {}\nframes {}\nhead {}\n", self.spec, self.frames, self.head);
        for (step, root) in &self.checkpoints {
            writeln!(text, "checkpoint {step} {root}").expect("a string takes all");
        }
        text
    }

    /// Reads a text that [`Commitment::encode`] wrote, and no other.
    pub fn parse(text: &[u8]) -> Result<Self, CommitmentError> {
        let lossy = String::from_utf8_lossy(text);
        let mut lines = lossy.lines();
        if lines.next() != Some(TITLE) {
            return Err(CommitmentError::Title);
        }
        let commitment = parse_lines(&mut lines)?;
        let written = commitment.encode();
        if written.as_bytes() != text {
            let same = written.lines().zip(lossy.lines()).take_while(|(a, b)| a == b).count();
            return Err(CommitmentError::Line { line: same + 1, expected: "its canonical form" });
        }
        Ok(commitment)
    }

    /// Returns the digest of the text, which keys the challenge.
    pub fn digest_of_text(text: &[u8]) -> Digest {
        Hasher::new("reenact v1 commitment").bytes(text).finish()
    }
}

fn parse_lines(lines: &mut Lines<'_>) -> Result<Commitment, CommitmentError> {
    let mut field = |line: usize, name: &str, expected: &'static str| {
        let value = lines.next().and_then(|text| text.strip_prefix(name));
        value.ok_or(CommitmentError::Line { line, expected })
    };
    let refuse = |line, expected| CommitmentError::Line { line, expected };
    let spec = field(2, "spec ", "`spec DIGEST`")?;
    let frames = field(3, "frames ", "`frames NUMBER`")?;
    let head = field(4, "head ", "`head DIGEST`")?;
    let spec = spec.parse().map_err(|_| refuse(2, "`spec DIGEST`"))?;
    let frames = frames.parse().map_err(|_| refuse(3, "`frames NUMBER`"))?;
    let head = head.parse().map_err(|_| refuse(4, "`head DIGEST`"))?;
    let checkpoint = |(index, line): (usize, &str)| {
        parse_checkpoint(line).ok_or_else(|| refuse(index + 5, "`checkpoint STEP ROOT`"))
    };
    let checkpoints = lines.enumerate().map(checkpoint).collect::<Result<_, _>>()?;
    Ok(Commitment { spec, frames, head, checkpoints })
}

fn parse_checkpoint(line: &str) -> Option<(u64, StateRoot)> {
    let (step, root) = line.strip_prefix("checkpoint ")?.split_once(' ')?;
    Some((step.parse().ok()?, StateRoot(root.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn commitment() -> Commitment {
        Commitment {
            spec: Digest([1; 32]),
            frames: 12,
            head: Digest([2; 32]),
            checkpoints: vec![(0, StateRoot(Digest([3; 32]))), (10, StateRoot(Digest([4; 32])))],
        }
    }

    #[test]
    fn golden_text() {
        let text = commitment().encode();
        let expected = format!(
            "reenact commitment 1\nspec {}\nframes 12\nhead {}\ncheckpoint 0 {}\ncheckpoint 10 {}\n",
            "01".repeat(32),
            "02".repeat(32),
            "03".repeat(32),
            "04".repeat(32)
        );
        assert_eq!(text, expected);
        assert_eq!(Commitment::parse(text.as_bytes()).unwrap(), commitment());
        let digest = "7bf96482027f358a27f35275258eeb521cdc9484af44e554f713c9301f23dbcf";
        assert_eq!(Commitment::digest_of_text(text.as_bytes()).to_string(), digest);
    }

    #[test]
    fn every_flipped_bit_changes_it_or_is_refused() {
        let text = commitment().encode().into_bytes();
        for bit in 0..8 * text.len() {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let same = Commitment::parse(&flipped).is_ok_and(|found| found == commitment());
            assert!(!same, "bit {bit}");
        }
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let text = commitment().encode();
        for other in [
            text.replace("frames 12", "frames 012"),
            text.replace('\n', "\r\n"),
            text.trim_end().to_owned(),
            format!("{text}\n"),
            text.replace("commitment 1", "commitment 2"),
        ] {
            assert!(Commitment::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_commitment_is_read_again(
            (spec, frames, head) in any::<([u8; 32], u64, [u8; 32])>(),
            checkpoints in prop::collection::vec(any::<(u64, [u8; 32])>(), 0..5),
        ) {
            let root = |(step, root)| (step, StateRoot(Digest(root)));
            let checkpoints = checkpoints.into_iter().map(root).collect();
            let (spec, head) = (Digest(spec), Digest(head));
            let commitment = Commitment { spec, frames, head, checkpoints };
            prop_assert_eq!(Commitment::parse(commitment.encode().as_bytes()).unwrap(), commitment);
        }

        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Commitment::parse(&text);
        }

        #[test]
        fn no_lines_make_it_panic(lines in "reenact commitment 1\n((spec|frames|head|checkpoint) [0-9a-f ]{0,70}\n){0,6}") {
            let _ = Commitment::parse(lines.as_bytes());
        }
    }
}
