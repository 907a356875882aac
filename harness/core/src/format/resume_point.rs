//! The resume point: where a recorder that was asked to stop goes on.
//!
//! It lies beside a recording and is no part of it: nothing commits to it, and
//! no audit reads it. The recorder writes it for itself, and believes it only as
//! far as its own journal says the same.

use crate::digest::Digest;
use crate::state::StateRoot;

/// Limits a resume point; a real one stays below it.
pub const RESUME_POINT_BYTES_MAX: u64 = 512;

const TITLE: &str = "reenact resume 1";

/// Names the step that comes next, and binds its state to a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The step that comes next.
    pub step: u64,
    /// Number of frames in the journal, the interruption included.
    pub frames: u64,
    /// The journal's chain after the last of them.
    pub head: Digest,
    /// Root of the state beside it.
    pub root: StateRoot,
}

impl ResumePoint {
    /// Writes the text.
    pub fn encode(&self) -> String {
        let Self { step, frames, head, root } = self;
        format!("{TITLE}\nstep {step}\nframes {frames}\nhead {head}\nroot {root}\n")
    }

    /// Reads a text that [`ResumePoint::encode`] wrote, and no other.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.lines();
        (lines.next()? == TITLE).then_some(())?;
        let mut field = |name| lines.next()?.strip_prefix(name);
        let point = Self {
            step: field("step ")?.parse().ok()?,
            frames: field("frames ")?.parse().ok()?,
            head: field("head ")?.parse().ok()?,
            root: StateRoot(field("root ")?.parse().ok()?),
        };
        (point.encode() == text).then_some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point() -> ResumePoint {
        let (head, root) = (Digest([2; 32]), StateRoot(Digest([3; 32])));
        ResumePoint { step: 40, frames: 12, head, root }
    }

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let text = point().encode();
        assert!((text.len() as u64) < RESUME_POINT_BYTES_MAX);
        assert_eq!(ResumePoint::parse(text.as_bytes()), Some(point()));
        let others = [
            text.replace("resume 1", "resume 2"),
            text.replace("step 40", "step 040"),
            text.replace("step 40", "step -1"),
            text.replace("\n", "\r\n"),
            format!("{text}more\n"),
            text[..text.len() - 2].to_owned(),
            String::new(),
        ];
        for other in others {
            assert_eq!(ResumePoint::parse(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ResumePoint::parse(&text);
        }
    }
}
