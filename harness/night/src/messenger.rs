//! A command that is handed a message on standard input, and never waited for without end.

use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reenact_core::sanitize::plain;

/// How long a command is waited for after it was ended, and what it said after it is gone.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is asked whether it is done.
const PAUSE: Duration = Duration::from_millis(20);
/// How much of what it says is kept.
const WORDS_BYTES_MAX: usize = 300;

/// Runs a command, which may take this long, and says in words what of it failed. What it left
/// running is not waited for: it may have handed the message on to somebody who is slow.
pub(crate) fn send(
    program: &str,
    arguments: &[String],
    message: &str,
    limit: Duration,
) -> Result<(), String> {
    let mut child = start(program, arguments).map_err(|error| error.to_string())?;
    let words = Words::default();
    let threads = [write(&mut child, message), words.listen(&mut child)];
    let ended = wait(&mut child, limit);
    // What it left running may hold its ends of the pipes open; then the threads are left, too.
    within(GRACE, || threads.iter().flatten().all(JoinHandle::is_finished).then_some(()));
    ended.map_err(|problem| match words.plain() {
        nothing if nothing.is_empty() => problem,
        said => format!("{problem}: {said}"),
    })
}

fn start(program: &str, arguments: &[String]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    // A group of its own, so that it can be ended with all that it started.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// One that does not listen says so by its exit code.
fn write(child: &mut Child, message: &str) -> Option<JoinHandle<()>> {
    let (mut input, message) = (child.stdin.take()?, message.to_owned());
    Some(std::thread::spawn(move || drop(input.write_all(message.as_bytes()))))
}

/// Keeps the beginning of what a command says.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<u8>>>);

impl Words {
    /// Reads on to the end: one whose words nobody takes would stand still.
    fn listen(&self, child: &mut Child) -> Option<JoinHandle<()>> {
        let (mut from, mut words) = (child.stderr.take()?, self.clone());
        Some(std::thread::spawn(move || drop(io::copy(&mut from, &mut words))))
    }

    fn plain(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plain(String::from_utf8_lossy(&kept).trim())
    }
}

impl io::Write for Words {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = WORDS_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wait(child: &mut Child, limit: Duration) -> Result<(), String> {
    match within(limit, || child.try_wait().transpose()) {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(format!("it ended with {status}")),
        Some(Err(error)) => Err(error.to_string()),
        None => {
            end(child);
            Err(format!("it took longer than {} seconds", limit.as_secs()))
        }
    }
}

/// Ends a command that still runs, with all that it started.
fn end(child: &mut Child) {
    // It was not waited for yet, so that its number is nobody else's.
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::KILL,
    );
    let _ = child.kill();
    // One that hangs in the operating system ends when that lets it go.
    within(GRACE, || child.try_wait().transpose());
}

/// Asks again and again, at most this long.
fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        match ask() {
            None if begun.elapsed() < limit => std::thread::sleep(PAUSE),
            answer => return answer,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Long enough for a busy machine, and shorter than what is left behind runs.
    const SOON: Duration = Duration::from_secs(15);

    fn told(script: &str, message: &str, limit: Duration) -> (Result<(), String>, Duration) {
        let begun = Instant::now();
        let command = ["-c".to_owned(), script.to_owned()];
        (send("sh", &command, message, limit), begun.elapsed())
    }

    #[test]
    fn what_it_leaves_running_is_not_waited_for() {
        // More than a pipe holds, to one who keeps it open and does not read.
        let message = "x".repeat(1 << 20);
        let holds = "exec 3<&0; sleep 30 <&3 & ";
        let (done, took) = told(holds, &message, SOON);
        assert_eq!(done, Ok(()));
        assert!(took < SOON, "{took:?}");
        let (done, took) = told("sleep 30 & echo no mail today >&2; exit 3", "{}", SOON);
        assert_eq!(done.unwrap_err(), "it ended with exit status: 3: no mail today");
        assert!(took < SOON, "{took:?}");
    }

    #[test]
    fn whoever_says_a_lot_is_heard_out_and_cut() {
        let script = "head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; exit 3";
        let said = told(script, "{}", SOON).0.unwrap_err();
        let words = said.strip_prefix("it ended with exit status: 3: ").unwrap_or_default();
        assert_eq!(words, "x".repeat(WORDS_BYTES_MAX), "{said}");
    }

    #[test]
    fn past_its_limit_all_that_it_started_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let late = folder.path().join("late");
        let script = format!("(sleep 2; : > '{}') & echo busy >&2; wait", late.display());
        let (done, took) = told(&script, "{}", Duration::from_millis(500));
        assert!(done.unwrap_err().ends_with("seconds: busy"));
        assert!(took < SOON, "{took:?}");
        std::thread::sleep(Duration::from_secs(3));
        assert!(!late.exists(), "what it started went on");
    }
}
