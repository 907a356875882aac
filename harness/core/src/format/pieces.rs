//! Reading an object in pieces.
//!
//! There is one buffer of a fixed size, so memory does not grow with the
//! object. It is small enough to stay in a core's cache between the reading and
//! the work on it: hashing then runs about as fast as over bytes in memory, and
//! a second thread that reads ahead would bring nothing.

use std::ops::{ControlFlow, Range};

use super::{ReadAt, StoreError};

/// Size of a piece; a multiple of every element's size and a power of two (see
/// [`Pieces::read_aligned`]).
pub(super) const PIECE_BYTES: u64 = 1 << 17;

/// Reads ranges of one object.
pub(super) struct Pieces<'a> {
    source: &'a dyn ReadAt,
    buffer: Vec<u8>,
}

impl<'a> Pieces<'a> {
    /// Starts with an empty buffer.
    pub(super) fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, buffer: Vec::new() }
    }

    /// Hands a range to `work`, piece by piece.
    pub(super) fn read(
        &mut self,
        range: Range<u64>,
        work: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        self.read_aligned(range, PIECE_BYTES, work)
    }

    /// Hands a range to `work`, piece by piece, the first with at most `first`
    /// bytes. BLAKE3 is a fifth slower over pieces that begin within one of its
    /// subtrees; a shorter first one makes room for what was hashed before.
    pub(super) fn read_aligned(
        &mut self,
        range: Range<u64>,
        first: u64,
        mut work: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        let (mut at, mut most) = (range.start, first);
        while at < range.end {
            let bytes = (range.end - at).min(most);
            work(self.fill(at, bytes)?);
            at += bytes;
            most = PIECE_BYTES;
        }
        Ok(())
    }

    /// Hands `bytes` of two objects, from an offset in each, to `work` in pairs
    /// of equally long pieces, which hold whole elements, until it breaks off.
    pub(super) fn zip(
        &mut self,
        other: &mut Self,
        (start, other_start): (u64, u64),
        bytes: u64,
        mut work: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut done = 0;
        while done < bytes {
            let now = (bytes - done).min(PIECE_BYTES);
            let pair = (self.fill(start + done, now)?, other.fill(other_start + done, now)?);
            if work(pair.0, pair.1).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            done += now;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn fill(&mut self, offset: u64, bytes: u64) -> Result<&[u8], StoreError> {
        let bytes = bytes as usize;
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        self.source.read_exact_at(offset, &mut self.buffer[..bytes])?;
        Ok(&self.buffer[..bytes])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_memory::MemoryFile;

    const LEN: u64 = 3 * PIECE_BYTES + 5;

    fn file() -> (Vec<u8>, MemoryFile) {
        let bytes: Vec<u8> = (0..LEN).map(|i| (i ^ i >> 7) as u8).collect();
        (bytes.clone(), MemoryFile::new(bytes))
    }

    #[test]
    fn pieces_make_the_range() {
        let (bytes, file) = file();
        for first in [1, 1000, PIECE_BYTES] {
            let (mut read, mut lengths) = (Vec::new(), Vec::new());
            let take = |piece: &[u8]| {
                read.extend_from_slice(piece);
                lengths.push(piece.len() as u64);
            };
            Pieces::new(&file).read_aligned(7..LEN, first, take).unwrap();
            assert_eq!(read, bytes[7..]);
            assert_eq!(lengths[..2], [first, PIECE_BYTES]);
        }
    }

    #[test]
    fn pairs_stand_at_the_same_place() {
        let (bytes, file) = file();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let take = |left: &[u8], right: &[u8]| {
            assert_eq!(left.len(), right.len());
            a.extend_from_slice(left);
            b.extend_from_slice(right);
            ControlFlow::Continue(())
        };
        let mut other = Pieces::new(&file);
        let end = Pieces::new(&file).zip(&mut other, (5, 2), LEN - 5, take).unwrap();
        assert_eq!((&a[..], &b[..]), (&bytes[5..], &bytes[2..bytes.len() - 3]));
        let mut pairs = 0;
        let first = |_: &[u8], _: &[u8]| {
            pairs += 1;
            ControlFlow::Break(())
        };
        let broken = Pieces::new(&file).zip(&mut other, (5, 2), LEN - 5, first).unwrap();
        assert!(end.is_continue() && broken.is_break() && pairs == 1);
    }
}
