//! What a frame of the journal records.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::selection::check;
use super::{Environment, KernelSelection};
use crate::codec::{self, CodecError, VALUE_BYTES_MAX};
use crate::digest::{Digest, Domain};
use crate::figure::Figures;
use crate::state::{Fingerprint, Layout, StateRoot};
use crate::trace::{Launches, StepTrace};

/// Says what was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Training began.
    RunStarted {
        /// Digest of the spec's canonical text.
        spec: Digest,
        /// Where.
        environment: Environment,
    },
    /// From here on, states and gradients have these tensors.
    Layouts(StepLayouts),
    /// A step was taken.
    Step(StepTrace),
    /// The state was stored.
    Checkpoint {
        /// The step that it is the opening state of.
        step: u64,
        /// Its root.
        root: StateRoot,
    },
    /// Training went on from a checkpoint after an interruption.
    RunResumed {
        /// The step that it went on with.
        step: u64,
        /// Where.
        environment: Environment,
    },
    /// Training was asked to stop before its end.
    RunInterrupted {
        /// The step that would have come next.
        step: u64,
    },
    /// Training ended.
    RunFinished {
        /// Steps taken.
        steps: u64,
    },
    /// Kernels were chosen, each for the first time in this run.
    KernelSelections(Vec<KernelSelection>),
    /// The run ends at a boundary, before the declared length, by its trainer's word. What
    /// was recorded after that boundary does not count.
    RunEnded {
        /// Steps that count.
        steps: u64,
    },
}

/// Names the tensors that the fingerprints of a step stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLayouts {
    /// Tensors of the state after a step.
    pub state: Layout,
    /// Parameters that gradients are reported for.
    pub gradient: Layout,
}

/// One domain a kind; the position is the kind's number.
pub(super) static DOMAINS: [Domain; 11] = [
    Domain::new("reenact v1 journal run-started"),
    Domain::new("reenact v1 journal layouts"),
    Domain::new("reenact v1 journal step"),
    Domain::new("reenact v1 journal checkpoint"),
    Domain::new("reenact v1 journal run-resumed"),
    Domain::new("reenact v1 journal run-interrupted"),
    Domain::new("reenact v1 journal run-finished"),
    Domain::new("reenact v1 journal kernel-selections"),
    Domain::new("reenact v1 journal run-ended"),
    Domain::new("reenact v1 journal step-launched"),
    Domain::new("reenact v1 journal step-validated"),
];

/// Limits the payload of each kind, so that a hostile journal cannot make its
/// reader hold much.
pub(super) const PAYLOAD_BYTES_MAX: [usize; 11] = [
    1 << 16,
    VALUE_BYTES_MAX,
    VALUE_BYTES_MAX,
    1 << 8,
    1 << 16,
    1 << 8,
    1 << 8,
    VALUE_BYTES_MAX,
    1 << 8,
    VALUE_BYTES_MAX,
    VALUE_BYTES_MAX,
];

/// Number of kinds that each format of the journal has, from format 1 on.
pub(super) const KINDS: [u16; 4] = [8, 9, 10, 11];

impl Event {
    pub(super) fn kind(&self) -> u16 {
        match self {
            Self::RunStarted { .. } => 0,
            Self::Layouts(_) => 1,
            Self::Step(trace) if trace.validation.is_some() => 10,
            Self::Step(trace) if trace.launches.is_some() => 9,
            Self::Step(_) => 2,
            Self::Checkpoint { .. } => 3,
            Self::RunResumed { .. } => 4,
            Self::RunInterrupted { .. } => 5,
            Self::RunFinished { .. } => 6,
            Self::KernelSelections(_) => 7,
            Self::RunEnded { .. } => 8,
        }
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::RunStarted { spec, environment } => codec::encode(&(spec, environment)),
            Self::Layouts(layouts) => codec::encode(layouts),
            Self::Step(trace) => match (&trace.validation, trace.launches) {
                (Some(figures), launches) => codec::encode(&(plain(trace), launches, figures)),
                (None, Some(launches)) => codec::encode(&(plain(trace), launches)),
                (None, None) => codec::encode(&plain(trace)),
            },
            Self::Checkpoint { step, root } => codec::encode(&(step, root)),
            Self::RunResumed { step, environment } => codec::encode(&(step, environment)),
            Self::RunInterrupted { step } => codec::encode(step),
            Self::RunFinished { steps } | Self::RunEnded { steps } => codec::encode(steps),
            Self::KernelSelections(selections) => {
                check_selections(selections)?;
                codec::encode(selections)
            }
        }
    }

    pub(super) fn decode(kind: u16, payload: &[u8]) -> Result<Self, CodecError> {
        fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
            codec::decode(payload)
        }
        let event = match kind {
            0 => {
                let (spec, environment) = read(payload)?;
                Self::RunStarted { spec, environment }
            }
            1 => Self::Layouts(read(payload)?),
            2 => Self::Step(step(read(payload)?, None, None)),
            3 => {
                let (step, root) = read(payload)?;
                Self::Checkpoint { step, root }
            }
            4 => {
                let (step, environment) = read(payload)?;
                Self::RunResumed { step, environment }
            }
            5 => Self::RunInterrupted { step: read(payload)? },
            6 => Self::RunFinished { steps: read(payload)? },
            8 => Self::RunEnded { steps: read(payload)? },
            9 => {
                let (plain, launches) = read(payload)?;
                Self::Step(step(plain, Some(launches), None))
            }
            10 => {
                let (plain, launches, figures) = read(payload)?;
                Self::Step(step(plain, launches, Some(figures)))
            }
            _ => {
                let selections: Vec<KernelSelection> = read(payload)?;
                check_selections(&selections)?;
                Self::KernelSelections(selections)
            }
        };
        // Only maps can be encoded in more than one way.
        let has_maps = matches!(event, Self::RunStarted { .. } | Self::RunResumed { .. });
        if has_maps && event.payload()? != payload {
            return Err(CodecError::Malformed("a map is not in its one order".into()));
        }
        Ok(event)
    }
}

/// What every frame of a step begins with, in the order in which [`StepTrace`] has it.
type Plain = (u64, Digest, Digest, u64, u32, Vec<Fingerprint>, Vec<Fingerprint>);

fn plain(trace: &StepTrace) -> impl Serialize + '_ {
    let StepTrace { step, samples, batch, learning_rate_bits, loss_bits, gradient, state, .. } =
        trace;
    (step, samples, batch, learning_rate_bits, loss_bits, gradient, state)
}

fn step(plain: Plain, launches: Option<Launches>, validation: Option<Figures>) -> StepTrace {
    let (step, samples, batch, learning_rate_bits, loss_bits, gradient, state) = plain;
    StepTrace {
        step,
        samples,
        batch,
        learning_rate_bits,
        loss_bits,
        gradient,
        state,
        launches,
        validation,
    }
}

fn check_selections(selections: &[KernelSelection]) -> Result<(), CodecError> {
    check(selections).map_err(|problem| CodecError::Malformed(problem.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_decodes_has_one_encoding(
            kind in 0u16..12,
            payload in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..200),
        ) {
            if let Ok(event) = Event::decode(kind, &payload) {
                prop_assert_eq!(event.payload().unwrap(), payload);
            }
        }

        #[test]
        fn short_payloads_have_one_encoding(kind in 3u16..7, payload in prop::collection::vec(any::<u8>(), 8..41)) {
            if let Ok(event) = Event::decode(kind, &payload) {
                prop_assert_eq!(event.kind(), kind);
                prop_assert_eq!(event.payload().unwrap(), payload);
            }
        }
    }
}
