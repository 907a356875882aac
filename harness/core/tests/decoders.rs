//! What the decoders of a recording promise, for any input.

mod common;

use common::{environment, record, spec_with};
use proptest::prelude::*;
use reenact_core::format::{
    Checkpoint, CheckpointError, Event, History, JournalWriter, Object, write_checkpoint,
};
use reenact_core::in_memory::MemoryFile;
use reenact_core::state::{DType, State, TensorSpec};

fn open(file: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::open(Box::new(MemoryFile::new(file)))
}

#[test]
fn a_header_is_not_quoted_at_length() {
    let header = format!(r#"{{"a":{{"dtype":"{}\u001b","#, "x".repeat(1 << 20));
    let header = format!(r#"{header}"shape":[],"data_offsets":[0,4]}}}}"#);
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let Err(CheckpointError::Header(problem)) = open(file) else { panic!() };
    assert!(!problem.contains('\u{1b}') && problem.len() < 4096, "{} bytes", problem.len());
}

#[test]
fn what_differs_between_environments_commands_no_terminal() {
    let mut hostile = environment();
    hostile.engine.class.insert("a\u{1b}[2J".into(), "b\u{1b}[2J".repeat(1000));
    let shown = environment().class_differences(&hostile).concat();
    assert!(!shown.contains('\u{1b}') && shown.len() < 16_384, "{} bytes", shown.len());
}

fn tensor((name, (wide, rows)): (String, (bool, Vec<[u8; 4]>))) -> (TensorSpec, Vec<u8>) {
    let dtype = if wide { DType::F32 } else { DType::U8 };
    let shape = vec![rows.len() as u64, if wide { 1 } else { 4 }];
    (TensorSpec { name, dtype, shape }, rows.concat())
}

proptest! {
    #[test]
    fn every_state_is_read_again(
        tensors in prop::collection::btree_map(
            "[a-z.]{1,8}",
            (any::<bool>(), prop::collection::vec(any::<[u8; 4]>(), 0..4)),
            0..5,
        ),
    ) {
        let state = State::from_named(tensors.into_iter().map(tensor).collect()).unwrap();
        let mut file = Vec::new();
        write_checkpoint(&state, &mut file).unwrap();
        let checkpoint = open(file).unwrap();
        prop_assert_eq!(checkpoint.root().unwrap(), state.root());
        prop_assert_eq!(checkpoint.load(1 << 10).unwrap(), state);
    }

    #[test]
    fn every_prefix_of_a_journal_is_a_history_of_its_steps(cut in 0.0..1.0f64) {
        let run = record(&spec_with(|spec| (spec.steps, spec.checkpoint_every) = (3, 2)));
        let journal = &run.objects[&Object::Journal];
        let length = (cut * journal.len() as f64) as usize;
        if let Ok(history) = History::read(Box::new(MemoryFile::new(journal[..length].to_vec()))) {
            prop_assert!(history.whole_bytes <= length as u64);
            for step in 0..history.step_count() {
                prop_assert_eq!(history.step(step).unwrap().unwrap().step, step);
            }
            prop_assert!(!history.finished);
        }
    }

    #[test]
    fn resumptions_in_any_order_are_refused_or_counted(
        steps in prop::collection::vec(0u64..4, 0..12),
    ) {
        let (mut writer, mut journal) = JournalWriter::start();
        let started = Event::RunStarted { spec: Default::default(), environment: environment() };
        journal.extend(writer.frame(&started).unwrap());
        let checkpoint = Event::Checkpoint { step: 0, root: Default::default() };
        journal.extend(writer.frame(&checkpoint).unwrap());
        for &step in &steps {
            let event = Event::RunResumed { step, environment: environment() };
            journal.extend(writer.frame(&event).unwrap());
        }
        let history = History::read(Box::new(MemoryFile::new(journal)));
        prop_assert_eq!(history.is_ok(), steps.iter().all(|step| *step == 0));
        if let Ok(history) = history {
            prop_assert_eq!(history.resumed().count(), steps.len());
        }
    }
}
