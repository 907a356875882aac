//! Audits as library calls: from a recording to a report with its verdict.
//!
//! 1. [`audit`] examines the recording, asks the ledger what earlier audits saw, draws
//!    segments, hands them to an [`Executor`], weighs what comes back and concludes.
//! 2. An [`Executor`] does [`Task`]s somewhere: [`Processes`] starts a worker process for
//!    each, and [`serve`] is what such a process does.
//! 3. Only what two executions agree on is held against a recording, wherever they ran.
//! 4. Whoever wants to know how far it is listens to [`Event`]s.
//!
//! Nothing here knows a command line or a terminal.

mod audit;
mod calibrated;
mod controls;
mod data;
mod device;
mod draw;
mod event;
mod executor;
mod failure;
mod left;
mod model;
mod place;
mod planned;
mod programs;
mod prune;
mod remembering;
mod replays;
mod request;
mod start;
mod this_process;
mod within;
mod witness;
mod worker;

// Part of the build script, and tested here: a build script has no tests.
#[cfg(test)]
#[path = "../build/lock.rs"]
mod lock;

pub use audit::{audit, deviations, examined, speaks_against};
pub use calibrated::Calibrated;
pub use data::{engine, open_data};
pub use device::{Device, USUAL_DEVICE};
pub use draw::{Choice, Selection, fresh_nonce};
pub use event::{Event, Observer, Phase, Silent};
pub use executor::{Done, Executor, InProcess, Processes, STALL};
pub use failure::Failure;
pub use place::names;
pub use planned::{Given, PlannedAudit, plan};
pub use programs::Programs;
pub use prune::{Keep, PruneRequest, Pruning, prune, pruned_count, pruned_segments};
pub use remembering::{Remembering, now_seconds};
pub use replays::Sabotage;
pub use request::{Request, available_threads};
pub use this_process::{binary_digest, environment_of};
pub use witness::{host, witness};
pub use worker::{
    Cost, End, Message, Operate, Rehearse, Replay, Seek, Take, Taken, Task, rehearsals, serve,
};
