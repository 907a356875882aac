//! Journals whose chain is right, whatever their frames hold. Written beside
//! the library's own writer, from the format's description.

use std::collections::BTreeMap;

use reenact_core::digest::{Digest, Hasher};
use reenact_core::format::Commitment;
use reenact_core::state::StateRoot;

/// One domain a frame kind; any other kind takes the first.
const DOMAINS: [&str; 9] = [
    "reenact v1 journal run-started",
    "reenact v1 journal layouts",
    "reenact v1 journal step",
    "reenact v1 journal checkpoint",
    "reenact v1 journal run-resumed",
    "reenact v1 journal run-interrupted",
    "reenact v1 journal run-finished",
    "reenact v1 journal kernel-selections",
    "reenact v1 journal run-ended",
];
/// Bytes in front of the first frame.
const HEADER_BYTES: usize = 20;
/// Bytes in front of a payload.
const HEAD_BYTES: usize = 14;
/// Bytes after a payload.
const CHAIN_BYTES: usize = 32;
/// Kind of the frame that names a checkpoint.
const CHECKPOINT: u16 = 3;

/// The kind and payload of one frame, whatever they hold.
pub type RawFrame = (u16, Vec<u8>);

/// Returns the 20 bytes that come first.
pub fn header() -> Vec<u8> {
    [&b"reenact journal\n"[..], &2u32.to_le_bytes()].concat()
}

/// Cuts an input into frames: a kind in one byte, a length in two, a payload.
pub fn cut(mut data: &[u8]) -> Vec<RawFrame> {
    let mut frames = Vec::new();
    while let Some((&[kind, low, high], rest)) = data.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        frames.push((u16::from(kind), payload.to_vec()));
        data = rest;
    }
    frames
}

/// Writes frames as an input that [`cut`] takes apart.
pub fn joined(frames: &[RawFrame]) -> Vec<u8> {
    let mut data = Vec::new();
    for (kind, payload) in frames {
        data.push(*kind as u8);
        data.extend_from_slice(&(payload.len() as u16).to_le_bytes());
        data.extend_from_slice(payload);
    }
    data
}

/// Reads a journal's frames without decoding them, as far as their lengths go.
pub fn raw(journal: &[u8]) -> Vec<RawFrame> {
    let mut frames = Vec::new();
    let mut rest = journal.get(HEADER_BYTES..).unwrap_or_default();
    while let Some((head, body)) = rest.split_first_chunk::<HEAD_BYTES>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_le_bytes([head[4], head[5]]);
        let payload = &body[..length.min(body.len())];
        frames.push((kind, payload.to_vec()));
        rest = body.get(payload.len() + CHAIN_BYTES..).unwrap_or_default();
    }
    frames
}

/// Chains frames anew. Returns the journal and the chain after its last frame.
pub fn chained(frames: &[RawFrame]) -> (Vec<u8>, Digest) {
    let mut journal = header();
    let mut chain = Hasher::new("reenact v1 journal header").fixed(&journal).finish();
    for ((kind, payload), sequence) in frames.iter().zip(0u64..) {
        let start = journal.len();
        journal.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        journal.extend_from_slice(&kind.to_le_bytes());
        journal.extend_from_slice(&sequence.to_le_bytes());
        journal.extend_from_slice(payload);
        let domain = DOMAINS.get(usize::from(*kind)).copied().unwrap_or(DOMAINS[0]);
        chain = Hasher::new(domain).fixed(&chain.0).fixed(&journal[start..]).finish();
        journal.extend_from_slice(&chain.0);
    }
    (journal, chain)
}

/// Commits to frames.
pub fn commitment(frames: &[RawFrame], head: Digest, spec: Digest) -> Commitment {
    let named = frames.iter().filter_map(checkpoint_of);
    let checkpoints: BTreeMap<u64, StateRoot> = named.collect();
    let checkpoints = checkpoints.into_iter().collect();
    Commitment { spec, frames: frames.len() as u64, head, checkpoints }
}

/// Returns what a checkpoint frame names.
pub fn checkpoint_of((kind, payload): &RawFrame) -> Option<(u64, StateRoot)> {
    let (step, root) = payload.split_first_chunk()?;
    let root = StateRoot(Digest(root.try_into().ok()?));
    (*kind == CHECKPOINT).then_some((u64::from_le_bytes(*step), root))
}
