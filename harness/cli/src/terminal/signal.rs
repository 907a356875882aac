//! Being asked to stop, and panics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use reenact_core::guard;

use crate::exit;
use crate::terminal::output;
use reenact_audit::Failure;

/// Says whether the user has asked the process to stop.
#[derive(Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From here on, an interrupt or a termination only sets a flag; a second
    /// one ends the process at once. SIGUSR1, which a scheduler sends before a
    /// job's time is over, sets it too, however often it comes.
    pub(crate) fn listen() -> Result<Self, Failure> {
        static LISTENING: OnceLock<Stop> = OnceLock::new();
        if let Some(stop) = LISTENING.get() {
            return Ok(stop.clone());
        }
        let flag = Arc::new(AtomicBool::new(false));
        listen_to_schedulers(&flag)?;
        let seen = flag.clone();
        // Counted apart: a scheduler's own signal may have come before.
        let asked = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            seen.store(true, Ordering::SeqCst);
            if asked.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(exit::INCONCLUSIVE));
            }
        })
        .map_err(deaf)?;
        Ok(LISTENING.get_or_init(|| Self(flag)).clone())
    }

    pub(crate) fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn deaf(error: impl std::fmt::Display) -> Failure {
    Failure::inconclusive(format!("cannot listen for signals: {error}"))
}

#[cfg(unix)]
fn listen_to_schedulers(flag: &Arc<AtomicBool>) -> Result<(), Failure> {
    let signal = signal_hook::consts::SIGUSR1;
    signal_hook::flag::register(signal, flag.clone()).map(drop).map_err(deaf)
}

#[cfg(not(unix))]
fn listen_to_schedulers(_: &Arc<AtomicBool>) -> Result<(), Failure> {
    Ok(())
}

/// Makes a write beyond the largest file that the system allows an error, as one to a full
/// disk is: the signal would end the process before it has said what it found.
#[cfg(unix)]
pub(crate) fn outlive_full_files() {
    let unread = Arc::new(AtomicBool::new(false));
    // Without it, the system's own way remains.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, unread);
}

#[cfg(not(unix))]
pub(crate) fn outlive_full_files() {}

/// Makes a panic say that it is a bug, and exit with the code for one. One in a
/// training program's own code is caught, and becomes an error.
pub(crate) fn report_bugs() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if guard::is_guarding() {
            guard::note_place(panic.location().map(ToString::to_string).unwrap_or_default());
            // Whoever asks for a backtrace gets it.
            if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
                usual(panic);
            }
            return;
        }
        usual(panic);
        output::note("this is a bug of reenact or of a training program; please report it");
        std::process::exit(i32::from(exit::BUG));
    }));
}
