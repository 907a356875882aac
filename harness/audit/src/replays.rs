//! Replaying segments, so that only what two executions agree on counts.
//!
//! A segment whose executor failed is given to it once more. One whose replay leaves the
//! recording is replayed again: a divergence is held against a recording only where both
//! give the same bits.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use reenact_core::attack::InRunAttack;
use reenact_core::digest::Digest;
use reenact_core::format::SoFar;
use reenact_core::verify::{Cause, Segment, SegmentOutcome, SegmentReport};

use crate::device::Device;
use crate::event::{Event, Observer, Silent};
use crate::executor::{Done, Executor};
use crate::within::Within;
use crate::worker::{Message, Replay, Seek, Task};

/// Divergent segments that are looked into, the first ones: the very first with
/// a full search, the others briefly.
const EXPLAINED_MAX: usize = 4;

/// Makes workers misbehave, to try what an audit says of that.
#[derive(Clone, Debug)]
pub struct Sabotage {
    /// What they do.
    pub attack: InRunAttack,
    /// Whether only the first replay of each segment does it, as a device that
    /// fails now and then; else all do, as a poisoned toolchain.
    pub first_only: bool,
}

/// Says how to replay the segments of a recording.
pub(crate) struct Replays<'a> {
    /// Who does it.
    pub(crate) executor: &'a dyn Executor,
    /// The recording.
    pub(crate) run: PathBuf,
    /// Digest of the commitment that was examined.
    pub(crate) commitment: Digest,
    /// What it commits to, if the run still trains.
    pub(crate) so_far: Option<SoFar>,
    /// Where to compute.
    pub(crate) device: Device,
    /// Whether the recording holds kernels to compute with.
    pub(crate) pins_kernels: bool,
    /// Whether the causes of divergences are sought.
    pub(crate) explains: bool,
    /// What is done otherwise than it should be.
    pub(crate) sabotage: Option<Sabotage>,
    /// How deviations are measured, on another class of device; none to compare
    /// every bit.
    pub(crate) within: Option<Within>,
}

impl Replays<'_> {
    /// Replays the segments and returns their reports in the same order.
    pub(crate) fn of(&self, segments: &[Segment], observer: &dyn Observer) -> Vec<SegmentReport> {
        let attack = self.sabotage.as_ref().map(|sabotage| &sabotage.attack);
        let first = segments.iter().map(|segment| Task::Replay(self.task(*segment, attack)));
        self.executor.prepare(&first.collect::<Vec<_>>());
        let queue = Mutex::new(segments.iter().copied().enumerate().collect::<VecDeque<_>>());
        let done = Mutex::new(Vec::with_capacity(segments.len()));
        std::thread::scope(|scope| {
            for _ in 0..self.executor.width().min(segments.len()) {
                scope.spawn(|| {
                    // Not `lock(&queue)` in the condition: that would hold the
                    // lock while the segment is replayed, and so stop the others.
                    let next = || lock(&queue).pop_front();
                    while let Some((place, segment)) = next() {
                        let report = self.confirmed(segment, observer);
                        observer.hear(Event::Replayed(&report));
                        lock(&done).push((place, report));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        let mut reports: Vec<_> = done.into_iter().map(|(_, report)| report).collect();
        if self.explains {
            self.explain(&mut reports, observer);
        }
        reports
    }

    /// Seeks the causes of the first divergences, one after the other. What was
    /// found in one is tried first in the next.
    fn explain(&self, reports: &mut [SegmentReport], observer: &dyn Observer) {
        let divergent = reports.iter_mut().filter_map(|report| {
            let SegmentOutcome::Replayed { replay } = &report.outcome else { return None };
            let step = replay.divergence.as_ref()?.step.as_ref()?.step;
            Some((report, step))
        });
        let mut found: Vec<Cause> = Vec::new();
        for (place, (report, step)) in divergent.take(EXPLAINED_MAX).enumerate() {
            let known = (place > 0).then(|| found.clone());
            observer.hear(Event::Seeking { segment: report.segment.index });
            let task = Task::Seek(self.task(report.segment, None), Seek { step, known });
            match self.executor.execute(&task, &|| ()) {
                Ok(Message::Explanation(explanation)) => {
                    found.extend(explanation.causes.iter().map(|each| each.cause.clone()));
                    report.explanation = Some(explanation);
                }
                Ok(Message::Outcome(SegmentOutcome::Changed { problem })) => {
                    report.incidents.push(format!(
                        "no cause was sought: the recording changed while it was audited: {problem}"
                    ))
                }
                Ok(_) => report.incidents.push("the explaining worker wrote nonsense".into()),
                Err(problem) => report.incidents.push(format!("the explaining worker: {problem}")),
            }
        }
    }

    /// Replays a segment; if it diverges, replays it once more. Only what two
    /// processes agree on is held against a recording.
    fn confirmed(&self, segment: Segment, observer: &dyn Observer) -> SegmentReport {
        let attack = self.sabotage.as_ref().map(|sabotage| &sabotage.attack);
        let mut report = self.retrying(segment, attack, observer);
        let SegmentOutcome::Replayed { replay: first } = &report.outcome else { return report };
        let doubted = self.within.as_ref().map(|within| within.doubts(first));
        if !doubted.unwrap_or(!first.agrees()) {
            return report;
        }
        let lasting = self.sabotage.as_ref().is_some_and(|sabotage| !sabotage.first_only);
        let attack = attack.filter(|_| lasting);
        let second = self.retrying(segment, attack, &Silent);
        report.seconds = report.seconds.zip(second.seconds).map(|(one, other)| one + other);
        report.incidents.extend(second.incidents);
        match second.outcome {
            SegmentOutcome::Replayed { replay: second } if !second.repeats(first) => {
                let first = first.clone();
                report.outcome = SegmentOutcome::Unstable { first, second };
            }
            SegmentOutcome::Replayed { .. } => {}
            other => {
                let unconfirmed = first.explain().unwrap_or_else(|| "at its start".into());
                let said = format!("one replay left the recording, unconfirmed: {unconfirmed}");
                report.incidents.push(said);
                report.outcome = other;
            }
        }
        report
    }

    fn retrying(
        &self,
        segment: Segment,
        attack: Option<&InRunAttack>,
        observer: &dyn Observer,
    ) -> SegmentReport {
        let started = Instant::now();
        let taken = || Some(started.elapsed().as_secs_f64());
        let mut incidents = Vec::new();
        for attempt in ["first", "second"] {
            let steps = AtomicU64::new(0);
            match self.once(segment, attack, &steps, observer) {
                Ok((outcome, Done { by, seconds, note, .. })) => {
                    incidents.extend(note);
                    let (explanation, seconds) = (None, seconds.or_else(taken));
                    return SegmentReport { segment, outcome, explanation, incidents, seconds, by };
                }
                Err(problem) => incidents.push(format!("{attempt} worker: {problem}")),
            }
            observer.hear(Event::Lost(steps.into_inner()));
        }
        let outcome = if attack.is_none() && self.kernels_are_unusable(segment) {
            let problem = format!(
                "the recorded kernels cannot be used: three workers failed with them, and one \
                 with other kernels did not; {}",
                incidents.join("; ")
            );
            SegmentOutcome::Refused { problem }
        } else {
            let problem = format!("two workers failed; {}", incidents.join("; "));
            SegmentOutcome::Failed { problem }
        };
        let (explanation, seconds, by) = (None, taken(), None);
        SegmentReport { segment, outcome, explanation, incidents, seconds, by }
    }

    /// Asks, after two workers have failed, whether it is for the recorded kernels:
    /// a worker with others must not fail, and one more with the recorded ones must.
    fn kernels_are_unusable(&self, segment: Segment) -> bool {
        let fails = |free_kernels| {
            let task = Task::Replay(Replay { free_kernels, ..self.task(segment, None) });
            let answer = self.executor.execute(&task, &|| ());
            !matches!(answer, Ok(Message::Outcome(SegmentOutcome::Replayed { .. })))
        };
        self.pins_kernels && !fails(true) && fails(false)
    }

    fn once(
        &self,
        segment: Segment,
        attack: Option<&InRunAttack>,
        steps: &AtomicU64,
        observer: &dyn Observer,
    ) -> Result<(SegmentOutcome, Done), String> {
        let step = || {
            steps.fetch_add(1, Ordering::Relaxed);
            observer.hear(Event::Step);
        };
        let done = self.executor.done(&Task::Replay(self.task(segment, attack)), &step)?;
        let Message::Outcome(outcome) = &done.message else {
            return Err("it wrote nonsense".into());
        };
        let mut outcome = outcome.clone();
        self.within.iter().for_each(|within| within.judge(&mut outcome));
        Ok((outcome, done))
    }

    fn task(&self, segment: Segment, attack: Option<&InRunAttack>) -> Replay {
        let index = segment.index;
        let kernels = self.within.as_ref().map(|within| within.kernels_of(index).into());
        Replay {
            run: self.run.clone().into(),
            commitment: self.commitment,
            so_far: self.so_far.map(|so_far| so_far.encode()),
            segment: index,
            device: self.device.clone(),
            free_kernels: false,
            within: self.within.as_ref().map(|within| within.key),
            kernels,
            attack: attack.map(ToString::to_string),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
