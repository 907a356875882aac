//! An object in parts, read in blocks of which the last ones stay.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use reenact_core::format::{Object, ReadAt, StoreError};

use crate::bucket::refused;
use crate::objects::{Listed, Objects};

/// What is fetched at once: a request costs as much as some megabytes.
const BLOCK_BYTES: u64 = 8 << 20;
/// Blocks that are kept of one object: who reads a tensor and its neighbour reads both once.
const BLOCKS_KEPT: usize = 3;

/// Reads an object whose parts lie one after the other.
pub(crate) struct Blocks {
    objects: Arc<dyn Objects>,
    object: Object,
    /// Each part, and where it begins.
    parts: Vec<(u64, Listed)>,
    byte_len: u64,
    kept: Mutex<VecDeque<Block>>,
}

struct Block {
    start: u64,
    bytes: Arc<Vec<u8>>,
}

impl Blocks {
    pub(crate) fn new(objects: Arc<dyn Objects>, object: Object, listed: Vec<Listed>) -> Self {
        let mut byte_len = 0_u64;
        let mut parts = Vec::with_capacity(listed.len());
        for part in listed {
            let start = byte_len;
            byte_len = byte_len.saturating_add(part.bytes);
            parts.push((start, part));
        }
        Self { objects, object, parts, byte_len, kept: Mutex::default() }
    }

    /// Returns the block that holds an offset, which begins at a multiple of its size.
    fn block(&self, offset: u64) -> Result<(u64, Arc<Vec<u8>>), StoreError> {
        let start = offset / BLOCK_BYTES * BLOCK_BYTES;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.iter().position(|block| block.start == start) {
            let block = kept.remove(found);
            if let Some(block) = block {
                let bytes = block.bytes.clone();
                kept.push_back(block);
                return Ok((start, bytes));
            }
        }
        let mut bytes = vec![0; BLOCK_BYTES.min(self.byte_len - start) as usize];
        self.fetch(start, &mut bytes)?;
        let bytes = Arc::new(bytes);
        if kept.len() == BLOCKS_KEPT {
            kept.pop_front();
        }
        kept.push_back(Block { start, bytes: bytes.clone() });
        Ok((start, bytes))
    }

    fn fetch(&self, mut offset: u64, mut into: &mut [u8]) -> Result<(), StoreError> {
        while !into.is_empty() {
            let after = self.parts.partition_point(|(start, _)| *start <= offset);
            let Some((start, part)) = self.parts.get(after.wrapping_sub(1)) else {
                return Err(self.short());
            };
            let inside = offset - start;
            let left = part.bytes.saturating_sub(inside).min(into.len() as u64) as usize;
            if left == 0 {
                return Err(self.short());
            }
            let (now, later) = into.split_at_mut(left);
            let read = self.objects.read_at(&part.name, inside, now);
            read.map_err(|error| refused(self.object, error))?;
            (offset, into) = (offset + left as u64, later);
        }
        Ok(())
    }

    fn short(&self) -> StoreError {
        let problem = io::ErrorKind::UnexpectedEof.into();
        StoreError::Io { object: self.object, problem }
    }
}

impl ReadAt for Blocks {
    fn byte_len(&self) -> u64 {
        self.byte_len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.byte_len);
        end.ok_or_else(|| self.short())?;
        let (mut offset, mut left) = (offset, buffer);
        while !left.is_empty() {
            let (start, bytes) = self.block(offset)?;
            let inside = (offset - start) as usize;
            let length = left.len().min(bytes.len() - inside);
            let (now, later) = left.split_at_mut(length);
            now.copy_from_slice(&bytes[inside..inside + length]);
            (offset, left) = (offset + length as u64, later);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Memory;

    #[test]
    fn parts_read_as_one_object_wherever_a_read_begins() {
        let content: Vec<u8> = (0..20_u64 << 20).map(|byte| (byte % 251) as u8).collect();
        let memory = Memory::default();
        for (number, part) in content.chunks(7 << 20).enumerate() {
            memory.create(&format!("c/{number:08}"), part).unwrap();
        }
        let listed = memory.list("c/", 9).unwrap();
        let blocks = Blocks::new(Arc::new(memory), Object::Journal, listed);
        assert_eq!(blocks.byte_len(), content.len() as u64);
        for (offset, length) in [(0, 10), ((7 << 20) - 3, 9), (5 << 20, 12 << 20), (0, 20 << 20)] {
            let mut found = vec![0; length];
            blocks.read_exact_at(offset as u64, &mut found).unwrap();
            assert!(found == content[offset..offset + length], "{offset}, {length}");
        }
        for (offset, length) in [(content.len() as u64, 1), (u64::MAX, 1), (0, (20 << 20) + 1)] {
            assert!(blocks.read_exact_at(offset, &mut vec![0; length]).is_err());
        }
        blocks.read_exact_at(content.len() as u64, &mut []).unwrap();
    }
}
