//! A gate at work: trainings are taken, compared and judged, arm by arm.

mod baseline;
mod canary;
mod old;
mod repeat;
mod resume;
mod taking;
mod whole;

pub use whole::{Candidate, Gate, Outcome, Run};

use taking::{Taking, Took};
