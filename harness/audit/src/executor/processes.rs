//! Worker processes on this machine.
//!
//! Each task is done by a fresh process of this very binary, or of another one: a fresh
//! process carries nothing over from a task before, a crash takes only one task with it,
//! and several processes use all cores. A worker reports each step; one that stays silent
//! for too long is killed.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use reenact_core::sanitize::one_line;

use super::Executor;
use crate::worker::{Message, Task};

/// Silence after which a worker is taken for hanging, unless somebody says otherwise.
pub const STALL: Duration = Duration::from_secs(600);
/// Limits a line from a worker: an outcome names at most a few hundred
/// tensors.
const LINE_BYTES_MAX: u64 = 1 << 26;
/// How much of what a worker said on standard error is kept.
const WORDS_BYTES_MAX: usize = 2000;

/// Starts a process for each task.
#[derive(Clone, Debug)]
pub struct Processes {
    /// Processes at a time.
    pub jobs: usize,
    /// Silence after which one is taken for hanging.
    pub stall: Duration,
    /// Folder that they are started in; none for the one of this process.
    pub folder: Option<PathBuf>,
    /// Binary that they run; none for the one of this process.
    pub binary: Option<PathBuf>,
}

impl Processes {
    /// Starts so many processes of this binary at a time.
    pub fn new(jobs: usize) -> Self {
        Self { jobs, stall: STALL, folder: None, binary: None }
    }

    fn start(&self, task: &Task) -> io::Result<Child> {
        let binary = self.binary.clone().map_or_else(std::env::current_exe, Ok)?;
        let mut command = Command::new(binary);
        // The task comes on standard input; the words are for whoever lists processes.
        command.arg("worker").arg("--").args(task.words().iter().map(AsRef::<OsStr>::as_ref));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        // What it says last is passed on, and is to be what was wrong.
        command.env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let text = serde_json::to_vec(task)?;
        // One that has died already says so itself.
        let _ = child.stdin.take().map(|mut input| input.write_all(&text));
        Ok(child)
    }
}

impl Executor for Processes {
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String> {
        converse(self.start(task), self.stall, step)
    }

    fn width(&self) -> usize {
        self.jobs
    }
}

/// Waits for the last message of a worker, which has just been started.
fn converse(
    started: io::Result<Child>,
    stall: Duration,
    step: &dyn Fn(),
) -> Result<Message, String> {
    let mut child = started.map_err(|error| format!("it did not start: {error}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("it has no output".into());
    };
    let words = std::thread::spawn(move || last_words(stderr));
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        while let Some(message) = read_message(&mut lines) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    let outcome = follow(&messages, stall, step);
    if outcome.is_err() {
        // It may have gone already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let words = words.join().unwrap_or_default();
    outcome.map_err(|problem| format!("it {problem} ({status}){words}"))
}

fn follow(
    messages: &Receiver<Result<Message, String>>,
    stall: Duration,
    step: &dyn Fn(),
) -> Result<Message, String> {
    loop {
        match messages.recv_timeout(stall) {
            Ok(Ok(Message::Step(_))) => step(),
            Ok(Ok(last)) => return Ok(last),
            Ok(Err(problem)) => return Err(problem),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("was silent for {} s and was ended", stall.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => return Err("died".into()),
        }
    }
}

fn read_message(lines: &mut impl BufRead) -> Option<Result<Message, String>> {
    let mut line = Vec::new();
    match lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) => {
            Some(serde_json::from_slice(&line).map_err(|error| format!("wrote nonsense: {error}")))
        }
        Err(error) => Some(Err(format!("cannot be read: {error}"))),
    }
}

/// Returns the end of what a worker said, as a part of a sentence.
fn last_words(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut piece) {
        kept.extend_from_slice(&piece[..read]);
        kept.drain(..kept.len().saturating_sub(WORDS_BYTES_MAX));
    }
    let text = String::from_utf8_lossy(&kept);
    let text = one_line(&text);
    if text.is_empty() { text } else { format!("; it said: {text}") }
}
