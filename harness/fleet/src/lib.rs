//! Audits on many machines, by engines that people run already.
//!
//! 1. A [`Plan`] holds audits whose segments are drawn, as [`Unit`]s of work in shards of
//!    about equal cost.
//! 2. [`Work`] does a shard on some machine, and leaves a [`Sealed`] [`Answer`] for each unit.
//!    It may be started twice, and in any order.
//! 3. [`Collected`] gives an audit what was answered, instead of replaying anything: what is
//!    missing is not judged, and answers that differ are kept and shown.
//! 4. [`Fleet`] does all three at once for whoever audits now: it hands in jobs to a [`Queue`],
//!    which is [`Slurm`] or [`Kubernetes`], and waits.
//!
//! Nothing here brings a scheduler, or trusts a worker further than an audit trusts its own
//! processes: a divergence needs two replays that agree.

mod answer;
mod answers;
mod collected;
mod fleet;
mod plan;
mod queue;
mod sealed;
mod shards;
mod site;
mod unit;
mod work;

pub use answer::{ANSWER_FORMAT, Answer};
pub use answers::Gathered;
pub use collected::Collected;
pub use fleet::Fleet;
pub use plan::{PLAN_BYTES_MAX, PLAN_FORMAT, Plan, PlanError, Planned};
pub use queue::{Job, Kubernetes, Launch, Queue, Slurm};
pub use sealed::Sealed;
pub use unit::Unit;
pub use work::{Part, Work, WorkError, Worked};
