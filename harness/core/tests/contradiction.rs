//! A step that was recorded twice, differently: who made the two records
//! decides what it means.

mod common;

use common::{environment, record, spec};
use reenact_core::format::{
    Environment, Event, FrameReader, History, JournalWriter, Object, ReadRun,
};
use reenact_core::in_memory::MemoryFile;

fn other_class() -> Environment {
    let mut environment = environment();
    environment.engine.class.insert("engine".into(), "toy 2".into());
    environment
}

/// Records up to step 4, resumes at checkpoint 3 in each of these environments,
/// and records step 3 again, with another loss.
fn contradicting(resumed: &[Environment]) -> History {
    let run = record(&spec());
    let source = run.open(Object::Journal).unwrap();
    let mut frames = FrameReader::open(source.as_ref()).unwrap();
    let (mut writer, mut journal) = JournalWriter::start();
    let (mut layouts, mut again) = (None, None);
    while let Some(frame) = frames.next_frame().unwrap() {
        match &frame.event {
            Event::Layouts(_) => layouts = Some(frame.event.clone()),
            Event::Step(trace) if trace.step == 3 => again = Some(trace.clone()),
            Event::Step(trace) if trace.step == 5 => break,
            _ => {}
        }
        journal.extend(writer.frame(&frame.event).unwrap());
    }
    let mut trace = again.unwrap();
    trace.loss_bits ^= 1;
    let resume =
        |environment: &Environment| Event::RunResumed { step: 3, environment: environment.clone() };
    let resumptions = resumed.iter().map(resume);
    for event in resumptions.chain([layouts.unwrap(), Event::Step(trace)]) {
        journal.extend(writer.frame(&event).unwrap());
    }
    History::read(Box::new(MemoryFile::new(journal))).unwrap()
}

#[test]
fn one_class_repeats_itself_bit_for_bit() {
    for resumed in [vec![environment()], vec![other_class(), environment()]] {
        let found = contradicting(&resumed).contradictions;
        assert_eq!((found.len(), found[0].step, found[0].one_class), (1, 3, true));
    }
}

#[test]
fn another_class_may_differ_also_if_it_was_killed_at_once() {
    for resumed in [vec![other_class()], vec![other_class(), other_class()]] {
        let found = contradicting(&resumed).contradictions;
        assert_eq!((found.len(), found[0].step, found[0].one_class), (1, 3, false));
    }
}
