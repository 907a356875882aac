//! Recordings that were edited: bluntly, or by an insider who recomputes every
//! digest.

use std::collections::BTreeMap;

use reenact_core::format::{Checkpoint, Object};
use reenact_core::in_memory::{MemoryFile, MemoryRun};
use reenact_core::spec::Spec;
use reenact_core::state::StateRoot;

use crate::frames::{RawFrame, chained, checkpoint_of, commitment, raw};

/// Bytes of an edit before what it writes: object, kind, offset, length.
const EDIT_BYTES: usize = 5;
/// Limits a copy of one object over another.
const COPIED_BYTES_MAX: usize = 1 << 12;

/// Cuts an input into the objects of the honest recording, each with a length
/// of two bytes in front.
pub fn cut(honest: &MemoryRun, mut data: &[u8]) -> MemoryRun {
    let mut run = MemoryRun::default();
    for name in honest.objects.keys() {
        let Some((length, rest)) = data.split_first_chunk() else { break };
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        run.objects.insert(*name, bytes.to_vec());
        data = rest;
    }
    run
}

/// Applies the edits that an input spells.
pub fn edited(honest: &MemoryRun, mut data: &[u8]) -> MemoryRun {
    let names: Vec<Object> = honest.objects.keys().copied().collect();
    let mut run = honest.clone();
    while let Some((&[object, kind, low, high, length], rest)) =
        data.split_first_chunk::<EDIT_BYTES>()
    {
        let (bytes, rest) = rest.split_at(usize::from(length).min(rest.len()));
        data = rest;
        let name = names[usize::from(object) % names.len()];
        let at = usize::from(u16::from_le_bytes([low, high]));
        let other = honest.objects[&names[usize::from(length) % names.len()]].as_slice();
        let Some(content) = run.objects.get_mut(&name) else { continue };
        let at = at % (content.len() + 1);
        match kind % 7 {
            0 => overwrite(content, at, bytes),
            1 => drop(content.splice(at..at, bytes.iter().copied())),
            2 => drop(content.drain(at..(at + usize::from(length)).min(content.len()))),
            3 => content.truncate(at),
            4 => drop(run.objects.remove(&name)),
            5 => overwrite(content, at, other),
            _ => flip(content, at, length),
        }
    }
    run
}

fn overwrite(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = (at + bytes.len()).min(COPIED_BYTES_MAX.max(content.len()));
    content.resize(content.len().max(end), 0);
    content[at..end].copy_from_slice(&bytes[..end - at]);
}

fn flip(content: &mut [u8], at: usize, bit: u8) {
    if let Some(byte) = content.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
}

/// Recomputes roots, names, digests, chain and commitment, as far as the
/// content lets it.
pub fn reforged(run: &MemoryRun) -> MemoryRun {
    let mut forged = run.clone();
    let renamed = rename_checkpoints(&mut forged);
    let journal = run.objects.get(&Object::Journal).map(Vec::as_slice).unwrap_or_default();
    let mut frames = raw(journal);
    frames.iter_mut().for_each(|frame| rename(frame, &renamed));
    let text = run.objects.get(&Object::Spec).map(Vec::as_slice).unwrap_or_default();
    let spec = Spec::digest_of_text(text);
    if let Some((0, payload)) = frames.first_mut()
        && let Some(digest) = payload.first_chunk_mut()
    {
        *digest = spec.0;
    }
    let (journal, head) = chained(&frames);
    let commitment = commitment(&frames, head, spec).encode().into_bytes();
    forged.objects.insert(Object::Journal, journal);
    forged.objects.insert(Object::Commitment, commitment);
    forged.objects.remove(&Object::Signature);
    forged
}

fn rename_checkpoints(run: &mut MemoryRun) -> BTreeMap<StateRoot, StateRoot> {
    let mut renamed = BTreeMap::new();
    for (name, content) in run.objects.clone() {
        let Object::Checkpoint(before) = name else { continue };
        let opened = Checkpoint::open(Box::new(MemoryFile::new(content.clone())));
        if let Ok(after) = opened.and_then(|checkpoint| checkpoint.root())
            && after != before
        {
            run.objects.remove(&name);
            run.objects.insert(Object::Checkpoint(after), content);
            renamed.insert(before, after);
        }
    }
    renamed
}

fn rename(frame: &mut RawFrame, renamed: &BTreeMap<StateRoot, StateRoot>) {
    if let Some((_, root)) = checkpoint_of(frame)
        && let Some(after) = renamed.get(&root)
    {
        frame.1[8..].copy_from_slice(&after.0.0);
    }
}
