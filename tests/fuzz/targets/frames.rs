//! Any payloads, in frames whose chain is right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::{Event, JournalWriter, KernelSelection, Object};
use reenact_fuzz::frames::{RawFrame, chained, cut, joined, raw};
use reenact_fuzz::{honest, journal, seeds};

/// The frames of the honest recording, and one of each kind that it lacks.
fn known() -> Vec<RawFrame> {
    let whole = raw(honest::object(Object::Journal));
    let (mut writer, mut more) = JournalWriter::start();
    let environment = honest::environment(2);
    let (table, kernel) = ("sum".into(), "fast".into());
    let selection = KernelSelection { table, key: vec![7], choice: 1, candidates: 2, kernel };
    for event in [
        Event::KernelSelections(vec![selection]),
        Event::RunResumed { step: 1, environment },
        Event::RunInterrupted { step: 1 },
    ] {
        more.extend(writer.frame(&event).expect("it is small"));
    }
    [whole, raw(&more)].concat()
}

fuzz_target!(
    init: {
        let known = known();
        let whole = known[..known.len() - 3].to_vec();
        let single = known.iter().map(|frame| joined(std::slice::from_ref(frame)));
        let interrupted = [&known[..4], &known[known.len() - 1..]].concat();
        seeds::write(single.chain([joined(&whole), joined(&interrupted)]));
    },
    |data: &[u8]| journal::check(&chained(&cut(data)).0)
);
