//! Whether a replay launched the kernels that the recording did.

use serde::{Deserialize, Serialize};

use crate::trainer::StepTrace;
use crate::verify::divergence::launched_otherwise;

/// Counts the steps of a replay by what they launched. Other kernels that give the same bits are
/// no divergence, and worth knowing: another burn, or another history of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    /// Steps of which both sides say what was launched.
    pub compared: u64,
    /// Those that launched otherwise.
    pub other: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

impl Launched {
    /// Says whether there was nothing to compare, as on the processor.
    pub fn is_empty(&self) -> bool {
        self.compared == 0
    }

    /// Takes a step.
    pub(in crate::verify) fn take(&mut self, recorded: &StepTrace, replayed: &StepTrace) {
        self.compared += u64::from(recorded.launches.and(replayed.launches).is_some());
        if launched_otherwise(recorded, replayed).is_some() {
            self.other += 1;
            self.first = self.first.or(Some(replayed.step));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::format::StepLayouts;
    use crate::state::{DType, Fingerprint, Layout, TensorSpec};
    use crate::trainer::Launches;
    use crate::verify::divergence::{Divergence, Stage, StepDivergence};

    fn step(launches: Option<(u32, u8)>, gradient: u64) -> StepTrace {
        StepTrace {
            step: 7,
            samples: Digest::default(),
            batch: Digest::default(),
            learning_rate_bits: 0,
            loss_bits: 0,
            gradient: vec![Fingerprint(gradient)],
            state: vec![Fingerprint(1)],
            launches: launches.map(|(count, seed)| Launches { count, digest: Digest([seed; 32]) }),
            validation: None,
        }
    }

    fn compared(recorded: &StepTrace, replayed: &StepTrace) -> Option<StepDivergence> {
        let spec = TensorSpec { name: "w".into(), dtype: DType::F32, shape: vec![] };
        let layout = Layout::new(vec![spec]).unwrap();
        let layouts = StepLayouts { state: layout.clone(), gradient: layout.clone() };
        StepDivergence::of(recorded, replayed, &layouts, (&layout, &layout))
    }

    #[test]
    fn other_kernels_come_before_what_they_computed() {
        let found = compared(&step(Some((9, 1)), 1), &step(Some((8, 2)), 2)).unwrap();
        assert_eq!((found.stage, found.stage_of_numbers()), (Stage::Kernels, Stage::Gradient));
        let step = Some(found);
        let closing = Vec::new();
        let words = Divergence { step, closing, closing_unread: None }.explain();
        assert!(
            words.contains("launched 9 kernels") && words.contains("replay of the same program 8"),
            "{words}"
        );
        assert!(words.contains("the gradient of `w` differs"), "{words}");
    }

    #[test]
    fn other_kernels_with_the_same_bits_are_no_divergence() {
        assert!(compared(&step(Some((9, 1)), 1), &step(Some((9, 2)), 1)).is_none());
    }

    #[test]
    fn what_one_side_does_not_say_is_not_compared() {
        let found = compared(&step(None, 1), &step(Some((8, 2)), 2)).unwrap();
        assert_eq!(found.stage, Stage::Gradient);
        let mut launched = Launched::default();
        launched.take(&step(None, 1), &step(Some((8, 2)), 1));
        assert!(launched.is_empty());
        launched.take(&step(Some((8, 2)), 1), &step(Some((8, 2)), 1));
        launched.take(&step(Some((8, 2)), 1), &step(Some((8, 3)), 1));
        assert_eq!(launched, Launched { compared: 2, other: 1, first: Some(7) });
    }
}
