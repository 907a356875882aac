//! What the tests share: a small run of the toy program, and a whole audit.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact_core::attack::{InRunAttack, Planted, PostHocAttack, plant, start};
use reenact_core::data::DataSet;
use reenact_core::digest::{Digest, Hasher};
use reenact_core::format::{
    Commitment, Environment, Event, FrameReader, JournalWriter, Object, ReadRun, Tail,
};
use reenact_core::in_memory::{MemoryFile, MemoryRun};
use reenact_core::record::Recorder;
use reenact_core::spec::{Cadence, DataSpec, Spec, ValidationSpec};
use reenact_core::state::StateRoot;
use reenact_core::trainer::{Engine, Program, Setting, Trainer};
use reenact_core::verify::{
    Challenge, CoveredSegment, Draw, Evidence, Examination, Recording, Remembered, Replay, Report,
    Seen, SegmentOutcome, SegmentReport, Stage, Verdict, Weight, examine, examine_data, replay,
};
use reenact_toy::Toy;

/// Trains 12 steps in 4 segments of 3.
const SPEC: &str = r#"
format = 1
name = "toy"
root_seed = 7
steps = 12
checkpoint_every = 3
device = "cpu"
comparison = "bit-exact"
program.name = "toy-plane"
data = { name = "toy-points", samples = 64, digest = "DIGEST" }
batch.size = 4
optimizer = { kind = "sgd", momentum = 0.9, nesterov = false, weight_decay = 0.0 }
learning_rate = { kind = "constant", value = 0.05 }
sampling.kind = "all"
"#;

pub(crate) fn spec() -> Spec {
    // The digest of the data does not depend on the rest of the spec.
    let any = Spec::parse(&SPEC.replace("DIGEST", &Digest::default().to_string())).unwrap();
    let digest = Toy.data(&any, &setting()).unwrap().digest().unwrap();
    Spec::parse(&SPEC.replace("DIGEST", &digest.to_string())).unwrap()
}

/// Changes the usual spec, and checks it again.
pub(crate) fn spec_with(change: impl FnOnce(&mut Spec)) -> Spec {
    let mut spec = spec();
    change(&mut spec);
    Spec::parse(&spec.canonical()).unwrap()
}

/// Has the usual run measure its model.
pub(crate) fn validated_spec(every: Cadence) -> Spec {
    spec_with(|spec| {
        spec.format = 2;
        let data = DataSpec { name: "toy-held-out".into(), samples: 24, ..spec.data.clone() };
        spec.validation = Some(ValidationSpec { every, batch_size: 7, data });
        let held_out = Toy.validation_data(spec, &setting()).unwrap();
        let validation = spec.validation.as_mut().unwrap();
        validation.data.digest = Some(held_out.digest().unwrap());
    })
}

pub(crate) fn setting() -> Setting {
    Setting::new("cpu", 1)
}

pub(crate) fn environment() -> Environment {
    let class = [("engine", "toy 1"), (Engine::DEVICE, "cpu")];
    let class = class.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
    Environment {
        engine: Engine { class, notes: BTreeMap::new() },
        reenact: "0".into(),
        rustc: "0".into(),
        lock: Digest([1; 32]),
        binary: Digest([2; 32]),
        system: "any".into(),
    }
}

/// Starts the program, honest unless it is attacked.
pub(crate) fn trainer(spec: &Spec, attack: Option<InRunAttack>) -> Box<dyn Trainer> {
    start(&Toy, spec, data(spec), &setting(), attack.as_ref()).unwrap()
}

pub(crate) fn started(spec: &Spec, setting: &Setting) -> Box<dyn Trainer> {
    let data = Toy.data(spec, setting).unwrap();
    Toy.start(spec, data, setting).unwrap()
}

/// Starts the program as a worker does, with the recorded kernels.
fn replayer(recording: &Recording<'_>) -> Box<dyn Trainer> {
    let selections = Arc::new(recording.history.selections.to_vec());
    started(&recording.spec, &Setting { selections, ..setting() })
}

pub(crate) fn record_attacked(spec: &Spec, attack: Option<InRunAttack>) -> MemoryRun {
    record_with(spec, trainer(spec, attack))
}

pub(crate) fn record_in(spec: &Spec, setting: &Setting) -> MemoryRun {
    record_with(spec, started(spec, setting))
}

fn record_with(spec: &Spec, trainer: Box<dyn Trainer>) -> MemoryRun {
    let mut run = MemoryRun::default();
    let mut recorder = Recorder::start(&mut run, spec.clone(), trainer, environment()).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
    run
}

pub(crate) fn record(spec: &Spec) -> MemoryRun {
    record_attacked(spec, None)
}

/// Goes on with a recording and brings it to its end.
pub(crate) fn resume(run: &mut MemoryRun, spec: &Spec) {
    let trainer = trainer(spec, None);
    let mut recorder = Recorder::resume(run, spec.clone(), trainer, environment()).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
}

/// Plants an attack into a finished recording.
pub(crate) fn planted(attack: &str, run: &MemoryRun) -> (Planted, MemoryRun) {
    planted_with(attack, run, None)
}

pub(crate) fn planted_with(
    attack: &str,
    run: &MemoryRun,
    other: Option<&MemoryRun>,
) -> (Planted, MemoryRun) {
    let attack: PostHocAttack = attack.parse().unwrap();
    let mut into = MemoryRun::default();
    let other = other.map(|other| other as &dyn ReadRun);
    let planted = plant(&attack, run, other, &mut into).unwrap();
    (planted, into)
}

pub(crate) fn examined(run: &MemoryRun) -> Examination<'_> {
    examine(run, &mut |_, _| ())
}

/// Examines a recording that has to be whole, with its data.
pub(crate) fn whole(run: &MemoryRun) -> Recording<'_> {
    let Examination { findings, recording, .. } = examined(run);
    assert_eq!(findings, []);
    let recording = recording.unwrap();
    assert_eq!(examine_data(&recording, data(&recording.spec).as_ref(), &mut |_| ()), []);
    recording
}

pub(crate) fn data(spec: &Spec) -> std::sync::Arc<dyn DataSet> {
    Toy.data(spec, &setting()).unwrap()
}

pub(crate) fn replayed(recording: &Recording<'_>, segment: u64) -> Replay {
    let mut trainer = replayer(recording);
    replay(recording, trainer.as_mut(), recording.segment(segment), &mut |_| ()).unwrap()
}

/// Audits as the command does: examines, derives the data, replays `segments`
/// (or all), and concludes.
pub(crate) fn audit(run: &MemoryRun, segments: Option<&[u64]>) -> Report {
    let Examination { mut findings, recording, vouched, .. } = examined(run);
    let mut reports = Vec::new();
    if let Some(recording) = &recording {
        findings.extend(examine_data(recording, data(&recording.spec).as_ref(), &mut |_| ()));
        let all: Vec<u64> = (0..recording.segment_count()).collect();
        reports = segment_reports(recording, segments.unwrap_or(&all));
        reports.iter_mut().for_each(|report| report.settle(&findings));
    }
    Report::conclude(Evidence {
        recording: recording.as_ref(),
        findings,
        segments: reports,
        ..Evidence::new(run.place(), vouched, environment())
    })
}

/// Replays segments, as a report holds them.
pub(crate) fn segment_reports(recording: &Recording<'_>, segments: &[u64]) -> Vec<SegmentReport> {
    segments.iter().map(|&segment| segment_report(recording, segment)).collect()
}

fn segment_report(recording: &Recording<'_>, index: u64) -> SegmentReport {
    let mut trainer = replayer(recording);
    let segment = recording.segment(index);
    let outcome = SegmentOutcome::of(replay(recording, trainer.as_mut(), segment, &mut |_| ()));
    SegmentReport::new(segment, outcome)
}

/// Returns what an audit of this recording leaves that drew nothing.
pub(crate) fn remembered(recording: &Recording<'_>, at_seconds: u64) -> Remembered {
    let history = &recording.history;
    let seen = Some(Seen { frames: history.frames, head: history.head });
    Remembered { seen, commitment: Some(recording.commitment), ..unread(at_seconds) }
}

/// Returns what one leaves of a recording that it could not read.
pub(crate) fn unread(at_seconds: u64) -> Remembered {
    Remembered {
        audited_at_seconds: at_seconds,
        here: true,
        ended: true,
        accused: false,
        reason: None,
        lay_at: None,
        seen: None,
        commitment: None,
        draw: None,
        covered: Vec::new(),
        open: Vec::new(),
        debts: Vec::new(),
    }
}

/// Returns what one leaves that drew so, by a fresh nonce, and found everything right.
pub(crate) fn remembered_draw(
    recording: &Recording<'_>,
    challenge: &Challenge,
    at_seconds: u64,
) -> Remembered {
    let (nonce, total, (pool, _)) = (challenge.nonce.clone(), challenge.total, challenge.pool());
    let draw = Draw { nonce, drawn_at_seconds: at_seconds, total, pool, agreed: None };
    let sampled = challenge.drawing().sampled;
    let covered = |index| covered(recording, index, sampled.contains(&index), at_seconds);
    let covered = challenge.draw().into_iter().map(covered).collect();
    Remembered { draw: Some(draw), covered, ..remembered(recording, at_seconds) }
}

/// Returns a segment that was replayed and agreed.
pub(crate) fn covered(
    recording: &Recording<'_>,
    index: u64,
    sampled: bool,
    at_seconds: u64,
) -> CoveredSegment {
    let segment = recording.segment(index);
    let root = |step| recording.history.checkpoints[&step];
    let (opening, closing) = (root(segment.step_start), root(segment.step_end));
    let disowned_at_seconds = None;
    CoveredSegment { segment, opening, closing, sampled, at_seconds, disowned_at_seconds }
}

pub(crate) fn matches(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Match { .. })
}

/// Says whether an examination found something that counts.
pub(crate) fn objects(examination: &Examination<'_>) -> bool {
    examination.findings.iter().any(|finding| finding.weight != Weight::Note)
}

/// Asserts that a replay agrees in everything up to `step`, and first differs
/// there, in this stage; returns the tensors that differ after the step.
pub(crate) fn first_difference(replay: &Replay, step: u64, stage: Stage) -> Vec<String> {
    let divergence = replay.divergence.as_ref().expect("the replay diverges");
    let first = divergence.step.as_ref().expect("a step differs");
    assert_eq!((first.step, first.stage), (step, stage), "{replay:?}");
    first.tensors.clone()
}

/// Reads a journal's events, with the offsets at which their frames begin.
pub(crate) fn events(run: &MemoryRun) -> Vec<(usize, Event)> {
    let source = MemoryFile::new(run.objects[&Object::Journal].clone());
    let mut reader = FrameReader::open(&source).unwrap();
    let mut events = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        events.push((frame.at as usize, frame.event));
    }
    assert_eq!(reader.tail(), Tail::Whole);
    events
}

/// One domain a frame kind, as `harness/core/src/format/journal.rs` says.
const DOMAINS: [&str; 11] = [
    "reenact v1 journal run-started",
    "reenact v1 journal layouts",
    "reenact v1 journal step",
    "reenact v1 journal checkpoint",
    "reenact v1 journal run-resumed",
    "reenact v1 journal run-interrupted",
    "reenact v1 journal run-finished",
    "reenact v1 journal kernel-selections",
    "reenact v1 journal run-ended",
    "reenact v1 journal step-launched",
    "reenact v1 journal step-validated",
];

/// The kind and payload of one frame, whatever they hold.
pub(crate) type RawFrame = (u16, Vec<u8>);

/// Reads a journal's frames without decoding them.
pub(crate) fn raw_frames(run: &MemoryRun) -> Vec<RawFrame> {
    let journal = &run.objects[&Object::Journal];
    let (mut at, mut frames) = (20, Vec::new());
    while at < journal.len() {
        let bytes = u32::from_le_bytes(journal[at..at + 4].try_into().unwrap()) as usize;
        let kind = u16::from_le_bytes(journal[at + 4..at + 6].try_into().unwrap());
        frames.push((kind, journal[at + 14..][..bytes].to_vec()));
        at += 14 + bytes + 32;
    }
    frames
}

/// Writes frames as a journal, chained anew, and commits to them. Written
/// beside the crate's own writer, from the format's description.
pub(crate) fn reforged(run: &MemoryRun, frames: &[RawFrame]) -> MemoryRun {
    let mut journal = run.objects[&Object::Journal][..20].to_vec();
    let mut chain = Hasher::new("reenact v1 journal header").fixed(&journal).finish();
    let mut checkpoints = BTreeMap::new();
    for ((kind, payload), sequence) in frames.iter().zip(0u64..) {
        let start = journal.len();
        journal.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        journal.extend_from_slice(&kind.to_le_bytes());
        journal.extend_from_slice(&sequence.to_le_bytes());
        journal.extend_from_slice(payload);
        let domain = DOMAINS.get(usize::from(*kind)).copied().unwrap_or(DOMAINS[0]);
        chain = Hasher::new(domain).fixed(&chain.0).fixed(&journal[start..]).finish();
        journal.extend_from_slice(&chain.0);
        if let (3, Some((step, root))) = (kind, payload.split_first_chunk()) {
            let root = root.try_into().map(Digest).unwrap_or_default();
            checkpoints.insert(u64::from_le_bytes(*step), StateRoot(root));
        }
    }
    let commitment = Commitment {
        spec: run.objects.get(&Object::Spec).map_or(Digest::default(), |t| Spec::digest_of_text(t)),
        frames: frames.len() as u64,
        head: chain,
        checkpoints: checkpoints.into_iter().collect(),
    };
    let mut forged = run.clone();
    forged.objects.insert(Object::Journal, journal);
    forged.objects.insert(Object::Commitment, commitment.encode().into_bytes());
    forged
}

/// Writes events as a journal, chained anew, and commits to them.
pub(crate) fn retold(run: &MemoryRun, events: &[Event]) -> MemoryRun {
    let (mut writer, header) = JournalWriter::start();
    let mut journal = header;
    for event in events {
        journal.extend(writer.frame(event).unwrap());
    }
    let mut told = run.clone();
    told.objects.insert(Object::Journal, journal);
    let frames = raw_frames(&told);
    reforged(&told, &frames)
}
