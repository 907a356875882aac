//! The nightly job: every run that is written somewhere is verified, a bit each night, and
//! nothing rots unseen.
//!
//! 1. A [`Config`] says what is watched, what may be spent and what is to be reached.
//! 2. [`look`] finds the runs, and how far each has come; [`Watched`] is what nights before
//!    knew of each.
//! 3. A [`Plan`] says which run is audited with how many segments, and why.
//! 4. [`Night`] does it: canaries first, then the audits, then what is told.
//!
//! Time comes in as an argument. Nothing here knows a command line or a terminal.

mod canary;
mod config;
mod engine;
mod forecast;
mod found;
mod incident;
mod junit;
mod lease;
mod messenger;
mod metrics;
mod night;
mod outcome;
mod plan;
mod spent;
mod standing;
mod status;
mod tell;
mod told;
mod units;
mod watched;

pub use canary::{Canary, Caught};
pub use config::{
    Budget, Bytes, CONFIG_BYTES_MAX, Config, ConfigError, Goal, Patterns, Period, Runs, Tell,
};
pub use engine::{Engine, EngineKind, Volume};
pub use forecast::{Forecast, Prospect, Question};
pub use found::{Found, Head, Peek, State, look};
pub use incident::{Acknowledged, Incident, Kind, divergences, incidents};
pub use junit::junit;
pub use lease::{Lease, LeaseError};
pub use metrics::{metrics, replace};
pub use night::{Diary, Night, NightError, Past, nights};
pub use outcome::{Exit, Outcome, Unjudged};
pub use plan::{Candidate, Plan, Reach, Unit, Why};
pub use spent::Spent;
pub use standing::Standing;
pub use status::Status;
pub use tell::{Telling, tell};
pub use told::{Change, Told, told};
pub use units::{Scheduler, UnitFile, units};
pub use watched::{Growth, Mark, Watched};
