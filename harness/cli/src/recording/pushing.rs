//! Bringing a recording to where objects are, behind the training.
//!
//! The training goes on whatever happens there: an outage is said once, and caught up.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reenact_audit::Failure;
use reenact_core::sanitize::plain;
use reenact_store::{Directory, Push, PushError, Pushed, open_objects};

use crate::terminal::output::{UNSURE, note, remark, styled};

/// How often it is looked whether there is something new.
const EVERY: Duration = Duration::from_secs(1);
/// How long it is waited for the place when the training has ended.
const WAIT: Duration = Duration::from_secs(60);

/// Brings a recording behind the training.
pub(crate) struct Pushing {
    /// Dropped when the training has ended.
    trains: Sender<()>,
    thread: JoinHandle<Result<Pushed, PushError>>,
    run: PathBuf,
    place: String,
}

impl Pushing {
    /// Begins to bring what is recorded into `run` to a place.
    pub(crate) fn start(run: &Path, place: &str) -> Result<Self, Failure> {
        let objects = open_objects(place).map_err(Failure::usage)?;
        let (trains, ended) = channel();
        let folder = run.to_owned();
        let thread = std::thread::spawn(move || {
            let trains = || ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout);
            // The recorder has not begun yet.
            while Directory::open(&folder).is_err() && trains() {}
            let store = Directory::open(&folder)?;
            let mut push = Push::new(&store, objects.as_ref());
            let mut said = false;
            while trains() {
                if let Err(error) = push.push_so_far()
                    && !std::mem::replace(&mut said, true)
                {
                    warn(&error);
                }
            }
            until_whole(&mut push)
        });
        Ok(Self { trains, thread, run: run.into(), place: place.into() })
    }

    /// Waits a while for the rest, and says what is there and what is not. It changes nothing of
    /// what was recorded.
    pub(crate) fn finish(self) {
        let Self { trains, thread, run, place } = self;
        drop(trains);
        let (run, place) = (plain(&run.display().to_string()), plain(&place));
        match thread.join() {
            Ok(Ok(Pushed::Whole)) => remark(format_args!("all of it is in {place}")),
            Ok(Ok(Pushed::SoFar)) => {
                remark(format_args!("what is committed to so far is in {place}"));
            }
            Ok(Err(error)) => {
                let warning = styled(UNSURE, "warning:");
                let error = plain(&error.to_string());
                note(format_args!("{warning} {place} lacks a part of it: {error}"));
                note(format_args!("next: reenact push {run} {place}"));
            }
            Err(_) => note(format_args!("next: reenact push {run} {place}")),
        }
    }
}

fn warn(error: &PushError) {
    let (warning, error) = (styled(UNSURE, "warning:"), plain(&error.to_string()));
    note(format_args!(
        "{warning} cannot push: {error}; the training goes on, and it is tried again"
    ));
}

fn until_whole(push: &mut Push<'_>) -> Result<Pushed, PushError> {
    let started = Instant::now();
    loop {
        match push.push() {
            Err(error) if error.may_pass() && started.elapsed() < WAIT => {
                std::thread::sleep(EVERY);
            }
            ended => return ended,
        }
    }
}
