//! Whole recordings: cut from the input, edited bluntly, or edited by an
//! insider who recomputes every digest.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::{Object, ReadRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::spec::Spec;
use reenact_core::verify::{
    Examination, Finding, Recording, Weight, examine, examine_data, open_recording, replay,
};
use reenact_fuzz::edits::{cut, edited, reforged};
use reenact_fuzz::honest::{self, DATA, DATA_DIGEST, RUN};
use reenact_fuzz::seeds;

fn speaks_against(finding: &Finding) -> bool {
    finding.weight != Weight::Note
}

/// Limits a message: no input is quoted at length.
const MESSAGE_BYTES_MAX: usize = 1 << 15;
/// Limits the samples that a recording consumes, so that each input takes little
/// time. The format allows a million a step.
const SAMPLES_MAX: u64 = 1 << 12;

fn takes_long(run: &MemoryRun) -> bool {
    let text = run.objects.get(&Object::Spec).and_then(|text| std::str::from_utf8(text).ok());
    let spec = text.and_then(|text| Spec::parse(text).ok());
    spec.is_some_and(|spec| spec.batch.samples_per_step_max() > SAMPLES_MAX)
}

/// Examines as an audit does, and replays what can be replayed.
fn audit(run: &MemoryRun) -> bool {
    if takes_long(run) {
        return false;
    }
    let Examination { mut findings, recording, .. } = examine(run as &dyn ReadRun, &mut |_, _| ());
    let findings_are_short = findings.iter().all(|found| found.problem.len() < MESSAGE_BYTES_MAX);
    assert!(findings_are_short, "a message is as long as its input likes");
    if let Some(recording) = &recording {
        assert!(open_recording(run).is_ok());
        findings.extend(replayed(recording));
    }
    recording.is_some() && !findings.iter().any(speaks_against)
}

/// Replays the first segment, if the recording is of the toy's data.
fn replayed(recording: &Recording<'_>) -> Vec<Finding> {
    let spec = &recording.spec;
    if (spec.data.samples, spec.data.digest) != (DATA.len(), Some(*DATA_DIGEST)) {
        return Vec::new();
    }
    if let Ok(mut trainer) = honest::trainer(spec) {
        let _ = replay(recording, trainer.as_mut(), recording.segment(0), &mut |_| ());
    }
    examine_data(recording, DATA.as_ref(), &mut |_| ())
}

/// Takes the signature away where it is known to hold: verifying it takes longer
/// than all the rest.
fn without_known_signature(mut run: MemoryRun) -> MemoryRun {
    let known = |name| run.objects.get(&name) == RUN.objects.get(&name);
    if known(Object::Signature) && known(Object::Commitment) {
        run.objects.remove(&Object::Signature);
    }
    run
}

/// Says whether two recordings have the same objects. A signature may be taken
/// away: then nobody vouches.
fn same(run: &MemoryRun) -> bool {
    let counts = |(name, bytes): (&Object, &Vec<u8>)| {
        let found = run.objects.get(name);
        found.map_or(*name == Object::Signature, |found| found == bytes)
    };
    RUN.objects.iter().all(counts)
}

fn joined(run: &MemoryRun) -> Vec<u8> {
    let with_length = |bytes: &Vec<u8>| [&(bytes.len() as u16).to_le_bytes(), &bytes[..]].concat();
    run.objects.values().flat_map(with_length).collect()
}

fuzz_target!(
    init: {
        let whole = [vec![0], joined(&RUN)].concat();
        let flip = |object: u8, mode: u8| vec![mode, object, 6, 40, 0, 3];
        let flips = (0..7).flat_map(|object| [flip(object, 1), flip(object, 2)]);
        seeds::write([whole, vec![1], vec![2]].into_iter().chain(flips));
    },
    |data: &[u8]| {
        let Some((mode, data)) = data.split_first() else { return };
        match mode % 3 {
            0 => {
                let run = without_known_signature(cut(&RUN, data));
                assert!(!audit(&run) || same(&run), "another recording passes for this one");
            }
            1 => {
                let run = without_known_signature(edited(&RUN, data));
                assert!(!audit(&run) || same(&run), "an edit passes");
            }
            _ => drop(audit(&reforged(&edited(&RUN, data)))),
        }
    }
);
