//! Writing a recording behind the training.
//!
//! One thread does everything that changes the folder, in the order in which it
//! was handed over. That order makes whatever a killed process leaves a valid
//! prefix: a checkpoint is complete and has its name before the frame that
//! names it is written, and the journal is synced before the commitment.
//!
//! What was handed over but not written dies with the process, and so do the
//! frames that were not handed over yet. These are steps after a checkpoint
//! that the journal names, or checkpoints with the steps that led to them: a
//! resumption trains them again from the last checkpoint that was written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};

use reenact_core::format::{Object, StoreError, WriteContent};

use crate::disk::{Disk, start_file, unfinished};
use crate::queue::{Job, Queue};

/// Bytes of frames that are handed over together; a longer frame goes alone. A
/// full queue of them is 1 MiB, or more where single frames are longer.
const FRAMES_BYTES: usize = 16 << 10;

/// Bytes of a content that is held in memory; a longer one is written by the
/// caller. With as many as there are buffers, contents take 48 MiB at most.
const CONTENT_BYTES: usize = 16 << 20;

/// Hands what is recorded to the thread that writes it.
///
/// The first error ends the thread. The next call that hands something over
/// reports it, and nothing is written after it.
#[derive(Debug)]
pub(crate) struct Behind {
    root: PathBuf,
    /// Not handed over yet.
    frames: Vec<u8>,
    /// Whether the next frame is the one that names what was put last. It must
    /// not lie in the buffer: a killed process would lose the checkpoint.
    names_object: bool,
    /// None after an error.
    queue: Option<Queue>,
}

impl Behind {
    /// Starts the thread.
    pub(crate) fn start(root: &Path, journal: File) -> Self {
        let queue = Some(Queue::start(Disk::new(root, journal)));
        Self { root: root.into(), frames: Vec::new(), names_object: false, queue }
    }

    /// Appends a frame to the journal.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        if self.queue.is_none() {
            return Err(stopped());
        }
        if self.frames.len() + frame.len() > FRAMES_BYTES {
            self.hand_over_frames()?;
        }
        self.frames.extend_from_slice(frame);
        if mem::take(&mut self.names_object) || self.frames.len() >= FRAMES_BYTES {
            self.hand_over_frames()?;
        }
        Ok(())
    }

    /// Writes a whole object.
    pub(crate) fn put(
        &mut self,
        object: Object,
        write: WriteContent<'_>,
    ) -> Result<(), StoreError> {
        self.hand_over_frames()?;
        let buffer = self.spare_buffer()?;
        let mut content = Content { behind: self, buffer, file: None };
        let written = write(&mut content).and_then(|()| content.into_job(object));
        match written {
            Ok(job) => self.send(job)?,
            Err(problem) => {
                // An error of the thread came first.
                self.stop()?;
                let _ = fs::remove_file(unfinished(&self.root));
                return Err(StoreError::Io { object, problem });
            }
        }
        self.names_object = true;
        Ok(())
    }

    /// Removes an object.
    pub(crate) fn remove(&mut self, object: Object) -> Result<(), StoreError> {
        self.hand_over_frames()?;
        self.send(Job::Remove(object))
    }

    /// Cuts the journal.
    pub(crate) fn cut_journal(&mut self, byte_len: u64) -> Result<(), StoreError> {
        self.hand_over_frames()?;
        self.send(Job::CutJournal(byte_len))
    }

    /// Waits until everything is written and would survive a power failure.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        self.hand_over_frames()?;
        self.send(Job::Sync)?;
        let done = self.wait();
        done.ok_or_else(|| self.failure())
    }

    fn hand_over_frames(&mut self) -> Result<(), StoreError> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let frames = mem::replace(&mut self.frames, Vec::with_capacity(FRAMES_BYTES));
        self.send(Job::Append(frames))
    }

    fn send(&mut self, job: Job) -> Result<(), StoreError> {
        let sent = self.queue.as_ref().and_then(|queue| queue.push(job));
        sent.ok_or_else(|| self.failure())
    }

    fn spare_buffer(&mut self) -> Result<Vec<u8>, StoreError> {
        let taken = self.queue.as_mut().and_then(Queue::spare_buffer);
        taken.ok_or_else(|| self.failure())
    }

    /// Waits until everything that was handed over is done; none if it failed.
    fn wait(&self) -> Option<()> {
        self.queue.as_ref()?.wait()
    }

    /// Ends the thread, which does what was handed over before.
    fn stop(&mut self) -> Result<(), StoreError> {
        self.queue.take().map_or_else(|| Err(stopped()), Queue::finish)
    }

    /// Says why nothing more is taken.
    fn failure(&mut self) -> StoreError {
        self.frames = Vec::new();
        // The thread ends early only when it fails.
        self.stop().expect_err("the thread was still needed")
    }
}

impl Drop for Behind {
    /// Writes what is left as well as it can, and waits.
    fn drop(&mut self) {
        let _ = self.hand_over_frames();
        let _ = self.stop();
    }
}

fn stopped() -> StoreError {
    let problem = io::Error::other("nothing more is written after an earlier error");
    StoreError::Io { object: Object::Journal, problem }
}

/// Collects a content in memory. One that is too long is written to the file
/// instead, once the thread has done everything before it.
struct Content<'a> {
    behind: &'a Behind,
    buffer: Vec<u8>,
    file: Option<BufWriter<File>>,
}

impl Content<'_> {
    fn straight(&mut self) -> io::Result<&mut BufWriter<File>> {
        // The thread uses the same name for a file that is not complete.
        self.behind.wait().ok_or_else(|| io::Error::other("the disk has failed before"))?;
        let mut file = start_file(&self.behind.root)?;
        file.write_all(&self.buffer)?;
        Ok(self.file.insert(BufWriter::with_capacity(1 << 16, file)))
    }

    fn into_job(self, object: Object) -> io::Result<Job> {
        match self.file {
            Some(file) => Ok(Job::Name(object, file.into_inner()?, self.buffer)),
            None => Ok(Job::Put(object, self.buffer)),
        }
    }
}

impl Write for Content<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            return file.write(bytes);
        }
        if self.buffer.len() + bytes.len() > CONTENT_BYTES {
            return self.straight()?.write(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use reenact_core::digest::Digest;
    use reenact_core::state::StateRoot;

    use super::*;
    use crate::disk::{CHECKPOINTS, path_of};
    use crate::queue::{CONTENTS, WAITING_MAX};

    const CHECKPOINT: Object = checkpoint(7);

    const fn checkpoint(number: u8) -> Object {
        Object::Checkpoint(StateRoot(Digest([number; 32])))
    }

    fn start() -> (tempfile::TempDir, Behind) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(CHECKPOINTS)).unwrap();
        let path = path_of(folder.path(), Object::Journal);
        let journal = OpenOptions::new().append(true).create_new(true).open(path);
        let behind = Behind::start(folder.path(), journal.unwrap());
        (folder, behind)
    }

    fn read(folder: &tempfile::TempDir, object: Object) -> Vec<u8> {
        fs::read(path_of(folder.path(), object)).unwrap()
    }

    fn put(behind: &mut Behind, object: Object, content: &[u8]) -> Result<(), StoreError> {
        behind.put(object, &mut |out| out.write_all(content))
    }

    #[test]
    fn frames_wait_until_they_are_many_or_something_else_comes() {
        let (folder, mut behind) = start();
        let written = |behind: &Behind| {
            behind.wait().unwrap();
            read(&folder, Object::Journal).len()
        };
        behind.append(b"a").unwrap();
        assert_eq!(written(&behind), 0);
        put(&mut behind, CHECKPOINT, b"state").unwrap();
        assert_eq!(written(&behind), 1);
        // This one names the checkpoint, so a kill must not take it.
        behind.append(b"b").unwrap();
        assert_eq!(written(&behind), 2);
        behind.append(b"c").unwrap();
        assert_eq!(written(&behind), 2);
        behind.append(&[b'd'; FRAMES_BYTES]).unwrap();
        assert_eq!(written(&behind), 3 + FRAMES_BYTES);
        behind.append(b"e").unwrap();
        behind.cut_journal(1).unwrap();
        behind.append(b"f").unwrap();
        behind.sync().unwrap();
        assert_eq!(read(&folder, Object::Journal), b"af");
    }

    #[test]
    fn everything_is_written_in_order_and_by_the_end() {
        let (folder, mut behind) = start();
        let mut journal = Vec::new();
        for number in 0..3 * WAITING_MAX {
            let frame = vec![number as u8; number * 311 % (2 * FRAMES_BYTES)];
            behind.append(&frame).unwrap();
            journal.extend(frame);
            put(&mut behind, checkpoint(number as u8), &journal).unwrap();
        }
        behind.append(b"the end").unwrap();
        drop(behind);
        assert!(read(&folder, Object::Journal) == [&journal[..], b"the end"].concat());
        let checkpoints = fs::read_dir(folder.path().join(CHECKPOINTS)).unwrap();
        assert_eq!(checkpoints.count(), 3 * WAITING_MAX);
        let last = checkpoint(3 * WAITING_MAX as u8 - 1);
        assert!(read(&folder, last) == journal);
    }

    #[test]
    fn a_long_content_goes_straight_after_everything_before_it() {
        let (folder, mut behind) = start();
        let pieces = [vec![1; CONTENT_BYTES], vec![2; 1 << 18], vec![3; 5]];
        // More often than there are buffers.
        for round in 1..=CONTENTS + 2 {
            put(&mut behind, Object::Spec, b"short").unwrap();
            behind.append(b"x").unwrap();
            let mut write = |out: &mut dyn Write| {
                pieces.iter().try_for_each(|piece| out.write_all(piece))?;
                assert_eq!(read(&folder, Object::Journal).len(), 2 * round - 1);
                assert!(fs::metadata(unfinished(folder.path()))?.len() >= CONTENT_BYTES as u64);
                Ok(())
            };
            behind.put(CHECKPOINT, &mut write).unwrap();
            behind.append(b"y").unwrap();
        }
        behind.sync().unwrap();
        assert!(read(&folder, CHECKPOINT) == pieces.concat());
        assert_eq!(read(&folder, Object::Journal), b"xy".repeat(CONTENTS + 2));
        assert!(!unfinished(folder.path()).exists());
    }

    /// Checks that nothing is taken any more, and that the journal stays.
    fn is_over(folder: &tempfile::TempDir, mut behind: Behind, journal: &[u8]) {
        let later = [
            behind.append(b"later"),
            put(&mut behind, Object::Spec, b"later"),
            behind.cut_journal(0),
            behind.sync(),
        ];
        for refused in later {
            assert!(refused.unwrap_err().to_string().contains("earlier error"));
        }
        drop(behind);
        assert_eq!(read(folder, Object::Journal), journal);
        assert!(!path_of(folder.path(), Object::Spec).exists());
        assert!(!unfinished(folder.path()).exists());
    }

    #[test]
    fn a_checkpoint_that_fails_is_named_by_the_error_and_not_by_the_journal() {
        let (folder, mut behind) = start();
        fs::remove_dir(folder.path().join(CHECKPOINTS)).unwrap();
        behind.append(b"step").unwrap();
        put(&mut behind, CHECKPOINT, b"state").unwrap();
        let failed = behind.append(b"checkpoint").and_then(|()| behind.sync()).unwrap_err();
        assert!(matches!(failed, StoreError::Io { object: CHECKPOINT, .. }), "{failed}");
        is_over(&folder, behind, b"step");
    }

    #[test]
    fn an_error_before_a_long_content_is_the_one_that_is_reported() {
        let (folder, mut behind) = start();
        fs::remove_dir(folder.path().join(CHECKPOINTS)).unwrap();
        put(&mut behind, CHECKPOINT, b"state").unwrap();
        let failed = put(&mut behind, Object::Spec, &vec![0; CONTENT_BYTES + 1]).unwrap_err();
        assert!(matches!(failed, StoreError::Io { object: CHECKPOINT, .. }), "{failed}");
        is_over(&folder, behind, b"");
    }

    #[test]
    fn a_content_that_fails_half_way_leaves_nothing() {
        for bytes in [1, CONTENT_BYTES + 1] {
            let (folder, mut behind) = start();
            behind.append(b"step").unwrap();
            let failed = behind.put(Object::Spec, &mut |out| {
                out.write_all(&vec![0; bytes])?;
                Err(io::ErrorKind::StorageFull.into())
            });
            assert!(matches!(failed, Err(StoreError::Io { object: Object::Spec, .. })));
            is_over(&folder, behind, b"step");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported_by_what_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut behind = Behind::start(folder.path(), full);
        // As long as something is handed over before the thread has failed, it
        // is taken, and lost.
        let failed = loop {
            if let Err(failed) = behind.append(&[0; FRAMES_BYTES]) {
                break failed;
            }
        };
        let StoreError::Io { object: Object::Journal, problem } = failed else {
            panic!("{failed}")
        };
        assert_eq!(problem.kind(), io::ErrorKind::StorageFull);
        assert!(put(&mut behind, Object::Spec, b"later").is_err());
        drop(behind);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
