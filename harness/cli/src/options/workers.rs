//! How many processes replay, and for how long one may be silent.

use std::time::Duration;

use clap::Args;
use reenact_audit::{Processes, available_threads};

/// Says how segments are replayed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Workers {
    /// Segments at a time [default: as many as the machine runs]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Kill a worker that is silent for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    stall_seconds: u64,
}

impl Workers {
    /// Returns what starts the processes.
    pub(crate) fn processes(&self) -> Processes {
        let jobs = self.jobs.map_or_else(available_threads, usize::from);
        Processes { stall: Duration::from_secs(self.stall_seconds), ..Processes::new(jobs) }
    }
}
