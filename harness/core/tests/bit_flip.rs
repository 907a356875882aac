//! One flipped bit, anywhere in a recording, is always seen.

mod common;

use common::{audit, examined, matches, objects, record, spec_with};
use reenact_core::format::Object;
use reenact_core::in_memory::MemoryRun;

fn small() -> MemoryRun {
    record(&spec_with(|spec| (spec.steps, spec.checkpoint_every) = (2, 1)))
}

/// Flips every bit of one object, and asserts that integrity alone sees it.
fn every_bit(run: &MemoryRun, object: Object) {
    let mut flipped = run.clone();
    for bit in 0..8 * run.objects[&object].len() {
        let flip = |run: &mut MemoryRun| {
            run.objects.get_mut(&object).unwrap()[bit / 8] ^= 1 << (bit % 8);
        };
        flip(&mut flipped);
        assert!(objects(&examined(&flipped)), "{object}, bit {bit}");
        if bit % 97 == 0 {
            assert!(!matches(&audit(&flipped, None)), "{object}, bit {bit}");
        }
        flip(&mut flipped);
    }
    assert_eq!(flipped.objects, run.objects);
}

#[test]
fn of_the_spec() {
    every_bit(&small(), Object::Spec);
}

#[test]
fn of_the_journal() {
    every_bit(&small(), Object::Journal);
}

#[test]
fn of_the_commitment() {
    every_bit(&small(), Object::Commitment);
}

#[test]
fn of_every_checkpoint() {
    let run = small();
    for &object in run.objects.keys().filter(|object| matches!(object, Object::Checkpoint(_))) {
        every_bit(&run, object);
    }
}

#[test]
fn every_byte_appended_or_cut_off() {
    let run = small();
    for &object in run.objects.keys() {
        for tail in [&b"\0"[..], b"\n", b" ", b"\0\0\0\0\0\0\0\0\0\0\0\0\0", &[0xff; 40]] {
            let mut longer = run.clone();
            longer.objects.get_mut(&object).unwrap().extend_from_slice(tail);
            assert!(objects(&examined(&longer)), "{object} with {tail:?} after it");
        }
        for bytes in 0..run.objects[&object].len() {
            let mut shorter = run.clone();
            shorter.objects.get_mut(&object).unwrap().truncate(bytes);
            assert!(objects(&examined(&shorter)), "{object} cut to {bytes} bytes");
        }
    }
}

#[test]
fn a_frame_that_was_begun_after_the_end() {
    // The head of a twelfth frame that claims more than is there.
    let run = small();
    let (mut longer, frames) = (run.clone(), common::events(&run).len() as u64);
    let journal = longer.objects.get_mut(&Object::Journal).unwrap();
    journal.extend_from_slice(&200u32.to_le_bytes());
    journal.extend_from_slice(&2u16.to_le_bytes());
    journal.extend_from_slice(&frames.to_le_bytes());
    journal.extend_from_slice(b"hidden");
    assert!(objects(&examined(&longer)));
}

#[test]
fn objects_exchanged() {
    let run = small();
    let names: Vec<Object> = run.objects.keys().copied().collect();
    for (i, a) in names.iter().enumerate() {
        for b in &names[i + 1..] {
            let mut exchanged = run.clone();
            exchanged.objects.insert(*a, run.objects[b].clone());
            exchanged.objects.insert(*b, run.objects[a].clone());
            assert!(objects(&examined(&exchanged)), "{a} and {b}");
        }
    }
}
