//! What an insider can change in a journal when he recomputes every digest,
//! and every segment is drawn.

mod common;

use common::{RawFrame, audit, matches, raw_frames, record, reforged, spec_with};
use reenact_core::format::Object;
use reenact_core::in_memory::MemoryRun;

const STARTED: u16 = 0;

fn small() -> MemoryRun {
    record(&spec_with(|spec| (spec.steps, spec.checkpoint_every) = (3, 2)))
}

/// Returns the bits of one frame that can be flipped without being caught.
fn free_bits(run: &MemoryRun, frames: &mut [RawFrame], frame: usize) -> Vec<usize> {
    let mut free = Vec::new();
    for bit in 0..8 * frames[frame].1.len() {
        frames[frame].1[bit / 8] ^= 1 << (bit % 8);
        if matches(&audit(&reforged(run, frames), None)) {
            free.push(bit);
        }
        frames[frame].1[bit / 8] ^= 1 << (bit % 8);
    }
    free
}

#[test]
fn the_other_writer_writes_the_same() {
    let run = small();
    assert_eq!(reforged(&run, &raw_frames(&run)).objects, run.objects);
}

#[test]
fn every_bit_of_every_frame_but_the_environment() {
    let run = small();
    let mut frames = raw_frames(&run);
    for frame in 0..frames.len() {
        let kind = frames[frame].0;
        let free = free_bits(&run, &mut frames, frame);
        if kind == STARTED {
            // Nothing but the trainer's word stands for its environment; only
            // the spec's digest in front of it is bound.
            assert!(free.iter().all(|bit| bit / 8 >= 32), "{free:?}");
        } else {
            assert_eq!(free, [0; 0], "frame {frame} of kind {kind}");
        }
    }
}

#[test]
fn every_frame_left_out_doubled_or_exchanged() {
    let run = small();
    let frames = raw_frames(&run);
    for i in 0..frames.len() {
        let (mut fewer, mut more, mut moved) = (frames.clone(), frames.clone(), frames.clone());
        fewer.remove(i);
        more.insert(i, frames[i].clone());
        moved.swap(i, (i + 1) % frames.len());
        // A declaration of tensors that says nothing new is allowed, as a
        // resumption repeats it.
        let repeated = frames[i].0 == 1;
        assert!(!matches(&audit(&reforged(&run, &fewer), None)), "without {i}");
        assert!(repeated || !matches(&audit(&reforged(&run, &more), None)), "with {i} twice");
        let order = [frames[i].0, frames[(i + 1) % frames.len()].0];
        let still = matches(&audit(&reforged(&run, &moved), None));
        // Tensors may be declared any time before the first step.
        assert!(!still || order == [3, 1], "{i} and the next exchanged");
    }
}

#[test]
fn a_map_has_one_order_in_an_environment() {
    // Two entries of the class, put in the order that no writer uses.
    let mut run = MemoryRun::default();
    let spec = spec_with(|spec| (spec.steps, spec.checkpoint_every) = (1, 1));
    let mut environment = common::environment();
    environment.engine.class = [("a", "1"), ("b", "2")].map(|(k, v)| (k.into(), v.into())).into();
    let trainer = common::trainer(&spec, None);
    let mut recorder =
        reenact_core::record::Recorder::start(&mut run, spec, trainer, environment).unwrap();
    recorder.advance().unwrap();
    recorder.finish().unwrap();
    let mut frames = raw_frames(&run);
    assert!(common::examined(&reforged(&run, &frames)).recording.is_some());
    // After the spec's digest and the number of entries: two of 18 bytes.
    frames[0].1[40..76].rotate_left(18);
    assert!(common::examined(&reforged(&run, &frames)).recording.is_none());
    // The same key twice.
    frames[0].1[40..76].rotate_left(18);
    frames[0].1[40 + 18 + 8] = b'a';
    assert!(common::examined(&reforged(&run, &frames)).recording.is_none());
}

/// What is hashed is the stored text. A later reenact may write the same values
/// in other characters, and must not accuse anybody for it.
#[test]
fn another_spelling_of_the_spec_is_no_crime() {
    let run = small();
    let text = String::from_utf8(run.objects[&Object::Spec].clone()).unwrap();
    for other in [format!("{text}\n"), format!("# harmless\n{text}"), text.replace(" = ", "=")] {
        let mut run = run.clone();
        let digest = reenact_core::spec::Spec::digest_of_text(other.as_bytes());
        run.objects.insert(Object::Spec, other.into_bytes());
        let mut frames = raw_frames(&run);
        frames[0].1[..32].copy_from_slice(&digest.0);
        assert!(matches(&audit(&reforged(&run, &frames), None)));
    }
}
