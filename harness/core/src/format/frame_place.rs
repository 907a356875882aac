//! Where a frame lies that was read before, and is read again when it is needed.

use super::event::DOMAINS;
use super::journal::{CHAIN_BYTES, FRAME_HEAD_BYTES, Frame, JournalError, chain_next};
use super::{Event, ReadAt};
use crate::codec::VALUE_BYTES_MAX;
use crate::digest::Digest;
use crate::trace::StepTrace;

/// Names a frame in a journal, but the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct FramePlace {
    at: u64,
    /// The beginning of its chain. Whoever writes into a journal while it is audited
    /// would have to meet it within the audit.
    chain: [u8; 8],
}

impl FramePlace {
    /// Remembers where a frame lies.
    pub(super) fn of(frame: &Frame) -> Self {
        Self { at: frame.at, chain: beginning(frame.chain) }
    }

    /// Reads the step of the frame again. It has to be the very one that was read before.
    pub(super) fn step(self, source: &dyn ReadAt) -> Result<StepTrace, JournalError> {
        let mut before = [0; CHAIN_BYTES];
        let mut head = [0; FRAME_HEAD_BYTES];
        let refuse = |sequence: &[u8; 8]| {
            let (sequence, at) = (u64::from_le_bytes(*sequence), self.at);
            JournalError::Frame { sequence, at, problem: "it was changed while it was read".into() }
        };
        source.read_exact_at(self.at - CHAIN_BYTES as u64, &mut before)?;
        source.read_exact_at(self.at, &mut head)?;
        let payload_bytes = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_le_bytes([head[4], head[5]]);
        let (_, sequence) = head.split_last_chunk().expect("a head has 14 bytes");
        if payload_bytes > VALUE_BYTES_MAX || usize::from(kind) >= DOMAINS.len() {
            return Err(refuse(sequence));
        }
        let mut payload = vec![0; payload_bytes];
        source.read_exact_at(self.at + FRAME_HEAD_BYTES as u64, &mut payload)?;
        let chain = chain_next(Digest(before), kind, &[&head, &payload]);
        if beginning(chain) != self.chain {
            return Err(refuse(sequence));
        }
        match Event::decode(kind, &payload) {
            Ok(Event::Step(trace)) => Ok(trace),
            _ => Err(refuse(sequence)),
        }
    }
}

fn beginning(chain: Digest) -> [u8; 8] {
    *chain.0.first_chunk().expect("a digest has 32 bytes")
}
