//! Recordings made to break their reader: each gives a clear error, in bounded
//! memory, and never a match.

mod common;

use std::sync::Arc;

use common::{
    RawFrame, audit, environment, events, examined, matches, raw_frames, record, reforged, retold,
    spec, spec_with, trainer,
};
use proptest::prelude::*;
use reenact_core::format::{
    Checkpoint, CheckpointError, Event, JournalWriter, Object, ReadAt, ReadRun, StepLayouts,
    StoreError, write_checkpoint,
};
use reenact_core::in_memory::MemoryRun;
use reenact_core::state::{DType, Layout, State, StateRoot, TensorSpec};
use reenact_core::trainer::Request;
use reenact_core::verify::{Finding, ReplayError, Report, Verdict, Weight, open_recording, replay};

/// Asserts that a recording is refused without replay, and returns what is
/// said about it.
fn refused(run: &MemoryRun) -> String {
    let examination = examined(run);
    assert!(examination.recording.is_none(), "it could be replayed");
    let [Finding { problem, weight: Weight::Divergent, .. }] = &examination.findings[..] else {
        panic!("{:?}", examination.findings)
    };
    assert_eq!(audit(run, None).verdict, Verdict::Divergent);
    problem.clone()
}

/// Changes the events of the usual recording.
fn with_events(change: impl FnOnce(&mut Vec<Event>)) -> MemoryRun {
    let run = record(&spec());
    let mut told: Vec<Event> = events(&run).into_iter().map(|(_, event)| event).collect();
    change(&mut told);
    retold(&run, &told)
}

fn position(events: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    events.iter().position(wanted).unwrap()
}

fn is_step(wanted: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Step(trace) if trace.step == wanted)
}

type Change = Box<dyn Fn(&mut Vec<Event>)>;

/// Usual order: start, state 0, layouts, steps 0 to 2, state 3, ...
#[test]
fn frames_out_of_order() {
    let resumed = |step| Event::RunResumed { step, environment: environment() };
    let cases: Vec<(&str, Change)> = vec![
        ("a journal begins with", Box::new(|e| drop(e.remove(0)))),
        ("a run starts only once", Box::new(|e| e.insert(1, e[0].clone()))),
        ("stands there twice", Box::new(|e| e.insert(2, e[1].clone()))),
        ("step 4 stands where step 3", Box::new(|e| drop(e.remove(position(e, is_step(3)))))),
        (
            "step 3 stands where step 4",
            Box::new(|e| e.insert(position(e, is_step(4)), e[position(e, is_step(3))].clone())),
        ),
        (
            "step 4 stands where step 3",
            Box::new(|e| {
                let at = position(e, is_step(3));
                e.swap(at, at + 1);
            }),
        ),
        ("do not fit the tensors", Box::new(|e| drop(e.remove(2)))),
        (
            "step 1 stands where step 3",
            Box::new(|e| {
                let root = StateRoot::default();
                e.insert(position(e, is_step(3)), Event::Checkpoint { step: 1, root });
            }),
        ),
        ("nothing may follow", Box::new(|e| e.push(Event::RunFinished { steps: 12 }))),
        ("nothing may follow", Box::new(move |e| e.push(resumed(12)))),
        (
            "step 11 stands where step 12",
            Box::new(|e| {
                *e.last_mut().unwrap() = Event::RunFinished { steps: 11 };
            }),
        ),
        (
            "only a resumption",
            Box::new(|e| {
                e.insert(position(e, is_step(3)), Event::RunInterrupted { step: 3 });
            }),
        ),
        ("but has no end", Box::new(|e| drop(e.pop()))),
    ];
    for (wanted, change) in cases {
        let problem = refused(&with_events(change));
        assert!(problem.contains(wanted), "{problem} instead of {wanted}");
    }
}

#[test]
fn resumptions_out_of_order() {
    let resumed = |step| Event::RunResumed { step, environment: environment() };
    let resumed_elsewhere = |step| {
        let mut environment = environment();
        environment.engine.class.insert("engine".into(), "toy 2".into());
        Event::RunResumed { step, environment }
    };
    let cases: Vec<(&str, Change)> = vec![
        ("which no checkpoint opens", Box::new(move |e| e.insert(1, resumed(0)))),
        (
            "step 5 stands where step 4",
            Box::new(move |e| e.insert(position(e, is_step(5)), resumed(4))),
        ),
        (
            "which it had not reached",
            Box::new(move |e| e.insert(position(e, is_step(5)), resumed(6))),
        ),
        (
            "which it had not reached",
            Box::new(move |e| {
                e.insert(position(e, is_step(5)), resumed(u64::MAX));
            }),
        ),
        (
            "on another class of machine",
            Box::new(move |e| e.insert(position(e, is_step(5)), resumed_elsewhere(5))),
        ),
    ];
    for (wanted, change) in cases {
        let problem = refused(&with_events(change));
        assert!(problem.contains(wanted), "{problem} instead of {wanted}");
    }
}

#[test]
fn too_many_resumptions() {
    let run = with_events(|events| {
        let resumed = Event::RunResumed { step: 0, environment: environment() };
        events.splice(2..2, std::iter::repeat_n(resumed, 4096));
    });
    assert_eq!(refused(&run).split(": ").last(), Some("the run was resumed 4096 times or more"));
}

fn layouts(tensors: u64) -> Event {
    let tensor = |i: u64| TensorSpec { name: format!("t{i:04}"), dtype: DType::U8, shape: vec![1] };
    let state = Layout::new((0..tensors).map(tensor).collect()).unwrap();
    Event::Layouts(StepLayouts { gradient: state.clone(), state })
}

#[test]
fn too_many_layouts() {
    let run = with_events(|events| drop(events.splice(2..2, (0..65).map(layouts))));
    assert!(refused(&run).contains("change more than 64 times"));
}

#[test]
fn a_layout_declared_twice_before_a_step() {
    // The last one counts, for the check of the frame and for the comparison.
    let run = with_events(|events| events.insert(2, layouts(3)));
    assert!(matches(&audit(&run, None)));
    let run = with_events(|events| events.insert(3, layouts(4)));
    assert!(refused(&run).contains("do not fit the tensors"));
}

#[test]
fn other_tensors_of_the_same_number() {
    let other = |event: &mut Event, name: &str| {
        let Event::Layouts(layouts) = event else { panic!() };
        let mut tensors: Vec<TensorSpec> = layouts.state.clone().into();
        tensors.iter_mut().find(|t| t.name == "model.weight").unwrap().name = name.into();
        layouts.state = Layout::new(tensors).unwrap();
    };
    let run = with_events(|events| other(&mut events[2], "model.weighs"));
    let found = &examined(&run).findings[0];
    assert!(found.problem.contains("its tensors are not those that step 2 left"), "{found}");
    assert_eq!(audit(&run, Some(&[0])).verdict, Verdict::Divergent);
}

/// Puts a raw frame in place of the tensors' declaration.
fn with_frame(kind: u16, payload: Vec<u8>) -> MemoryRun {
    let run = record(&spec());
    let mut frames = raw_frames(&run);
    frames[2] = (kind, payload);
    reforged(&run, &frames)
}

fn declared(name: &str, shape: &[u64], count: u64) -> Vec<u8> {
    let mut payload = count.to_le_bytes().to_vec();
    payload.extend_from_slice(&(name.len() as u64).to_le_bytes());
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(&9u32.to_le_bytes());
    payload.extend_from_slice(&(shape.len() as u64).to_le_bytes());
    shape.iter().for_each(|size| payload.extend_from_slice(&size.to_le_bytes()));
    // And no gradients.
    payload.extend_from_slice(&0u64.to_le_bytes());
    payload
}

#[test]
fn absurd_tensors_and_counts() {
    for (payload, wanted) in [
        (declared("a", &[1 << 45], 1), "2^46 bytes"),
        (declared("a", &[1 << 40, 1 << 40], 1), "2^46 bytes"),
        (declared("a", &[1; 17], 1), "17 dimensions"),
        (declared("", &[1], 1), "is no tensor name"),
        (declared("../../etc/passwd\n", &[1], 1), "is no tensor name"),
        (declared("a\"b", &[1], 1), "is no tensor name"),
        (declared("a", &[1], 2), "do not decode"),
        (declared("a", &[1], 1 << 60), "do not decode"),
        (declared("a", &[1], u64::MAX), "do not decode"),
        (u64::MAX.to_le_bytes().repeat(4), "do not decode"),
        (Vec::new(), "do not decode"),
        (vec![0; 17], "left over"),
        (vec![0; 8 << 20], "left over"),
    ] {
        let problem = refused(&with_frame(1, payload));
        let wanted = wanted.replace("17 dimensions", "more than 16 dimensions");
        assert!(problem.contains(&wanted), "{problem} instead of {wanted}");
    }
}

#[test]
fn frames_too_long_or_of_no_kind() {
    assert!(refused(&with_frame(1, vec![0; (8 << 20) + 1])).contains("too long for its kind"));
    assert!(refused(&with_frame(3, vec![0; 257])).contains("too long for its kind"));
    assert!(refused(&with_frame(0, vec![0; (64 << 10) + 1])).contains("too long for its kind"));
    assert!(refused(&with_frame(11, vec![])).contains("there is no frame kind 11"));
    assert!(refused(&with_frame(u16::MAX, vec![])).contains("there is no frame kind 65535"));
    let mut run = record(&spec());
    // The first frame claims four gigabytes.
    run.objects.get_mut(&Object::Journal).unwrap()[20..24].fill(0xff);
    assert!(refused(&run).contains("too long for its kind"));
}

#[test]
fn the_writer_refuses_what_no_reader_takes() {
    let mut environment = environment();
    environment.system = "x".repeat(1 << 16);
    let event = Event::RunStarted { spec: spec().digest(), environment };
    assert!(JournalWriter::start().0.frame(&event).is_err());
}

/// Holds a recording whose checkpoint of step 3 claims to be huge, and is all
/// zeros.
struct Giant {
    run: MemoryRun,
    object: Object,
    header: Vec<u8>,
    byte_len: u64,
}

struct GiantFile(Vec<u8>, u64);

impl ReadAt for GiantFile {
    fn byte_len(&self) -> u64 {
        self.1
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        for (byte, at) in buffer.iter_mut().zip(offset..) {
            *byte = self.0.get(at as usize).copied().unwrap_or(0);
        }
        Ok(())
    }
}

impl ReadRun for Giant {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        if object == self.object {
            return Ok(Box::new(GiantFile(self.header.clone(), self.byte_len)));
        }
        self.run.open(object)
    }

    fn place(&self) -> String {
        "(giant)".into()
    }
}

/// Claims a state of 2^45 bytes.
fn giant() -> Giant {
    let run = record(&spec());
    let roots = open_recording(&run).unwrap().history.checkpoints;
    let json = concat!(
        r#"{"__metadata__":{"format":"reenact-state","version":"1"},"#,
        r#""model.weight":{"dtype":"F32","shape":[8796093022208],"#,
        r#""data_offsets":[0,35184372088832]}}"#,
    );
    let json = format!("{json:<width$}", width = json.len().next_multiple_of(8));
    let header = [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
    let byte_len = header.len() as u64 + (1 << 45);
    Giant { run, object: Object::Checkpoint(roots[&3]), header, byte_len }
}

#[test]
fn a_giant_checkpoint_is_not_loaded() {
    let giant = giant();
    let checkpoint = Checkpoint::open(giant.open(giant.object).unwrap()).unwrap();
    assert!(matches!(checkpoint.load(1 << 30), Err(CheckpointError::TooLarge { .. })));
    let recording = open_recording(&giant).unwrap();
    let mut trainer = trainer(&recording.spec, None);
    let error = replay(&recording, trainer.as_mut(), recording.segment(1), &mut |_| ());
    let Err(ReplayError::Checkpoint { step: 3, problem: CheckpointError::TooLarge { .. } }) = error
    else {
        panic!("{error:?}")
    };
}

#[test]
fn nan_payloads_are_restored_bit_for_bit() {
    let odd = [0x7fc0_1234u32, 0xffa5_5aa5, 0x8000_0000, 0x7f80_0001];
    let bytes: Vec<u8> = odd.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let mut honest = trainer(&spec(), None);
    honest.step(0, &Request::default()).unwrap();
    let mut state = honest.capture(1).unwrap();
    for name in ["model.weight", "optimizer.weight.velocity"] {
        state.tensor_mut(name).unwrap().copy_from_slice(&bytes);
    }
    let mut file = Vec::new();
    write_checkpoint(&state, &mut file).unwrap();
    let source = Box::new(reenact_core::in_memory::MemoryFile::new(file));
    let read = Checkpoint::open(source).unwrap().load(1 << 20).unwrap();
    let mut other = trainer(&spec(), None);
    other.restore(&read).unwrap();
    assert_eq!(other.capture(1).unwrap(), state);
}

#[test]
fn states_of_other_models_are_refused() {
    let float = |name: &str, size: u64| {
        let spec = TensorSpec { name: name.into(), dtype: DType::F32, shape: vec![size] };
        (spec, vec![0; 4 * size as usize])
    };
    let step = |number: u64| {
        let spec = TensorSpec { name: "run.step".into(), dtype: DType::U64, shape: vec![] };
        (spec, number.to_le_bytes().to_vec())
    };
    for tensors in [
        vec![],
        vec![step(0)],
        vec![float("model.bias", 1), float("model.weight", 5), step(0)],
        vec![float("model.bias", 1), float("model.extra", 1), float("model.weight", 4), step(0)],
    ] {
        let state = State::from_named(tensors).unwrap();
        assert!(trainer(&spec(), None).restore(&state).is_err());
    }
    let empty = State::new(Arc::new(Layout::new(vec![]).unwrap()), Vec::<Vec<u8>>::new()).unwrap();
    assert_eq!(empty.root(), State::from_named(vec![]).unwrap().root());
}

#[test]
fn figures_that_json_has_no_word_for() {
    let run = with_events(|events| {
        let at = position(events, is_step(4));
        let Event::Step(trace) = &mut events[at] else { panic!() };
        trace.learning_rate_bits = f64::NAN.to_bits();
        trace.loss_bits = f32::INFINITY.to_bits();
    });
    let report = audit(&run, None);
    assert_eq!(report.verdict, Verdict::Divergent);
    let text = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(read.reasons, report.reasons);
}

fn small_frames() -> (MemoryRun, Vec<RawFrame>) {
    let run = record(&spec_with(|spec| (spec.steps, spec.checkpoint_every) = (3, 2)));
    let frames = raw_frames(&run);
    (run, frames)
}

proptest! {
    #[test]
    fn frames_shuffled_dropped_and_repeated_are_no_match(
        picks in prop::collection::vec(0usize..8, 0..12)
    ) {
        let (run, frames) = small_frames();
        let picked: Vec<RawFrame> = picks.iter().map(|&i| frames[i % frames.len()].clone()).collect();
        let report = audit(&reforged(&run, &picked), None);
        prop_assert!(!matches(&report) || picked == frames, "{:?}", picks);
    }

    #[test]
    fn payloads_of_noise_never_panic(
        frame in 0usize..8,
        kind in 0u16..9,
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (run, mut frames) = small_frames();
        let index = frame % frames.len();
        frames[index] = (kind, payload);
        prop_assert!(!matches(&audit(&reforged(&run, &frames), None)));
    }

    #[test]
    fn objects_of_noise_never_panic(
        object in 0usize..6,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut run, _) = small_frames();
        let name = *run.objects.keys().nth(object % run.objects.len()).unwrap();
        run.objects.insert(name, bytes);
        prop_assert!(!matches(&audit(&run, None)));
    }
}
