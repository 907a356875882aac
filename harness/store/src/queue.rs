//! What waits to be written, and the thread that writes it.

use std::fs::File;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use reenact_core::format::{Object, StoreError};

use crate::disk::{Disk, sync_file};

/// Jobs that wait; with more, the training waits for the disk. A sync takes
/// milliseconds, in which quick steps fill some buffers of frames.
pub(crate) const WAITING_MAX: usize = 64;

/// Buffers for contents, which go round and are filled again: one is being
/// written, one waits behind its sync, one is being filled. There are no
/// others, so this bounds what contents take in memory.
pub(crate) const CONTENTS: usize = 3;

/// Names one thing to be done to the files.
#[derive(Debug)]
pub(crate) enum Job {
    /// Append frames.
    Append(Vec<u8>),
    /// Write an object; the buffer goes back.
    Put(Object, Vec<u8>),
    /// Name an object that is written already; the buffer goes back.
    Name(Object, File, Vec<u8>),
    /// Remove an object, if it can be done.
    Remove(Object),
    /// Cut the journal.
    CutJournal(u64),
    /// Sync what was not synced yet.
    Sync,
    /// Say that everything before is done.
    Tell(SyncSender<()>),
}

/// Has jobs done in a thread of its own, in the order in which they come. The
/// first that fails ends it.
#[derive(Debug)]
pub(crate) struct Queue {
    jobs: SyncSender<Job>,
    /// Empty buffers. In a mutex, though never locked, so that the store can be
    /// shared by those who read it.
    spare: Mutex<Receiver<Vec<u8>>>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Queue {
    /// Starts the thread.
    pub(crate) fn start(disk: Disk) -> Self {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let (give_back, spare) = channel();
        for _ in 0..CONTENTS {
            give_back.send(Vec::new()).expect("the receiver is here");
        }
        let thread = thread::spawn(move || work(disk, waiting, give_back));
        Self { jobs, spare: Mutex::new(spare), thread }
    }

    /// Takes a job; none if one has failed.
    pub(crate) fn push(&self, job: Job) -> Option<()> {
        self.jobs.send(job).ok()
    }

    /// Waits for an empty buffer for a content; none if a job has failed.
    pub(crate) fn spare_buffer(&mut self) -> Option<Vec<u8>> {
        self.spare.get_mut().ok()?.recv().ok()
    }

    /// Waits until every job is done; none if one has failed.
    pub(crate) fn wait(&self) -> Option<()> {
        let (done, told) = sync_channel(1);
        self.push(Job::Tell(done))?;
        told.recv().ok()
    }

    /// Ends the thread once every job is done; if one has failed, says why.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        drop(self.jobs);
        self.thread.join().expect("writing does not panic")
    }
}

fn work(mut disk: Disk, jobs: Receiver<Job>, spare: Sender<Vec<u8>>) -> Result<(), StoreError> {
    // Nobody takes a buffer, or an answer, when the recording ends.
    let give_back = |mut buffer: Vec<u8>| {
        buffer.clear();
        let _ = spare.send(buffer);
    };
    for job in jobs {
        match job {
            Job::Append(frames) => disk.append(&frames)?,
            Job::Put(object, content) => {
                let file = disk.put(object, &content)?;
                give_back(content);
                if object != Object::SoFar {
                    sync_file(object, &file)?;
                }
            }
            Job::Name(object, file, buffer) => {
                disk.give_name(object)?;
                give_back(buffer);
                sync_file(object, &file)?;
            }
            Job::Remove(object) => disk.remove(object),
            Job::CutJournal(byte_len) => disk.cut_journal(byte_len)?,
            Job::Sync => disk.sync()?,
            Job::Tell(done) => drop(done.send(())),
        }
    }
    Ok(())
}
