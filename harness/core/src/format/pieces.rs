//! Reading an object in pieces, one piece ahead of whoever works on them.
//!
//! Hashing runs at about the speed of copying from the page cache; a second
//! thread that reads ahead hides the copying. The pieces are few and of fixed
//! size, so memory does not grow with the object.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::{ReadAt, StoreError};

const PIECE_BYTES: u64 = 1 << 18;
const PIECES: usize = 4;

type Piece = Result<Vec<u8>, StoreError>;

/// Gives the bytes of a range of an object, in order.
pub(crate) struct Pieces {
    full: Receiver<Piece>,
    empty: Sender<Vec<u8>>,
    piece: Vec<u8>,
    used: usize,
}

/// Reads `range` of `source` ahead while `work` consumes it.
pub(crate) fn read_ahead<R>(
    source: &dyn ReadAt,
    range: Range<u64>,
    work: impl FnOnce(&mut Pieces) -> R,
) -> R {
    let (full_sender, full) = sync_channel(PIECES);
    let (empty, empty_receiver) = channel();
    for _ in 0..PIECES {
        empty.send(Vec::new()).expect("the receiver lives");
    }
    let mut pieces = Pieces { full, empty, piece: Vec::new(), used: 0 };
    if range.end - range.start <= PIECE_BYTES {
        // Not worth a thread.
        fill(source, range, &full_sender, &empty_receiver);
        drop(full_sender);
        return work(&mut pieces);
    }
    std::thread::scope(|scope| {
        scope.spawn(move || fill(source, range, &full_sender, &empty_receiver));
        let result = work(&mut pieces);
        // Ends the reader if `work` gave up early.
        drop(pieces);
        result
    })
}

fn fill(
    source: &dyn ReadAt,
    range: Range<u64>,
    full: &SyncSender<Piece>,
    empty: &Receiver<Vec<u8>>,
) {
    let mut offset = range.start;
    while offset < range.end {
        let Ok(mut piece) = empty.recv() else { return };
        let bytes = (range.end - offset).min(PIECE_BYTES);
        piece.resize(bytes as usize, 0);
        let read = source.read_exact_at(offset, &mut piece);
        let failed = read.is_err();
        if full.send(read.map(|()| piece)).is_err() || failed {
            return;
        }
        offset += bytes;
    }
}

impl Pieces {
    /// Makes sure that unused bytes are at hand and returns how many.
    fn ready(&mut self) -> Result<usize, StoreError> {
        if self.used == self.piece.len() {
            let next = self.full.recv().expect("a caller takes no more than the range holds")?;
            let done = std::mem::replace(&mut self.piece, next);
            self.used = 0;
            // The reader may have finished and gone.
            let _ = self.empty.send(done);
        }
        Ok(self.piece.len() - self.used)
    }

    /// Hands the next `bytes` to `work`, in pieces.
    pub(crate) fn take(
        &mut self,
        mut bytes: u64,
        mut work: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        while bytes > 0 {
            let now = (self.ready()? as u64).min(bytes) as usize;
            work(&self.piece[self.used..self.used + now]);
            self.used += now;
            bytes -= now as u64;
        }
        Ok(())
    }

    /// Hands the next `bytes` of two objects to `work`, in pairs of equally
    /// long pieces.
    pub(crate) fn zip(
        &mut self,
        other: &mut Self,
        mut bytes: u64,
        mut work: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), StoreError> {
        while bytes > 0 {
            let now = self.ready()?.min(other.ready()?);
            // Whole elements only: both sides stand at the same place in the
            // tensor, and elements are at most eight bytes.
            let now = (now as u64).min(bytes) as usize;
            work(
                &self.piece[self.used..self.used + now],
                &other.piece[other.used..other.used + now],
            );
            self.used += now;
            other.used += now;
            bytes -= now as u64;
        }
        Ok(())
    }
}
