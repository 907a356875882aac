//! What a gate has found, arm by arm.

use reenact_core::state::{Difference, TensorDifference};
use serde::{Serialize, Serializer};

use crate::{Arm, Judgement, Moved};

/// Version of what a gate prints for machines.
///
/// 1: the first (2026-11).
pub const GATE_FORMAT: u32 = 1;

/// Says what came of an arm.
#[derive(Clone, Debug, Serialize)]
pub struct ArmFound {
    /// The question.
    pub arm: Arm,
    /// The answer.
    pub state: Judgement,
    /// The answer in words, without the name of the arm.
    pub words: String,
    /// Where bits moved, if they did.
    pub moved: Option<MovedFound>,
    /// What to type next; none where nothing is to be done.
    pub next: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Says where bits moved, for machines.
#[derive(Clone, Debug, Serialize)]
pub struct MovedFound {
    /// The first step that differs; none if the initial state does.
    pub step: Option<u64>,
    /// The part of it, or `initial-state`, or `last-state`.
    pub part: String,
    /// Tensors that differ there, where they have names.
    pub tensors: Vec<String>,
    /// Steps that differ.
    pub steps: u64,
    /// Loss of the last step, as accepted and now; none where it is not finite.
    pub last_loss: Option<[f32; 2]>,
    /// Both values, where a second training was at hand to give them: of the state after
    /// that step.
    pub values: Vec<TensorDifference>,
}

/// Says what came of a spec.
#[derive(Clone, Debug, Serialize)]
pub struct SpecFound {
    /// The spec's file.
    pub spec: String,
    /// Name of the run that it declares.
    pub name: String,
    /// Class of this machine; none if its device cannot be used.
    pub class: Option<String>,
    /// Steps that were taken.
    pub steps: u64,
    /// The answer to all questions.
    pub state: Judgement,
    /// Whether other bits only inform for now.
    pub informs: bool,
    /// Arm by arm.
    pub arms: Vec<ArmFound>,
    /// Where the candidate for acceptance lies.
    pub pending: Option<String>,
}

/// Says what came of all specs.
#[derive(Clone, Debug, Serialize)]
pub struct GateFound {
    /// [`GATE_FORMAT`].
    pub format: u32,
    /// The answer to everything.
    pub state: Judgement,
    /// The exit code that says the same; systems fold it.
    pub exit_code: u8,
    /// Spec by spec.
    pub specs: Vec<SpecFound>,
}

impl GateFound {
    /// Joins what came of the specs; of none, nothing is known.
    pub fn of(specs: Vec<SpecFound>) -> Self {
        let state = Judgement::of_all(specs.iter().map(|spec| spec.state));
        Self { format: GATE_FORMAT, state, exit_code: state.exit_code(), specs }
    }
}

impl MovedFound {
    /// Says it for machines.
    pub fn of(moved: &Moved, values: Vec<TensorDifference>) -> Self {
        use crate::Place::{InitialState, LastState, Step};
        let (step, part) = match moved.place {
            InitialState => (None, "initial-state".into()),
            LastState => (None, "last-state".into()),
            Step { step, stage } => (Some(step), stage.to_string().replace(' ', "-")),
        };
        let finite = |bits: [u32; 2]| {
            let losses = bits.map(f32::from_bits);
            losses.iter().all(|loss| loss.is_finite()).then_some(losses)
        };
        Self {
            step,
            part,
            tensors: moved.tensors().to_vec(),
            steps: moved.steps,
            last_loss: moved.last_loss_bits.and_then(finite),
            values,
        }
    }

    /// Returns the largest distance of two elements in units in the last place, and the
    /// largest relative L2 norm of a tensor's difference; none where no values are known.
    pub fn largest(&self) -> (Option<u64>, Option<f64>) {
        let elements = self.values.iter().filter_map(|found| match &found.difference {
            Difference::Elements { ulp_max, relative_l2, .. } => Some((*ulp_max, *relative_l2)),
            _ => None,
        });
        elements.fold((None, None), |(ulp, l2), (one, other)| {
            (
                ulp.max(one),
                other.map_or(l2, |other| Some(l2.map_or(other, |l2: f64| l2.max(other)))),
            )
        })
    }
}

impl Serialize for Judgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
