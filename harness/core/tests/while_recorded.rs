//! An audit that reads while a recorder writes never accuses, between whichever of its
//! reads the recorder goes on.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use common::{events, examined, record, resume, spec};
use proptest::prelude::*;
use reenact_core::format::{Event, Object, ReadAt, ReadRun, SecretKey, StoreError};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::sign;
use reenact_core::verify::{Examination, Weight, examine};

/// Returns what lies in the folder of `run` at the end of each write from `from` bytes of
/// its journal on: within frames, at their ends, with and without the checkpoint that comes
/// next; then the commitment, and the signature.
fn writes(run: &MemoryRun, from: usize) -> Vec<MemoryRun> {
    let journal = &run.objects[&Object::Journal];
    let ends = events(run).into_iter().map(|(at, _)| at).skip(1).chain([journal.len()]);
    let mut states = vec![written(run, from, false)];
    for end in ends.filter(|end| *end > from) {
        states.extend(
            [(end - 40, true), (end, false), (end, true)]
                .map(|(bytes, next)| written(run, bytes, next)),
        );
    }
    for object in [Object::Commitment, Object::Signature] {
        let mut state = states.last().unwrap().clone();
        state.objects.insert(object, run.objects[&object].clone());
        states.push(state);
    }
    states
}

/// Cuts a recording to so many bytes of its journal, with the checkpoints that these name,
/// and the next one if `next`.
fn written(run: &MemoryRun, bytes: usize, next: bool) -> MemoryRun {
    let mut state = run.clone();
    state.objects.remove(&Object::Commitment);
    state.objects.remove(&Object::Signature);
    state.objects.get_mut(&Object::Journal).unwrap().truncate(bytes);
    let named = events(run).into_iter().filter_map(|(at, event)| match event {
        Event::Checkpoint { root, .. } => Some((at, root)),
        _ => None,
    });
    let (there, later): (Vec<_>, Vec<_>) = named.partition(|(at, _)| *at < bytes);
    let next = later.first().filter(|_| next).map(|(_, root)| *root);
    let there: Vec<_> = there.into_iter().map(|(_, root)| root).chain(next).collect();
    state.objects.retain(|object, _| match object {
        Object::Checkpoint(root) => there.contains(root),
        _ => true,
    });
    state
}

/// Shows one state after another.
struct Growing {
    states: Vec<MemoryRun>,
    /// The states that are shown at each read; the last one stays.
    plan: Vec<usize>,
    reads: AtomicUsize,
}

impl Growing {
    /// Begins with a state and leaps to others at certain reads.
    fn leaping(states: &[MemoryRun], plan: Vec<usize>) -> Arc<Self> {
        Arc::new(Self { states: states.to_vec(), plan, reads: AtomicUsize::new(0) })
    }

    fn now(&self) -> &MemoryRun {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        &self.states[*self.plan.get(read).unwrap_or(self.plan.last().unwrap())]
    }
}

struct Reader(Arc<Growing>);

struct GrowingFile {
    run: Arc<Growing>,
    object: Object,
    /// What was opened. Only the journal is written in place.
    opened: Vec<u8>,
}

impl ReadRun for Reader {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        let found = self.0.now().objects.get(&object).cloned();
        let opened = found.ok_or(StoreError::Missing { object })?;
        Ok(Box::new(GrowingFile { run: self.0.clone(), object, opened }))
    }

    fn place(&self) -> String {
        "(growing)".into()
    }
}

impl ReadAt for GrowingFile {
    fn byte_len(&self) -> u64 {
        self.opened.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let object = self.object;
        let now = self.run.now().objects.get(&object).unwrap_or(&self.opened);
        let found = now.get(offset as usize..offset as usize + buffer.len());
        let short = || StoreError::Io { object, problem: std::io::ErrorKind::UnexpectedEof.into() };
        buffer.copy_from_slice(found.ok_or_else(short)?);
        Ok(())
    }
}

/// Examines, and returns how many reads that took.
fn accused(growing: Arc<Growing>) -> (Option<String>, usize) {
    let reader = Reader(growing.clone());
    let Examination { findings, .. } = examine(&reader, &mut |_, _| ());
    let found = findings.iter().find(|finding| finding.weight == Weight::Divergent);
    (found.map(ToString::to_string), growing.reads.load(Ordering::Relaxed))
}

fn signed(mut run: MemoryRun) -> MemoryRun {
    sign(&mut run, &SecretKey::from_seed(&[1; 32])).unwrap();
    run
}

/// A run from its first write to its signature.
fn straight() -> Vec<MemoryRun> {
    let mut states = writes(&signed(record(&spec())), 20);
    // The journal is made first, then the spec is written.
    let mut begun = MemoryRun::default();
    begun.objects.insert(Object::Journal, Vec::new());
    states.insert(0, begun);
    states
}

/// A run that was killed within a frame, is resumed, and finishes.
fn resumed() -> Vec<MemoryRun> {
    let honest = record(&spec());
    let end = honest.objects[&Object::Journal].len();
    let torn = written(&honest, end * 2 / 3, true);
    let mut run = torn.clone();
    resume(&mut run, &spec());
    let mut whole = events(&honest).into_iter().map(|(at, _)| at);
    let whole = whole.rfind(|at| *at <= end * 2 / 3).unwrap();
    [vec![torn], writes(&signed(run), whole)].concat()
}

/// A run that was killed before its commitment, which its resumption writes.
fn committed_later() -> Vec<MemoryRun> {
    let run = signed(record(&spec()));
    let states = writes(&run, 20);
    states[states.len() - 3..].to_vec()
}

/// A recorder that was stopped before its first checkpoint starts over, with another spec.
fn started_over() -> Vec<MemoryRun> {
    let other = record(&common::spec_with(|spec| spec.root_seed = 8));
    let first = events(&other)[1].0;
    let begun = written(&other, first, false);
    [vec![begun], straight()].concat()
}

/// One leap at every read, from every state to every later one.
#[test]
fn no_leap_of_a_recorder_makes_an_accusation() {
    for (name, states) in &[
        ("straight", straight()),
        ("resumed", resumed()),
        ("committed later", committed_later()),
        ("started over", started_over()),
    ] {
        assert!(examined(states.last().unwrap()).findings.is_empty(), "{name}");
        let last = states.len() - 1;
        let mut tried = 0;
        // The begin is as every other part; near the end there is more to mistake.
        for from in (0..last).filter(|from| from % 3 == 0 || last - from < 8) {
            for to in [from + 1, last] {
                for read in 1.. {
                    let mut plan = vec![from; read];
                    plan.push(to.max(from));
                    let (accused, reads) = accused(Growing::leaping(states, plan));
                    assert_eq!(accused, None, "{name}: from {from} to {to} at read {read}");
                    tried += 1;
                    if reads < read {
                        break;
                    }
                }
            }
        }
        assert!(tried > 20, "{name}: {tried}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The recorder goes on a little, or a lot, at every read.
    #[test]
    fn no_pace_of_a_recorder_makes_an_accusation(
        kind in 0..4usize,
        from in 0..60usize,
        paces in prop::collection::vec(prop_oneof![8 => Just(0usize), 2 => 1..4usize, 1 => 4..40usize], 1..300),
    ) {
        static STATES: LazyLock<[Vec<MemoryRun>; 4]> =
            LazyLock::new(|| [straight(), resumed(), committed_later(), started_over()]);
        let states = &STATES[kind];
        let last = states.len() - 1;
        let mut at = from.min(last);
        let plan = paces.iter().map(|pace| {
            at = (at + pace).min(last);
            at
        });
        let plan: Vec<usize> = plan.collect();
        let (accused, _) = accused(Growing::leaping(states, plan));
        prop_assert_eq!(accused, None);
    }
}
