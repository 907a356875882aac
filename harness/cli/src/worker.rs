//! Replaying segments in processes of their own.
//!
//! Each segment is replayed by a fresh process of this very binary, with one
//! thread: a fresh process carries nothing over from a segment before, a crash
//! takes only one segment with it, and several processes use all cores. A
//! worker reports each step; one that stays silent for too long is killed. A
//! segment whose worker died is given to a second one.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::ProgressBar;
use reenact_core::attack::InRunAttack;
use reenact_core::digest::Digest;
use reenact_core::format::Calibration;
use reenact_core::machine::OperationRuns;
use reenact_core::plain::one_line;
use reenact_core::verify::{
    Cause, Explanation, Rehearsal, Replay, Search, Segment, SegmentOutcome, SegmentReport,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::command::Device;
use crate::cost::Cost;
use crate::failure::Failure;

/// Limits a line from a worker: an outcome names at most a few hundred
/// tensors.
const LINE_BYTES_MAX: u64 = 1 << 26;
/// How much of what a worker said on standard error is kept.
const WORDS_BYTES_MAX: usize = 2000;
/// Divergent segments that are looked into, the first ones: the very first with
/// a full search, the others briefly.
const EXPLAINED_MAX: usize = 4;

/// Holds one line that a worker writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Message {
    /// A step is replayed.
    Step(u64),
    /// The segment is done.
    Outcome(SegmentOutcome),
    /// The divergence of the segment was looked into.
    Explanation(Explanation),
    /// The first steps of a training were taken, once or several times.
    Rehearsed(Vec<Rehearsal>),
    /// What recording costs was measured.
    Costed(Cost),
    /// Operations were run by themselves; none if the program has no such list.
    Operated(Option<Vec<OperationRuns>>),
    /// What a doctor asked for cannot be done.
    Refused {
        /// Whether it is the user's mistake, a bad spec say.
        usage: bool,
        /// Why, and what to do.
        problem: String,
    },
}

/// Says what a worker does with its segment.
#[derive(Clone, Copy)]
enum Task<'a> {
    /// Replays it, with an attack where a sabotaged worker is played.
    Replay(Option<&'a InRunAttack>),
    /// Replays it with kernels of its own choice instead of the recorded ones.
    ReplayFree,
    /// Seeks the cause of the divergence that begins at this step.
    Explain(u64, &'a Search),
}

/// Makes workers misbehave, to try what an audit says of that.
#[derive(Clone, Debug)]
pub(crate) struct Sabotage {
    /// What they do.
    pub(crate) attack: InRunAttack,
    /// Whether only the first replay of each segment does it, as a device that
    /// fails now and then; else all do, as a poisoned toolchain.
    pub(crate) first_only: bool,
}

/// Says how deviations from a recording of another class are measured.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    /// Folds the residuals.
    pub(crate) key: Digest,
    /// What is allowed; none to measure only.
    pub(crate) calibration: Option<Arc<Calibration>>,
    /// Holds, for each segment, the kernels that its first replay chose on this
    /// class of device, for which the recording has none. Its second replay computes
    /// with them: otherwise two honest ones would not agree.
    pub(crate) kernels: Arc<TempDir>,
}

impl Within {
    /// Makes room for what the replays of an audit choose.
    pub(crate) fn new(key: Digest, calibration: Option<Arc<Calibration>>) -> Result<Self, Failure> {
        let kernels = tempfile::tempdir()
            .map_err(|error| Failure::inconclusive(format!("no temporary folder: {error}")))?;
        Ok(Self { key, calibration, kernels: Arc::new(kernels) })
    }

    /// Says whether a replay has to be taken once more before it counts.
    fn doubts(&self, replay: &Replay) -> bool {
        if self.calibration.is_none() { replay.divergence.is_some() } else { !replay.agrees() }
    }

    /// Notes what is beyond the tolerance. The initial state is not held against
    /// a recording where the two classes derive it differently.
    fn judge(&self, outcome: &mut SegmentOutcome) {
        let Some(calibration) = &self.calibration else { return };
        let SegmentOutcome::Replayed { replay } = outcome else { return };
        if let Some(deviation) = &mut replay.deviation {
            deviation.judge(calibration);
        }
        if !calibration.initial_state_agrees {
            replay.initial.clear();
            replay.initial_unread = None;
        }
    }
}

/// Says how to replay segments.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    /// The recording.
    pub(crate) run: PathBuf,
    /// Digest of the commitment that was examined.
    pub(crate) commitment: Digest,
    /// Where to compute.
    pub(crate) device: Device,
    /// Workers at a time.
    pub(crate) jobs: usize,
    /// Silence after which a worker is taken for hanging.
    pub(crate) stall: Duration,
    /// Whether the recording holds kernels for the workers to compute with.
    pub(crate) pins_kernels: bool,
    /// Whether the causes of divergences are sought.
    pub(crate) explains: bool,
    /// What the workers do otherwise than they should.
    pub(crate) sabotage: Option<Sabotage>,
    /// How deviations are measured, on another class of device; none to compare
    /// every bit.
    pub(crate) within: Option<Within>,
}

impl Crew {
    /// Replays the segments and returns their reports in the same order.
    pub(crate) fn replay(
        &self,
        segments: &[Segment],
        bar: &ProgressBar,
    ) -> Result<Vec<SegmentReport>, Failure> {
        let queue = Mutex::new(segments.iter().copied().enumerate().collect::<VecDeque<_>>());
        let done = Mutex::new(Vec::with_capacity(segments.len()));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(segments.len()) {
                scope.spawn(|| {
                    // Not `lock(&queue)` in the condition: that would hold the
                    // lock while the segment is replayed, and so stop the others.
                    let next = || lock(&queue).pop_front();
                    while let Some((place, segment)) = next() {
                        let report = self.replay_confirmed(segment, bar);
                        lock(&done).push((place, report));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        let mut reports: Vec<_> = done.into_iter().map(|(_, report)| report).collect();
        if self.explains {
            self.explain(&mut reports, bar);
        }
        Ok(reports)
    }

    /// Seeks the causes of the first divergences, one after the other. What was
    /// found in one is tried first in the next.
    fn explain(&self, reports: &mut [SegmentReport], bar: &ProgressBar) {
        let divergent = reports.iter_mut().filter_map(|report| {
            let SegmentOutcome::Replayed { replay } = &report.outcome else { return None };
            let step = replay.divergence.as_ref()?.step.as_ref()?.step;
            Some((report, step))
        });
        let mut found: Vec<Cause> = Vec::new();
        for (place, (report, step)) in divergent.take(EXPLAINED_MAX).enumerate() {
            let search = if place == 0 { Search::full() } else { Search::brief(&found) };
            let index = report.segment.index;
            bar.set_message(format!("seeking the cause in segment {index}"));
            match self.ask(report.segment, Task::Explain(step, &search), &ProgressBar::hidden()) {
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
    fn replay_confirmed(&self, segment: Segment, bar: &ProgressBar) -> SegmentReport {
        let attack = self.sabotage.as_ref().map(|sabotage| &sabotage.attack);
        let mut report = self.replay_retrying(segment, attack, bar);
        let SegmentOutcome::Replayed { replay: first } = &report.outcome else { return report };
        let doubted = self.within.as_ref().map(|within| within.doubts(first));
        if !doubted.unwrap_or(!first.agrees()) {
            return report;
        }
        let lasting = self.sabotage.as_ref().is_some_and(|sabotage| !sabotage.first_only);
        let attack = attack.filter(|_| lasting);
        let second = self.replay_retrying(segment, attack, &ProgressBar::hidden());
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

    fn replay_retrying(
        &self,
        segment: Segment,
        attack: Option<&InRunAttack>,
        bar: &ProgressBar,
    ) -> SegmentReport {
        let mut incidents = Vec::new();
        for attempt in ["first", "second"] {
            let position = bar.position();
            match self.replay_once(segment, attack, bar) {
                Ok(outcome) => {
                    return SegmentReport { segment, outcome, explanation: None, incidents };
                }
                Err(problem) => incidents.push(format!("{attempt} worker: {problem}")),
            }
            bar.set_position(position);
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
        SegmentReport { segment, outcome, explanation: None, incidents }
    }

    /// Asks, after two workers have failed, whether it is for the recorded kernels:
    /// a worker with others must not fail, and one more with the recorded ones must.
    fn kernels_are_unusable(&self, segment: Segment) -> bool {
        let fails = |task| {
            let answer = self.ask(segment, task, &ProgressBar::hidden());
            !matches!(answer, Ok(Message::Outcome(SegmentOutcome::Replayed { .. })))
        };
        self.pins_kernels && !fails(Task::ReplayFree) && fails(Task::Replay(None))
    }

    fn replay_once(
        &self,
        segment: Segment,
        attack: Option<&InRunAttack>,
        bar: &ProgressBar,
    ) -> Result<SegmentOutcome, String> {
        match self.ask(segment, Task::Replay(attack), bar)? {
            Message::Outcome(mut outcome) => {
                self.within.iter().for_each(|within| within.judge(&mut outcome));
                Ok(outcome)
            }
            _ => Err("it wrote nonsense".into()),
        }
    }

    /// Starts a worker and waits for its last message.
    fn ask(&self, segment: Segment, task: Task<'_>, bar: &ProgressBar) -> Result<Message, String> {
        converse(self.start(segment, task), self.stall, bar)
    }

    fn start(&self, segment: Segment, task: Task<'_>) -> std::io::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["replay", "--segment", &segment.index.to_string()]);
        if let Some(device) = &self.device.device {
            command.args(["--device", device]);
        }
        command.arg("--data-dir").arg(&self.device.data_dir);
        command.args(["--commitment", &self.commitment.to_string()]);
        if let Some(within) = &self.within {
            command.args(["--within", &within.key.to_string()]);
            let chosen = within.kernels.path().join(format!("{}.json", segment.index));
            command.arg("--kernels").arg(chosen);
        }
        match task {
            Task::Replay(None) => {}
            Task::ReplayFree => {
                command.arg("--free-kernels");
            }
            Task::Replay(Some(attack)) => {
                command.args(["--attack", &attack.to_string()]);
            }
            Task::Explain(step, search) => {
                command.args(["--explain", &step.to_string()]);
                if search.is_brief() {
                    command.args(["--known", &serde_json::to_string(search.known())?]);
                }
            }
        }
        // A folder may be called `-x`.
        command.arg("--").arg(&self.run);
        // What it says last is passed on, and is to be what was wrong.
        command.env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

/// Waits for the last message of a worker, which has just been started; `bar` is
/// moved on at each step.
pub(crate) fn converse(
    started: std::io::Result<Child>,
    stall: Duration,
    bar: &ProgressBar,
) -> Result<Message, String> {
    let mut child = started.map_err(|error| format!("it did not start: {error}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("it has no output".into());
    };
    let words = std::thread::spawn(move || last_words(stderr));
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        while let Some(message) = read_message(&mut lines) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    let outcome = follow(&messages, stall, bar);
    if outcome.is_err() {
        // It may have gone already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let words = words.join().unwrap_or_default();
    outcome.map_err(|problem| format!("it {problem} ({status}){words}"))
}

fn follow(
    messages: &Receiver<Result<Message, String>>,
    stall: Duration,
    bar: &ProgressBar,
) -> Result<Message, String> {
    loop {
        match messages.recv_timeout(stall) {
            Ok(Ok(Message::Step(_))) => bar.inc(1),
            Ok(Ok(last)) => return Ok(last),
            Ok(Err(problem)) => return Err(problem),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("was silent for {} s and was ended", stall.as_secs()));
            }
            Err(RecvTimeoutError::Disconnected) => return Err("died".into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn read_message(lines: &mut impl BufRead) -> Option<Result<Message, String>> {
    let mut line = Vec::new();
    match lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) => {
            Some(serde_json::from_slice(&line).map_err(|error| format!("wrote nonsense: {error}")))
        }
        Err(error) => Some(Err(format!("cannot be read: {error}"))),
    }
}

/// Returns the end of what a worker said, as a part of a sentence.
fn last_words(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut piece) {
        kept.extend_from_slice(&piece[..read]);
        kept.drain(..kept.len().saturating_sub(WORDS_BYTES_MAX));
    }
    let text = String::from_utf8_lossy(&kept);
    let text = one_line(&text);
    if text.is_empty() { text } else { format!("; it said: {text}") }
}
