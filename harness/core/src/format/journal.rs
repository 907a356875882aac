//! The journal: what the trainer recorded, frame by frame, hash-chained.
//!
//! ```text
//! "reenact journal\n"  16 bytes
//! format               u32, JOURNAL_FORMAT
//! frame*               length u32 | kind u16 | sequence u64 | payload | chain [32]
//! ```
//!
//! All integers are little-endian. `length` counts the payload. The payload is
//! the bincode of the event (see [`crate::codec`]). `sequence` starts at 0 and
//! has no gaps. `chain` is BLAKE3, in a domain per kind, over the previous
//! frame's chain and everything of this frame before it; the first frame's
//! predecessor is the hash of the 20 bytes in front.

use super::conversion::converted_journal;
use super::event::{DOMAINS, Event, KINDS, PAYLOAD_BYTES_MAX};
use super::pieces::Pieces;
use super::{History, ReadAt, StoreError};
use crate::codec::CodecError;
use crate::digest::{Digest, Hasher};

/// Format version of the journal.
///
/// 1: the first (2026-11).
/// 2: a run may end early (2026-11).
/// 3: a step may say what it launched (2026-11).
/// 4: a step may hold what was measured after it (2026-11). The formats before it are read as
/// well.
pub const JOURNAL_FORMAT: u32 = 4;

const MAGIC: &[u8; 16] = b"reenact journal\n";
const HEADER_BYTES: u64 = 20;
pub(super) const FRAME_HEAD_BYTES: usize = 14;
pub(super) const CHAIN_BYTES: usize = 32;
/// Limits the zeros that are read to tell a power failure from an alteration.
const ZEROS_BYTES_MAX: u64 = 1 << 24;

/// Says why a journal cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file does not begin as a journal.
    #[error("byte 0: this is no journal")]
    Magic,
    /// A tool has taken it for a text.
    #[error(
        "byte 0: it was converted as if it were a text (line ends, or a byte order mark): copy \
         it once more from where it was recorded, byte by byte, and have git leave the recording \
         as it is (`RUN/** -text` in .gitattributes)"
    )]
    Converted,
    /// The journal names a format that never was.
    #[error("there is no journal format {found}; the first is 1")]
    TooOld {
        /// What the journal says.
        found: u32,
    },
    /// The journal was written by a newer reenact.
    #[error("journal format {found} is newer than {JOURNAL_FORMAT}; use a newer reenact")]
    TooNew {
        /// What the journal says.
        found: u32,
    },
    /// A frame is of no known kind or too long.
    #[error("frame {sequence} at byte {at}: {problem}")]
    Frame {
        /// Number of the frame.
        sequence: u64,
        /// Its offset in the file.
        at: u64,
        /// What is wrong.
        problem: String,
    },
    /// A frame does not continue the chain.
    #[error(
        "frame {sequence} at byte {at}: the hash chain is broken; this frame or one before it was altered"
    )]
    Chain {
        /// Number of the frame.
        sequence: u64,
        /// Its offset in the file.
        at: u64,
    },
}

/// Holds one frame as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// What it records.
    pub event: Event,
    /// Its number.
    pub sequence: u64,
    /// Its offset in the file.
    pub at: u64,
    /// The chain's value after it.
    pub chain: Digest,
}

/// Says how the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// After a whole frame.
    Whole,
    /// Inside a frame, as when the recorder is killed while it writes.
    Torn {
        /// Bytes of the unfinished frame.
        bytes: u64,
    },
}

fn header(format: u32) -> [u8; HEADER_BYTES as usize] {
    let mut bytes = [0; HEADER_BYTES as usize];
    bytes[..16].copy_from_slice(MAGIC);
    bytes[16..].copy_from_slice(&format.to_le_bytes());
    bytes
}

fn chain_start(format: u32) -> Digest {
    Hasher::new("reenact v1 journal header").fixed(&header(format)).finish()
}

/// Returns how many kinds of frames a format has.
fn kinds(format: u32) -> u16 {
    KINDS[format as usize - 1]
}

pub(super) fn chain_next(previous: Digest, kind: u16, head_and_payload: &[&[u8]]) -> Digest {
    let mut hasher = DOMAINS[usize::from(kind)].hasher();
    hasher.fixed(&previous.0);
    for part in head_and_payload {
        hasher.fixed(part);
    }
    hasher.finish()
}

/// Encodes frames, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalWriter {
    format: u32,
    sequence: u64,
    chain: Digest,
}

impl JournalWriter {
    /// Starts a journal; the returned bytes come first in the file.
    pub fn start() -> (Self, Vec<u8>) {
        let (format, sequence) = (JOURNAL_FORMAT, 0);
        let chain = chain_start(format);
        (Self { format, sequence, chain }, header(format).to_vec())
    }

    /// Goes on after the last whole frame of a journal that was read.
    pub fn resume(history: &History) -> Self {
        Self { format: history.format, sequence: history.frames, chain: history.head }
    }

    /// Says whether the journal's format has a place for what a step launched.
    pub fn holds_launches(&self) -> bool {
        self.format >= 3
    }

    /// Encodes the next frame.
    pub fn frame(&mut self, event: &Event) -> Result<Vec<u8>, CodecError> {
        let payload = event.payload()?;
        let kind = event.kind();
        // What no reader would take must not be written.
        if kind >= kinds(self.format) {
            let problem =
                format!("a journal of format {} has no frame of kind {kind}", self.format);
            return Err(CodecError::Malformed(problem));
        }
        if payload.len() > PAYLOAD_BYTES_MAX[usize::from(kind)] {
            return Err(CodecError::TooLarge);
        }
        let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len() + CHAIN_BYTES);
        frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        frame.extend_from_slice(&kind.to_le_bytes());
        frame.extend_from_slice(&self.sequence.to_le_bytes());
        frame.extend_from_slice(&payload);
        self.chain = chain_next(self.chain, kind, &[&frame]);
        self.sequence += 1;
        frame.extend_from_slice(&self.chain.0);
        Ok(frame)
    }

    /// Returns the chain's value after the last frame.
    pub fn head(&self) -> Digest {
        self.chain
    }

    /// Returns the number of frames so far.
    pub fn frames(&self) -> u64 {
        self.sequence
    }
}

/// Reads a journal frame by frame; memory does not grow with its length.
pub struct FrameReader<'a> {
    format: u32,
    source: &'a dyn ReadAt,
    at: u64,
    sequence: u64,
    chain: Digest,
    tail: Tail,
}

impl<'a> FrameReader<'a> {
    /// Opens a journal and checks its first 20 bytes.
    pub fn open(source: &'a dyn ReadAt) -> Result<Self, JournalError> {
        let mut found = [0; HEADER_BYTES as usize];
        let have = source.byte_len().min(HEADER_BYTES) as usize;
        source.read_exact_at(0, &mut found[..have])?;
        let of = |format| {
            let (at, chain) = (HEADER_BYTES, chain_start(format));
            Self { format, source, at, sequence: 0, chain, tail: Tail::Whole }
        };
        if have < HEADER_BYTES as usize {
            let mut reader = of(JOURNAL_FORMAT);
            if (1..=JOURNAL_FORMAT).all(|format| found[..have] != header(format)[..have]) {
                return Err(JournalError::Magic);
            }
            (reader.at, reader.tail) = (0, Tail::Torn { bytes: have as u64 });
            return Ok(reader);
        }
        if converted_journal(&found) {
            return Err(JournalError::Converted);
        }
        let (magic, format) = found.split_at(16);
        if magic != MAGIC {
            return Err(JournalError::Magic);
        }
        match u32::from_le_bytes([format[0], format[1], format[2], format[3]]) {
            0 => Err(JournalError::TooOld { found: 0 }),
            format if format <= JOURNAL_FORMAT => Ok(of(format)),
            found => Err(JournalError::TooNew { found }),
        }
    }

    /// Reads the next frame; none at the end ([`FrameReader::tail`] says how
    /// the journal ends).
    pub fn next_frame(&mut self) -> Result<Option<Frame>, JournalError> {
        let left = self.source.byte_len() - self.at;
        if left == 0 || self.tail != Tail::Whole {
            return Ok(None);
        }
        let mut head = [0; FRAME_HEAD_BYTES];
        if left < FRAME_HEAD_BYTES as u64 {
            return self.torn(left);
        }
        self.source.read_exact_at(self.at, &mut head)?;
        if head == [0; FRAME_HEAD_BYTES] && left <= ZEROS_BYTES_MAX && self.only_zeros()? {
            return self.torn(left);
        }
        let (payload_bytes, kind) = self.check_head(&head)?;
        let frame_bytes = (FRAME_HEAD_BYTES + payload_bytes + CHAIN_BYTES) as u64;
        if left < frame_bytes {
            return self.torn(left);
        }
        let mut rest = vec![0; payload_bytes + CHAIN_BYTES];
        self.source.read_exact_at(self.at + FRAME_HEAD_BYTES as u64, &mut rest)?;
        let (payload, chain) = rest.split_at(payload_bytes);
        let (at, sequence) = (self.at, self.sequence);
        let expected = chain_next(self.chain, kind, &[&head, payload]);
        if chain != expected.0 {
            return Err(JournalError::Chain { sequence, at });
        }
        let event = Event::decode(kind, payload).map_err(|error| JournalError::Frame {
            sequence,
            at,
            problem: error.to_string(),
        })?;
        self.at += frame_bytes;
        self.sequence += 1;
        self.chain = expected;
        Ok(Some(Frame { event, sequence, at, chain: expected }))
    }

    /// After a power failure a file may have its new length, but zeros where
    /// its content had not been written yet.
    fn only_zeros(&self) -> Result<bool, StoreError> {
        let mut zeros = true;
        let end = self.source.byte_len();
        Pieces::new(self.source)
            .read(self.at..end, |piece| zeros &= piece.iter().all(|byte| *byte == 0))?;
        Ok(zeros)
    }

    fn check_head(&self, head: &[u8; FRAME_HEAD_BYTES]) -> Result<(usize, u16), JournalError> {
        let refuse = |problem: String| {
            Err(JournalError::Frame { sequence: self.sequence, at: self.at, problem })
        };
        let payload_bytes = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_le_bytes([head[4], head[5]]);
        let (_, sequence) = head.split_last_chunk().expect("a head has 14 bytes");
        let sequence = u64::from_le_bytes(*sequence);
        let known = PAYLOAD_BYTES_MAX.get(usize::from(kind)).filter(|_| kind < kinds(self.format));
        let Some(&limit) = known else {
            return refuse(format!("there is no frame kind {kind}"));
        };
        if payload_bytes > limit {
            return refuse(format!("a payload of {payload_bytes} bytes is too long for its kind"));
        }
        if sequence != self.sequence {
            return refuse(format!("its number is {sequence}: frames are missing or out of order"));
        }
        Ok((payload_bytes, kind))
    }

    fn torn(&mut self, bytes: u64) -> Result<Option<Frame>, JournalError> {
        self.tail = Tail::Torn { bytes };
        Ok(None)
    }

    /// Says how the journal ends, once [`FrameReader::next_frame`] gave none.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Returns the offset after the last whole frame.
    pub fn whole_bytes(&self) -> u64 {
        self.at
    }

    /// Returns the chain's value after the last whole frame.
    pub fn head(&self) -> Digest {
        self.chain
    }

    /// Returns the format that the journal names.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Returns the number of whole frames read.
    pub fn frames(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests;
