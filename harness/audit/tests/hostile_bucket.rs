//! A bucket is hostile input: whatever it lists, however long it says that things are, and when
//! it gives other bytes the next time, an examination ends in bounded memory and passes nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use reenact_audit::{Silent, environment_of, examined};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{Examination, Weight, examine_far};
use reenact_store::{
    Bucket, Creation, Directory, Listed, Memory, Objects, ObjectsError, Push, Pushed,
};
use reenact_toy::Toy;

/// What a bucket does instead of what it should.
#[derive(Clone, Copy, Debug)]
enum Trick {
    None,
    /// Listing never ends.
    Endless,
    /// What is listed is longer than what lies there, a little or without measure.
    Longer(u64),
    /// It is shorter by a byte.
    Shorter,
    /// A small object has a length that no memory holds.
    Enormous,
    /// Names lead out of the prefix, before those that are asked for.
    Leading(&'static str),
    /// Each read but the first of an object gives other bytes.
    Changing,
    /// Every checkpoint gives the content of one.
    Repeating,
    /// Nothing is ever answered.
    Refusing,
}

struct Hostile {
    memory: Memory,
    trick: Trick,
    reads: AtomicU64,
}

impl Hostile {
    fn io(name: &str) -> ObjectsError {
        let problem = std::io::Error::other("the server is in trouble");
        ObjectsError::Io { name: name.into(), problem }
    }
}

impl Objects for Hostile {
    fn create(&self, _: &str, _: &[u8]) -> Result<Creation, ObjectsError> {
        panic!("an audit creates nothing")
    }

    fn replace(&self, _: &str, _: &[u8]) -> Result<(), ObjectsError> {
        panic!("an audit replaces nothing")
    }

    fn remove(&self, _: &str) -> Result<(), ObjectsError> {
        panic!("an audit removes nothing")
    }

    fn byte_len(&self, name: &str) -> Result<Option<u64>, ObjectsError> {
        match (self.trick, self.memory.byte_len(name)?) {
            (Trick::Enormous, Some(_)) => Ok(Some(u64::MAX)),
            (Trick::Refusing, _) if name != "commitment" => Err(Self::io(name)),
            (_, found) => Ok(found),
        }
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ObjectsError> {
        assert!(!name.contains("..") && !name.starts_with('/'), "{name} leads out of the prefix");
        let again = self.reads.fetch_add(1, Ordering::Relaxed) > 3;
        match self.trick {
            Trick::Refusing => return Err(Self::io(name)),
            Trick::Repeating if name.starts_with("checkpoints/") => {
                let last = self.memory.list("checkpoints/", 99)?.pop().unwrap();
                return self.memory.read_at(&last.name, offset, buffer);
            }
            _ => self.memory.read_at(name, offset, buffer)?,
        }
        if matches!(self.trick, Trick::Changing) && again {
            buffer.iter_mut().step_by(97).for_each(|byte| *byte ^= 1);
        }
        Ok(())
    }

    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, ObjectsError> {
        let mut listed = self.memory.list(prefix, limit)?;
        match self.trick {
            Trick::Endless => {
                return Err(ObjectsError::TooMany { prefix: prefix.into(), limit });
            }
            Trick::Refusing => return Err(Self::io(prefix)),
            Trick::Longer(more) => {
                listed.iter_mut().for_each(|found| found.bytes = found.bytes.saturating_add(more));
            }
            Trick::Shorter => listed.iter_mut().for_each(|found| found.bytes -= 1),
            Trick::Leading(name) => listed.insert(0, Listed { name: name.into(), bytes: 64 }),
            _ => {}
        }
        Ok(listed)
    }

    fn place(&self) -> String {
        "s3://hostile/run".into()
    }
}

/// Records a run, and brings it to a place of objects.
fn recorded() -> Memory {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec::parse(include_str!("../../../replay-specs/toy-plane.toml")).unwrap();
    let setting = Setting::new("cpu", 1);
    let data = Toy.data(&spec, &setting).unwrap();
    let trainer = Toy.start(&spec, data, &setting).unwrap();
    let environment = environment_of(Toy.platform().engine(&setting).unwrap()).unwrap();
    let mut store = Directory::create(folder.path()).unwrap();
    let mut recorder = Recorder::start(&mut store, spec, trainer, environment).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
    let memory = Memory::default();
    let pushed = Push::new(&Directory::open(folder.path()).unwrap(), &memory).push().unwrap();
    assert!(matches!(pushed, Pushed::Whole));
    memory
}

/// Returns what is wrong with the recording, its checkpoints among it.
fn wrong_with(trick: Trick) -> Vec<String> {
    let hostile = Hostile { memory: recorded(), trick, reads: AtomicU64::new(0) };
    let bucket = match Bucket::of(Box::new(hostile)) {
        Ok(bucket) => bucket,
        Err(error) => return vec![error.to_string()],
    };
    let Examination { mut findings, recording, .. } = examined(&bucket, false, None, &Silent);
    if let Some(recording) = &recording {
        let segments: Vec<_> =
            (0..recording.segment_count()).map(|index| recording.segment(index)).collect();
        findings.extend(examine_far(recording, &segments, &mut |_, _| ()));
    }
    let wrong = findings.iter().filter(|finding| finding.weight != Weight::Note);
    wrong.map(ToString::to_string).collect()
}

#[test]
fn an_honest_bucket_has_nothing_wrong() {
    assert_eq!(wrong_with(Trick::None), Vec::<String>::new());
}

#[test]
fn nothing_that_a_bucket_does_passes() {
    for trick in [
        Trick::Endless,
        Trick::Longer(1),
        Trick::Longer(u64::MAX),
        Trick::Longer(1 << 50),
        Trick::Shorter,
        Trick::Enormous,
        Trick::Leading("../../etc/passwd"),
        Trick::Leading("/etc/passwd"),
        Trick::Leading("journal/../../secret"),
        Trick::Changing,
        Trick::Repeating,
        Trick::Refusing,
    ] {
        let wrong = wrong_with(trick);
        assert!(!wrong.is_empty(), "{trick:?} passes");
        // What is said of it is for people: short, and of this recording.
        assert!(wrong.iter().all(|said| said.len() < 2000), "{trick:?}: {wrong:?}");
    }
}
