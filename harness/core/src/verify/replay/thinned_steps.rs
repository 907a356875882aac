//! What a replay did step by step, thinned out: enough to draw, cheap to keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::History;
use crate::trainer::StepTrace;
use crate::verify::divergence::{Stage, StepDivergence};
use crate::verify::recording::Segment;

/// Steps kept of a segment that diverges; the first divergent one always is.
pub const COURSE_STEPS_MAX: u64 = 256;
/// Steps kept of a segment that agrees: its curve is the recorded one.
const CLEAN_STEPS_MAX: usize = 64;
/// Tensors that a course tells apart; the rest is only counted.
pub const COURSE_TENSORS_MAX: usize = 512;
/// Steps kept of a whole recording's loss.
const LOSSES_MAX: u64 = 512;

/// Holds a thinned record of a replay's steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Names of state tensors that differ at some step, in the order in which
    /// they are first seen to; at most [`COURSE_TENSORS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<String>,
    /// The steps, in order; at most [`COURSE_STEPS_MAX`] and one.
    pub steps: Vec<CourseStep>,
}

/// Says how one replayed step compares with its recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourseStep {
    /// The step.
    pub step: u64,
    /// Bits of the loss that was recorded.
    pub recorded_loss_bits: u32,
    /// Bits of the loss that the replay computed.
    pub replayed_loss_bits: u32,
    /// The stage in which the step first differs; none if it agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Number of parameters whose gradient differs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gradients: u64,
    /// Number of tensors of the state after the step that differ.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tensor_count: u64,
    /// Those tensors, as indices into [`Course::tensors`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<u32>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Holds the recorded loss of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossPoint {
    /// The step.
    pub step: u64,
    /// Bits of the loss, as JSON has no NaN.
    pub bits: u32,
}

impl LossPoint {
    /// Reads the recorded losses of a run, thinned out. A step that cannot be
    /// read is left out here; examining the recording reports it.
    pub(in crate::verify) fn of_history(history: &History) -> Vec<Self> {
        let steps = history.step_count();
        let point = |step: u64| {
            let trace = history.step(step).ok().flatten()?;
            Some(Self { step, bits: trace.loss_bits })
        };
        thinned_places(steps, LOSSES_MAX).filter_map(point).collect()
    }

    /// Returns the loss.
    pub fn loss(&self) -> f32 {
        f32::from_bits(self.bits)
    }
}

/// Returns at most `most` of `count` places, evenly spread, with the first and
/// the last.
pub(super) fn thinned_places(count: u64, most: u64) -> impl Iterator<Item = u64> {
    let kept = count.min(most);
    (0..kept).map(move |place| {
        let spread = u128::from(place) * u128::from(count - 1) / u128::from((kept - 1).max(1));
        spread as u64
    })
}

/// Keeps a course while a segment is replayed.
pub(in crate::verify) struct CourseKeeper {
    segment: Segment,
    stride: u64,
    course: Course,
    indices: BTreeMap<String, u32>,
    diverged: bool,
}

impl CourseKeeper {
    /// Keeps nothing yet.
    pub(in crate::verify) fn new(segment: Segment) -> Self {
        let steps = segment.step_end - segment.step_start;
        let stride = steps.div_ceil(COURSE_STEPS_MAX).max(1);
        let (course, indices) = (Course::default(), BTreeMap::new());
        Self { segment, stride, course, indices, diverged: false }
    }

    /// Says whether a step has to be compared: until the first divergence is
    /// found, and where the step is kept.
    pub(in crate::verify) fn wants(&self, step: u64) -> bool {
        !self.diverged || self.is_kept(step)
    }

    fn is_kept(&self, step: u64) -> bool {
        (step - self.segment.step_start).is_multiple_of(self.stride)
    }

    /// Takes a step that it wanted, with what differs.
    pub(in crate::verify) fn push(
        &mut self,
        recorded: &StepTrace,
        replayed: &StepTrace,
        found: Option<&StepDivergence>,
    ) {
        let first = found.is_some() && !self.diverged;
        self.diverged |= first;
        if !first && !self.is_kept(replayed.step) {
            return;
        }
        let tensors = found.map(|found| self.indices(&found.tensors)).unwrap_or_default();
        self.course.steps.push(CourseStep {
            step: replayed.step,
            recorded_loss_bits: recorded.loss_bits,
            replayed_loss_bits: replayed.loss_bits,
            stage: found.map(|found| found.stage),
            gradients: found.map_or(0, |found| found.gradients.len() as u64),
            tensor_count: found.map_or(0, |found| found.tensors.len() as u64),
            tensors,
        });
    }

    /// Numbers the names; those beyond the limit get no number.
    fn indices(&mut self, names: &[String]) -> Vec<u32> {
        let mut found = Vec::with_capacity(names.len().min(COURSE_TENSORS_MAX));
        for name in names {
            let next = self.indices.len();
            if let Some(&index) = self.indices.get(name) {
                found.push(index);
            } else if next < COURSE_TENSORS_MAX {
                self.indices.insert(name.clone(), next as u32);
                self.course.tensors.push(name.clone());
                found.push(next as u32);
            }
        }
        found
    }

    /// Returns the course; of a segment that agrees, a thinner one.
    pub(in crate::verify) fn finish(mut self) -> Course {
        if !self.diverged {
            let steps = &self.course.steps;
            let places = thinned_places(steps.len() as u64, CLEAN_STEPS_MAX as u64);
            self.course.steps = places.map(|place| steps[place as usize].clone()).collect();
        }
        self.course
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::verify::StepValues;

    fn trace(step: u64) -> StepTrace {
        StepTrace {
            step,
            samples: Digest::default(),
            batch: Digest::default(),
            learning_rate_bits: 0,
            loss_bits: step as u32,
            gradient: Vec::new(),
            state: Vec::new(),
            launches: None,
            validation: None,
        }
    }

    fn differing(step: u64, tensors: usize) -> StepDivergence {
        let values = StepValues { learning_rate: None, loss: None, loss_bits: 0 };
        StepDivergence {
            step,
            stage: Stage::Update,
            gradients: vec!["a".into()],
            tensors: (0..tensors).map(|index| format!("t{index}")).collect(),
            recorded: values.clone(),
            replayed: values,
            launches: None,
            figures: Vec::new(),
        }
    }

    fn run(steps: u64, diverges_at: u64, tensors: usize) -> Course {
        let segment = Segment { index: 1, step_start: 10, step_end: 10 + steps };
        let mut keeper = CourseKeeper::new(segment);
        for step in 10..10 + steps {
            if keeper.wants(step) {
                let found = (step >= diverges_at).then(|| differing(step, tensors));
                keeper.push(&trace(step), &trace(step), found.as_ref());
            }
        }
        keeper.finish()
    }

    #[test]
    fn thinning_keeps_the_ends_and_the_limit() {
        let places = |count, most| thinned_places(count, most).collect::<Vec<_>>();
        assert_eq!(places(0, 4), [0; 0]);
        assert_eq!(places(1, 4), [0]);
        assert_eq!(places(4, 4), [0, 1, 2, 3]);
        assert_eq!(places(10, 4), [0, 3, 6, 9]);
        assert_eq!(places(u64::MAX, 3), [0, (u64::MAX - 1) / 2, u64::MAX - 1]);
    }

    #[test]
    fn a_clean_course_is_thin() {
        let course = run(1000, u64::MAX, 0);
        assert_eq!(course.steps.len(), CLEAN_STEPS_MAX);
        assert_eq!(course.steps[0].step, 10);
        assert_eq!(run(20, u64::MAX, 0).steps.len(), 20);
        assert!(course.steps.iter().all(|step| step.stage.is_none()));
    }

    #[test]
    fn a_divergent_course_keeps_its_first_step() {
        let course = run(10_000, 4321, 3);
        assert!(course.steps.len() as u64 <= COURSE_STEPS_MAX + 1);
        let first = course.steps.iter().find(|step| step.stage.is_some()).unwrap();
        assert_eq!((first.step, &first.tensors[..]), (4321, &[0, 1, 2][..]));
        assert!(course.steps.is_sorted_by(|a, b| a.step < b.step));
    }

    #[test]
    fn names_are_bounded_and_the_rest_is_counted() {
        let course = run(2, 10, 600);
        assert_eq!(course.tensors.len(), COURSE_TENSORS_MAX);
        assert_eq!(course.steps[1].tensors.len(), COURSE_TENSORS_MAX);
        assert_eq!(course.steps[1].tensor_count, 600);
    }
}
