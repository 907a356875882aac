//! Ending a recording whose device hangs.

use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use reenact_core::trainer::Engine;

use crate::exit;
use crate::terminal::output::note;

/// Ends this process if no step is done for too long. A call that a driver does not return from
/// can be ended in no other way; what is recorded is as after a kill, and can be gone on with.
pub(crate) struct Watchdog(Option<Sender<()>>);

impl Watchdog {
    /// Watches a training on a device other than the processor, which does not hang.
    pub(crate) fn start(engine: &Engine, stall: Duration) -> Self {
        let device = engine.class.get(Engine::DEVICE).cloned().unwrap_or_default();
        if device == "cpu" {
            return Self(None);
        }
        let (sender, beats) = channel();
        thread::spawn(move || {
            while match beats.recv_timeout(stall) {
                Ok(()) => true,
                Err(RecvTimeoutError::Disconnected) => false,
                Err(RecvTimeoutError::Timeout) => end(&device, stall),
            } {}
        });
        Self(Some(sender))
    }

    /// Hears that a step is done.
    pub(crate) fn beat(&self) {
        // Nobody is there to hear it only where the process ends.
        let _ = self.0.as_ref().map(|beats| beats.send(()));
    }
}

fn end(device: &str, stall: Duration) -> ! {
    note(format_args!(
        "error: device `{device}`: no step was done for {} s, so it is taken for hanging. That \
         says nothing about the training, and nothing recorded is lost: see `nvidia-smi`, then go \
         on with `reenact record --resume`",
        stall.as_secs()
    ));
    process::exit(i32::from(exit::INCONCLUSIVE));
}
