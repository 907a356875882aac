//! The core of reenact, without an engine: formats, hashing, sampling, replay, comparison and
//! verdicts.
//!
//! | side | where | what it does |
//! | --- | --- | --- |
//! | recording | [`record`] | drives a trainer and keeps what it did |
//! | verifying | [`verify`] | examines, draws, replays, compares, seeks causes, concludes |
//! | both | [`format`](mod@format), [`spec`], [`steering`], [`state`] | what is kept, declared, derived and hashed |
//! | engines | [`trainer`], [`machine`], [`data`] | what a training engine implements |
//!
//! Whoever wants an audit as a library call takes the crate `reenact-audit`; whoever wants the
//! whole command for a model of their own, `reenact` with `reenact-burn`. Whoever writes an engine
//! implements [`trainer::Program`] and [`trainer::Trainer`]; the crate `reenact-toy` is the smallest
//! complete one. Whoever reads recordings begins with
//! [`verify::open_recording`]; nothing here touches a disk, so a recording is whatever implements
//! [`format::ReadRun`].
//!
//! What steers a training is a function of its spec, and never read from a recording:
//!
//! ```
//! use reenact_core::spec::Spec;
//!
//! let text = include_str!("../../../replay-specs/toy-plane.toml");
//! let spec = Spec::parse(text).unwrap();
//! let mut order = spec.data_order().unwrap();
//! assert_eq!(order.samples(0).len() as u64, spec.batch.size);
//! assert!(spec.learning_rate_at(10).unwrap() > 0.0);
//! ```

pub mod attack;
pub mod codec;
pub mod data;
pub mod digest;
pub mod figure;
pub mod format;
pub mod guard;
pub mod in_memory;
pub mod machine;
pub mod record;
pub mod sanitize;
pub mod spec;
pub mod state;
pub mod steering;
pub mod symptoms;
pub mod trace;
pub mod trainer;
pub mod validation;
pub mod variation;
pub mod verify;
pub mod wrapper;
