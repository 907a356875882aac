//! A verified file gives the declared bytes or an error that names what was changed.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use reenact_core::digest::Digest;
use reenact_data::{FileError, Outboards, PIECE_BYTES, VerifiedFile};
use tempfile::TempDir;

const NAME: &str = "train.bin";

fn content(bytes: u64) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 + at / 251) as u8).collect()
}

fn hash(content: &[u8]) -> Digest {
    Digest(*blake3::hash(content).as_bytes())
}

/// A folder with one file, and one for outboards.
struct Ground {
    folder: TempDir,
    content: Vec<u8>,
}

impl Ground {
    fn new(bytes: u64) -> Self {
        let (folder, content) = (tempfile::tempdir().unwrap(), content(bytes));
        fs::write(folder.path().join(NAME), &content).unwrap();
        Self { folder, content }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn open(&self) -> Result<VerifiedFile, FileError> {
        self.open_with(&Outboards::new(vec![], Some(self.cache())))
    }

    fn open_with(&self, outboards: &Outboards) -> Result<VerifiedFile, FileError> {
        VerifiedFile::open(self.folder.path(), NAME, hash(&self.content), outboards)
    }

    fn outboard(&self) -> PathBuf {
        self.cache().join(format!("{}.16k", hash(&self.content)))
    }

    /// Changes one byte of a file in its place.
    fn flip(path: &Path, at: u64) {
        let mut bytes = fs::read(path).unwrap();
        bytes[at as usize] ^= 1;
        let mut file = File::options().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&bytes[at as usize..][..1]).unwrap();
    }

    fn flip_data(&self, at: u64) {
        Self::flip(&self.folder.path().join(NAME), at);
    }
}

fn read(file: &VerifiedFile, offset: u64, count: usize) -> Result<Vec<u8>, FileError> {
    let mut buffer = vec![0; count];
    file.read_at(offset, &mut buffer).map(|()| buffer)
}

#[test]
fn every_size_is_read_as_it_is() {
    let sizes = [0, 1, 1023, 1024, 1025, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1];
    for bytes in sizes.into_iter().chain([5 * PIECE_BYTES, 150 * PIECE_BYTES + 77]) {
        let ground = Ground::new(bytes);
        for _ in 0..2 {
            let file = ground.open().unwrap();
            assert_eq!(file.bytes(), bytes);
            assert_eq!(read(&file, 0, bytes as usize).unwrap(), ground.content, "{bytes}");
            assert!(matches!(read(&file, bytes, 1), Err(FileError::Beyond { .. })));
            assert!(read(&file, u64::MAX, 2).is_err());
        }
        assert_eq!(fs::metadata(ground.outboard()).unwrap().len() % 64, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_part_is_the_part(
        bytes in 1u64..9 * PIECE_BYTES,
        parts in proptest::collection::vec((0f64..1.0, 0f64..1.0), 1..20),
    ) {
        let ground = Ground::new(bytes);
        let file = ground.open().unwrap();
        for (from, length) in parts {
            let from = (from * bytes as f64) as usize;
            let count = (length * (bytes as usize - from) as f64) as usize;
            let found = read(&file, from as u64, count).unwrap();
            prop_assert_eq!(&found, &ground.content[from..from + count]);
        }
    }

    #[test]
    fn any_changed_byte_is_named(bytes in 1u64..5 * PIECE_BYTES, at in 0f64..1.0) {
        let ground = Ground::new(bytes);
        ground.open().unwrap();
        let at = (at * bytes as f64) as u64;
        ground.flip_data(at);
        // The outboard is there: only the piece is wrong.
        let whole = |file: VerifiedFile| read(&file, 0, bytes as usize).map(|_| ());
        let refused = ground.open().and_then(whole).unwrap_err();
        let expected = match &refused {
            FileError::Changed { range, .. } => range.contains(&at),
            FileError::Other { found, .. } => *found != hash(&ground.content),
            _ => false,
        };
        prop_assert!(expected, "{refused}");
        prop_assert!(refused.to_string().contains(NAME));
    }
}

#[test]
fn what_is_changed_while_it_is_open_is_found_where_it_is() {
    let ground = Ground::new(40 * PIECE_BYTES);
    let file = ground.open().unwrap();
    ground.flip_data(20 * PIECE_BYTES + 5);
    assert!(read(&file, 0, PIECE_BYTES as usize).is_ok());
    let refused = read(&file, 19 * PIECE_BYTES, 3 * PIECE_BYTES as usize).unwrap_err();
    let FileError::Changed { range, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*range, 20 * PIECE_BYTES..21 * PIECE_BYTES);
    assert!(refused.to_string().contains("bytes 327680 to 344064"), "{refused}");
}

#[test]
fn what_is_truncated_or_grows_is_another_file() {
    let ground = Ground::new(4 * PIECE_BYTES + 10);
    let open = ground.open().unwrap();
    let path = ground.folder.path().join(NAME);
    let set = |bytes| File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
    for bytes in [0, 4 * PIECE_BYTES, 4 * PIECE_BYTES + 9, 4 * PIECE_BYTES + 11, 5 * PIECE_BYTES] {
        set(bytes);
        let refused = ground.open().unwrap_err();
        assert!(matches!(refused, FileError::Other { .. }), "{bytes}: {refused}");
    }
    set(PIECE_BYTES);
    let refused = read(&open, 2 * PIECE_BYTES, 10).unwrap_err();
    assert!(matches!(refused, FileError::Truncated { .. }), "{refused}");
}

#[test]
fn an_outboard_needs_no_trust() {
    let ground = Ground::new(40 * PIECE_BYTES);
    ground.open().unwrap();
    let good = fs::read(ground.outboard()).unwrap();
    assert_eq!(good.len(), 39 * 64);
    for at in [0, 63, 64, 20 * 64, 38 * 64 + 63] {
        Ground::flip(&ground.outboard(), at);
        let file = ground.open().unwrap();
        assert_eq!(read(&file, 0, ground.content.len()).unwrap(), ground.content, "{at}");
        assert_eq!(fs::read(ground.outboard()).unwrap(), good, "it is made anew");
    }
    fs::write(ground.outboard(), &good[..64]).unwrap();
    assert!(ground.open().is_ok());
    // A folder beside a recording is read and not written.
    let beside = ground.folder.path().join("beside");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join(ground.outboard().file_name().unwrap()), vec![7; good.len()]).unwrap();
    let file = ground.open_with(&Outboards::new(vec![beside.clone()], None)).unwrap();
    assert_eq!(read(&file, 0, ground.content.len()).unwrap(), ground.content);
    let kept = beside.join(ground.outboard().file_name().unwrap());
    assert_eq!(fs::read(kept).unwrap(), vec![7; good.len()]);
}

#[test]
fn outboards_that_are_there_are_used() {
    let ground = Ground::new(40 * PIECE_BYTES);
    ground.open().unwrap();
    // With the outboard there, opening does not read the middle: it is found when it is read.
    ground.flip_data(20 * PIECE_BYTES);
    let beside = Outboards::new(vec![ground.cache()], None);
    let file = ground.open_with(&beside).unwrap();
    assert!(read(&file, 20 * PIECE_BYTES, 1).is_err());
    assert!(ground.open_with(&Outboards::default()).is_err(), "one pass finds it");
}

#[test]
fn only_regular_files_of_the_folder() {
    let ground = Ground::new(10);
    for name in ["", ".", "..", "../train.bin", "/etc/passwd", "a/b", "a\\b", "train.bin/", "./x"] {
        let found =
            VerifiedFile::open(ground.folder.path(), name, hash(b""), &Outboards::default());
        assert!(matches!(found, Err(FileError::Name { .. })), "{name}");
    }
    let open = |name| {
        VerifiedFile::open(ground.folder.path(), name, hash(b""), &Outboards::default())
            .unwrap_err()
    };
    fs::create_dir(ground.folder.path().join("folder")).unwrap();
    assert!(matches!(open("folder"), FileError::NotAFile { .. }));
    let missing = open("missing.bin").to_string();
    assert!(missing.contains("missing.bin") && missing.contains("--data-dir"), "{missing}");
    let other = open(NAME).to_string();
    assert!(other.contains(&hash(&ground.content).to_string()), "it says the hash: {other}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let ground = Ground::new(10);
    let made = std::process::Command::new("mkfifo").arg(ground.folder.path().join("pipe")).status();
    assert!(made.unwrap().success());
    let open = VerifiedFile::open(ground.folder.path(), "pipe", hash(b""), &Outboards::default());
    assert!(matches!(open, Err(FileError::NotAFile { .. })));
}

#[test]
fn threads_share_it() {
    let ground = Ground::new(300 * PIECE_BYTES);
    let file = Arc::new(ground.open().unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (file, content) = (Arc::clone(&file), &ground.content);
            scope.spawn(move || {
                for turn in 0..300 {
                    let offset = (turn * 7919 + thread * 104_729) % (content.len() - 40_000);
                    let found = read(&file, offset as u64, 40_000).unwrap();
                    assert_eq!(found, content[offset..offset + 40_000]);
                }
            });
        }
    });
}
