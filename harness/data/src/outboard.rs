//! The hashes inside a file's BLAKE3 tree, kept beside it.
//!
//! An outboard holds two hashes (64 bytes) for each inner node above the pieces, the root
//! first, then what is left of it, then what is right: the pre-order of the format Bao,
//! without its length. That is 1/256 of the file. Whoever wrote it is not trusted: each pair
//! is checked against the hash above it, the first against the declared one.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::PathBuf;

use bao_tree::BaoTree;
use bao_tree::blake3::Hash;
use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::io::sync::outboard;
use tempfile::NamedTempFile;

/// The pairs of hashes in a file.
pub(crate) type Pairs = PreOrderOutboard<File>;

/// How much is read at once to make an outboard.
const READ_BYTES: usize = 1 << 20;

/// Says where outboards are looked for, and where those are kept that are made here.
#[derive(Clone, Debug, Default)]
pub struct Outboards {
    beside: Vec<PathBuf>,
    cache: Option<PathBuf>,
}

impl Outboards {
    /// Looks in the folders `beside` (a recording's, say), which are not written to, then in
    /// `cache`. Where there is no cache, what is made lies in a temporary file.
    pub fn new(beside: Vec<PathBuf>, cache: Option<PathBuf>) -> Self {
        Self { beside, cache }
    }

    /// Returns the outboards that are there for a file, none of them checked. They may be
    /// anybody's: no link is followed, and only the one possible size is taken.
    pub(crate) fn found(&self, root: Hash, tree: BaoTree) -> impl Iterator<Item = Pairs> {
        let folders = self.beside.iter().chain(&self.cache);
        folders.filter_map(move |folder| {
            let path = folder.join(name(root));
            let metadata = fs::symlink_metadata(&path).ok()?;
            let is_right = metadata.is_file() && metadata.len() == tree.outboard_size();
            let data = is_right.then(|| File::open(&path).ok())??;
            Some(PreOrderOutboard { root, tree, data })
        })
    }

    /// Makes the outboard of a file in one pass over it, and keeps it if it is the declared
    /// file's. The outboard's own root says what the file is.
    pub(crate) fn make(&self, file: &File, root: Hash, tree: BaoTree) -> io::Result<Pairs> {
        let kept = self.cache.as_ref().and_then(|folder| {
            fs::create_dir_all(folder).ok()?;
            Some((NamedTempFile::new_in(folder).ok()?, folder.join(name(root))))
        });
        let (scratch, place) = match kept {
            Some((scratch, place)) => (scratch, Some(place)),
            None => (NamedTempFile::new()?, None),
        };
        let mut made = PreOrderOutboard { root, tree, data: scratch.reopen()? };
        let content = BufReader::with_capacity(READ_BYTES, Content { file, offset: 0 });
        made.root = outboard(content, tree, &mut made)?;
        if let Some(place) = place.filter(|_| made.root == root) {
            // Two processes may make the same one: each renames a whole file.
            let _ = scratch.persist(place);
        }
        Ok(made)
    }
}

/// Reads a file from its beginning, wherever its cursor stands.
struct Content<'a> {
    file: &'a File,
    offset: u64,
}

impl io::Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = bao_tree::io::sync::ReadAt::read_at(self.file, self.offset, buffer)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Names an outboard by the file's hash and the size of its pieces.
fn name(root: Hash) -> String {
    format!("{root}.16k")
}
