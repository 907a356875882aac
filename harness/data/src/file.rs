//! A file that is declared by its hash and verified as it is read.

use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bao_tree::blake3::Hash;
use bao_tree::io::EncodeError;
use bao_tree::io::sync::{ReadAt, encode_ranges_validated};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use lru::LruCache;
use reenact_core::digest::Digest;

use crate::outboard::{Outboards, Pairs};
use crate::problem::FileError;

/// Size of a piece. A smaller one makes less to read for a sample, a larger one makes the
/// outboard smaller; as many as a processor hashes side by side.
pub const PIECE_BYTES: u64 = 16 << 10;

/// Limits the verified pieces of a file that are held in memory.
pub const CACHE_BYTES: u64 = 16 << 20;

/// Limits the pieces that are verified at once.
const RUN_PIECES: u64 = 64;

/// Runs of more pieces are read through: they would push out what is read again.
const KEPT_PIECES: u64 = 4;

const BLOCK: BlockSize = BlockSize::from_chunk_log(4);
const CHUNK_BYTES: u64 = 1024;

/// Holds an open file of which nothing is believed that its declared hash does not confirm.
#[derive(Debug)]
pub struct VerifiedFile {
    path: PathBuf,
    file: File,
    hash: Digest,
    bytes: u64,
    outboards: Outboards,
    pairs: RwLock<Arc<Pairs>>,
    pieces: Mutex<LruCache<u64, Arc<[u8]>>>,
}

impl VerifiedFile {
    /// Opens the file `name` in `folder` that is declared by `hash`. Reads all of it only
    /// where there is no outboard yet.
    ///
    /// # Errors
    /// That it is not there, no regular file, or has another hash.
    pub fn open(
        folder: &Path,
        name: &str,
        hash: Digest,
        outboards: &Outboards,
    ) -> Result<Self, FileError> {
        if !is_plain(name) {
            return Err(FileError::Name { name: name.into() });
        }
        let path = folder.join(name);
        let refuse = |error| FileError::Open { path: path.clone(), error };
        // Before it is opened: opening a pipe would wait for somebody who writes.
        if !fs::metadata(&path).map_err(refuse)?.is_file() {
            return Err(FileError::NotAFile { path });
        }
        let file = File::open(&path).map_err(refuse)?;
        let metadata = file.metadata().map_err(refuse)?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile { path });
        }
        let bytes = metadata.len();
        let pairs = pairs(&path, &file, hash, bytes, outboards)?;
        let count = (CACHE_BYTES / PIECE_BYTES) as usize;
        let pieces =
            Mutex::new(LruCache::new(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)));
        let (outboards, pairs) = (outboards.clone(), RwLock::new(Arc::new(pairs)));
        Ok(Self { path, file, hash, bytes, outboards, pairs, pieces })
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the hash by which it is declared.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// Returns its size in bytes, which the hash confirms.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` with what stands at `offset`. Every piece that it touches is verified,
    /// or was before and is still held.
    ///
    /// # Errors
    /// That the bytes cannot be read, or are not the declared ones.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.bytes);
        let Some(end) = end else {
            let range = offset..offset.saturating_add(buffer.len() as u64);
            return Err(FileError::Beyond { path: self.path.clone(), range, bytes: self.bytes });
        };
        let mut at = offset;
        while at < end {
            let first = at / PIECE_BYTES;
            let last = (end - 1) / PIECE_BYTES;
            let run = match self.held(first) {
                Some(piece) => piece,
                None => self.verified(first..(last + 1).min(first + RUN_PIECES))?,
            };
            let skipped = (at - first * PIECE_BYTES) as usize;
            let count = (run.len() - skipped).min((end - at) as usize);
            let place = (at - offset) as usize;
            buffer[place..place + count].copy_from_slice(&run[skipped..skipped + count]);
            at += count as u64;
        }
        Ok(())
    }

    fn held(&self, piece: u64) -> Option<Arc<[u8]>> {
        // What is held is whole, whoever panicked while holding the lock.
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.get(&piece).cloned()
    }

    /// Reads and verifies successive pieces.
    fn verified(&self, pieces: Range<u64>) -> Result<Arc<[u8]>, FileError> {
        let end = (pieces.end * PIECE_BYTES).min(self.bytes);
        let range = pieces.start * PIECE_BYTES..end;
        let pairs = Arc::clone(&self.pairs.read().unwrap_or_else(PoisonError::into_inner));
        let run = match read(&self.path, &self.file, &pairs, range.clone())? {
            Read::Verified(run) => run,
            Read::WrongPairs => {
                let (path, hash) = (&self.path, self.hash);
                let made = Arc::new(make(path, &self.file, hash, self.bytes, &self.outboards)?);
                *self.pairs.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&made);
                match read(path, &self.file, &made, range.clone())? {
                    Read::Verified(run) => run,
                    Read::WrongPairs => {
                        return Err(FileError::Changed { path: path.clone(), range });
                    }
                }
            }
        };
        if pieces.end - pieces.start <= KEPT_PIECES {
            let mut held = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
            for (piece, bytes) in pieces.zip(run.chunks(PIECE_BYTES as usize)) {
                held.put(piece, bytes.into());
            }
        }
        Ok(run)
    }
}

/// Says whether a name is one file in a folder: no way leads out of it.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let is_one = matches!(parts.next(), Some(std::path::Component::Normal(part)) if part == name);
    is_one && parts.next().is_none() && !name.contains(['/', '\\', '\0'])
}

/// Finds an outboard that fits both ends of the file, or makes one. The last piece confirms
/// the size.
fn pairs(
    path: &Path,
    file: &File,
    hash: Digest,
    bytes: u64,
    outboards: &Outboards,
) -> Result<Pairs, FileError> {
    let tree = BaoTree::new(bytes, BLOCK);
    for pairs in outboards.found(Hash::from_bytes(hash.0), tree) {
        let last = bytes.saturating_sub(1) / PIECE_BYTES * PIECE_BYTES;
        let ends = [0..bytes.min(PIECE_BYTES), last..bytes];
        let fits = |range| Ok(matches!(read(path, file, &pairs, range)?, Read::Verified(_)));
        // Where data do not fit, one pass says what the file is instead.
        if ends.into_iter().map(fits).all(|fits: Result<_, FileError>| matches!(fits, Ok(true))) {
            return Ok(pairs);
        }
    }
    make(path, file, hash, bytes, outboards)
}

fn make(
    path: &Path,
    file: &File,
    hash: Digest,
    bytes: u64,
    outboards: &Outboards,
) -> Result<Pairs, FileError> {
    let tree = BaoTree::new(bytes, BLOCK);
    let made = outboards.make(file, Hash::from_bytes(hash.0), tree).map_err(|error| {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Truncated { path, range: 0..bytes },
            _ => FileError::Outboard { path, error },
        }
    })?;
    let found = Digest(*made.root.as_bytes());
    if found != hash {
        return Err(FileError::Other { path: path.to_owned(), declared: hash, found });
    }
    Ok(made)
}

/// What came of reading pieces.
enum Read {
    Verified(Arc<[u8]>),
    /// The outboard is wrong, which says nothing about the file.
    WrongPairs,
}

/// Reads whole pieces once, and verifies the very bytes that it returns.
fn read(path: &Path, file: &File, pairs: &Pairs, range: Range<u64>) -> Result<Read, FileError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(range.start, &mut bytes).map_err(|error| {
        let (path, range) = (path.to_owned(), range.clone());
        match error.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Truncated { path, range },
            _ => FileError::Read { path, range, error },
        }
    })?;
    let piece = Piece { offset: range.start, bytes: &bytes };
    let chunks =
        ChunkNum(range.start / CHUNK_BYTES)..ChunkNum(range.end.div_ceil(CHUNK_BYTES).max(1));
    let verified = encode_ranges_validated(piece, pairs, &ChunkRanges::from(chunks), io::sink());
    match verified {
        Ok(()) => Ok(Read::Verified(bytes.into())),
        Err(EncodeError::LeafHashMismatch(chunk)) => {
            let start = chunk.to_bytes();
            let range = start..(start + PIECE_BYTES).min(range.end);
            Err(FileError::Changed { path: path.to_owned(), range })
        }
        Err(_) => Ok(Read::WrongPairs),
    }
}

/// Gives the bytes that were read as the part of the file that they are.
struct Piece<'a> {
    offset: u64,
    bytes: &'a [u8],
}

impl ReadAt for Piece<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = offset.checked_sub(self.offset).ok_or(io::ErrorKind::InvalidInput)?;
        let start = usize::try_from(start).map_err(io::Error::other)?;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
