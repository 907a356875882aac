//! Any sequence of events: what the library makes of it is what the format
//! page says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::digest::Digest;
use reenact_core::figure::{Figure, Figures};
use reenact_core::format::{Event, History, JournalWriter, KernelSelection, StepLayouts};
use reenact_core::in_memory::MemoryFile;
use reenact_core::state::{DType, Layout, StateRoot, TensorSpec, fingerprint};
use reenact_core::trainer::StepTrace;
use reenact_fuzz::model::Model;
use reenact_fuzz::{honest, seeds};

/// Limits the events of one input, so that each takes little time.
const EVENTS_MAX: usize = 24;

/// Spells one event in two bytes: what it is, and how it differs from the one
/// that would be right.
fn event(model: &Model, kind: u8, how: u8) -> Event {
    let step = model.next().wrapping_add(u64::from(kind >> 4 == 15));
    let root = StateRoot(Digest([how % 4; 32]));
    match kind % 16 {
        0 => Event::RunStarted { spec: Digest::default(), environment: honest::environment(how) },
        1 => Event::Layouts(layouts(1 + usize::from(how % 3), usize::from(how / 3 % 3))),
        2 => Event::KernelSelections(selections(how)),
        3..9 => Event::Step(trace(model, step, how)),
        9..12 => Event::Checkpoint { step, root },
        12 | 13 => {
            let boundaries = model.boundaries();
            let known = boundaries.get(usize::from(how / 2) % boundaries.len().max(1)).copied();
            let step = known.unwrap_or(u64::from(how)) + u64::from(kind >> 4 == 15);
            Event::RunResumed { step, environment: honest::environment(how % 2) }
        }
        14 => Event::RunInterrupted { step },
        _ => Event::RunFinished { steps: step },
    }
}

/// One or two selections, ascending, of eight problems.
fn selections(how: u8) -> Vec<KernelSelection> {
    let selection = |key: u8| KernelSelection {
        table: "sum".into(),
        key: vec![key],
        choice: u32::from(how >> 7),
        candidates: 2,
        kernel: "any".into(),
    };
    (how % 8..(how % 8 + 1 + how / 8 % 2).min(8)).map(selection).collect()
}

fn layouts(state: usize, gradient: usize) -> StepLayouts {
    let tensor = |number: usize| TensorSpec {
        name: format!("t{number}"),
        dtype: DType::U8,
        shape: Vec::new(),
    };
    let layout = |count| Layout::new((0..count).map(tensor).collect()).expect("it is in order");
    StepLayouts { state: layout(state), gradient: layout(gradient) }
}

/// One or two figures of two values.
fn figures(how: u8) -> Figures {
    let figure = |name: &str| Figure { name: name.into(), value_bits: u64::from(how >> 7) };
    let all = ["a", "b"].into_iter().take(1 + usize::from(how / 8 % 2)).map(figure);
    Figures::new(all.collect()).expect("they are in order")
}

fn trace(model: &Model, step: u64, how: u8) -> StepTrace {
    let (state, gradient) = model.tensors();
    let fingerprints = |count| vec![fingerprint(&[]); count];
    StepTrace {
        step,
        samples: Digest::default(),
        batch: Digest::default(),
        learning_rate_bits: 0,
        loss_bits: u32::from(how % 2),
        gradient: fingerprints(gradient + usize::from(how == 254)),
        state: fingerprints(state + usize::from(how == 255)),
        launches: None,
        validation: (how % 8 > 5).then(|| figures(how)),
    }
}

fuzz_target!(
    init: {
        let honest = [[0, 0], [9, 0], [1, 0], [3, 0], [9, 1], [3, 1], [9, 2], [15, 0]];
        let resumed =
            [[0, 0], [9, 0], [1, 1], [3, 0], [9, 1], [3, 1], [14, 0], [12, 0], [1, 1], [3, 1], [9, 3]];
        let tuned = [[0, 0], [2, 8], [9, 0], [1, 0], [2, 2], [3, 0], [9, 1], [12, 0], [3, 0], [2, 0]];
        seeds::write([honest.concat(), resumed.concat(), tuned.concat()]);
    },
    |data: &[u8]| {
        let mut model = Model::default();
        let (mut writer, mut journal) = JournalWriter::start();
        let mut right = true;
        for pair in data.chunks_exact(2).take(EVENTS_MAX) {
            let event = event(&model, pair[0], pair[1]);
            journal.extend(writer.frame(&event).expect("it is small"));
            right = model.take(&event);
            if !right {
                break;
            }
        }
        match History::read(Box::new(MemoryFile::new(journal))) {
            Ok(history) => {
                assert!(right, "the format page refuses what the library takes");
                model.agrees_with(&history);
            }
            Err(error) => assert!(!right || model.is_empty(), "{error}"),
        }
    }
);
