//! Frames as they are written, and whatever else is read.

use super::*;
use crate::figure::{Figure, Figures};
use crate::in_memory::MemoryFile;
use crate::state::{Fingerprint, StateRoot};
use crate::trace::{Launches, StepTrace};
use proptest::prelude::*;

fn events() -> Vec<Event> {
    vec![
        Event::Checkpoint { step: 0, root: StateRoot(Digest([7; 32])) },
        Event::RunInterrupted { step: 3 },
        Event::RunFinished { steps: 9 },
    ]
}

fn written(events: &[Event]) -> Vec<u8> {
    let (mut writer, mut file) = JournalWriter::start();
    for event in events {
        file.extend(writer.frame(event).unwrap());
    }
    file
}

fn read(file: Vec<u8>) -> Result<(Vec<Event>, Tail), JournalError> {
    let source = MemoryFile::new(file);
    let mut reader = FrameReader::open(&source)?;
    let mut events = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        events.push(frame.event);
    }
    Ok((events, reader.tail()))
}

#[test]
fn reads_what_it_writes() {
    assert_eq!(read(written(&events())).unwrap(), (events(), Tail::Whole));
}

#[test]
fn golden_bytes() {
    let file = written(&[Event::RunFinished { steps: 9 }]);
    let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
    let golden = concat!(
        "7265656e616374206a6f75726e616c0a04000000", // magic, format
        "080000000600",                             // length, kind
        "0000000000000000",                         // sequence
        "0900000000000000",                         // payload: steps
        "666c2a6d5aa102a6a2eb79caaaf62c6cb06fea66a7c518c27a7ed2d7efb56d68",
    );
    assert_eq!(hex, golden);
}

#[test]
fn the_first_format_is_read_and_has_no_early_end() {
    let golden = concat!(
        "7265656e616374206a6f75726e616c0a01000000",
        "08000000060000000000000000000900000000000000",
        "6ac67acb1320796318487954216dadb1167750685702d5d9d76fb6005a6a9980",
    );
    let bytes = (0..golden.len()).step_by(2).map(|at| u8::from_str_radix(&golden[at..at + 2], 16));
    let file: Vec<u8> = bytes.map(Result::unwrap).collect();
    assert_eq!(read(file.clone()).unwrap(), (vec![Event::RunFinished { steps: 9 }], Tail::Whole));
    // A frame of a later format, chained as this one would be.
    let mut writer = JournalWriter { format: 1, sequence: 0, chain: chain_start(1) };
    assert!(writer.frame(&Event::RunEnded { steps: 3 }).is_err());
    writer.format = 2;
    let frame = writer.frame(&Event::RunEnded { steps: 3 }).unwrap();
    let read = read([&file[..20], &frame].concat());
    assert!(read.unwrap_err().to_string().contains("there is no frame kind 8"));
}

#[test]
fn what_a_step_launched_is_read_back_and_older_journals_take_none() {
    let launches = Launches { count: 7, digest: Digest([3; 32]) };
    let step = Event::Step(StepTrace {
        step: 0,
        samples: Digest([1; 32]),
        batch: Digest([2; 32]),
        learning_rate_bits: 1,
        loss_bits: 2,
        gradient: vec![Fingerprint(5)],
        state: vec![Fingerprint(6), Fingerprint(7)],
        launches: Some(launches),
        validation: None,
    });
    let events = vec![step.clone()];
    assert_eq!(read(written(&events)).unwrap(), (events, Tail::Whole));
    let mut older = JournalWriter { format: 2, sequence: 0, chain: chain_start(2) };
    assert!(!older.holds_launches() && older.frame(&step).is_err());
}

fn validated(figures: &[(&str, f64)], launches: Option<Launches>) -> StepTrace {
    let figures = figures.iter().map(|(name, value)| Figure::new(*name, *value)).collect();
    StepTrace {
        step: 2,
        samples: Digest([1; 32]),
        batch: Digest([2; 32]),
        learning_rate_bits: 1,
        loss_bits: 2,
        gradient: vec![Fingerprint(5)],
        state: vec![Fingerprint(6)],
        launches,
        validation: Some(Figures::new(figures).unwrap()),
    }
}

#[test]
fn what_was_measured_is_read_back_and_older_journals_take_none() {
    let launches = Launches { count: 7, digest: Digest([3; 32]) };
    let nan = f64::from_bits(0x7ff8_0000_0000_0123);
    let measured = [("accuracy_share", 0.5), ("loss_nats", nan)];
    for launches in [None, Some(launches)] {
        let events = vec![Event::Step(validated(&measured, launches))];
        assert_eq!(read(written(&events)).unwrap(), (events.clone(), Tail::Whole));
        for format in 1..4 {
            let mut older = JournalWriter { format, sequence: 0, chain: chain_start(format) };
            assert!(older.frame(&events[0]).is_err());
        }
    }
}

#[test]
fn golden_bytes_of_what_was_measured() {
    let file = written(&[Event::Step(validated(&[("loss_nats", 0.5)], None))]);
    let hex: String = file[20..].iter().map(|byte| format!("{byte:02x}")).collect();
    let golden = [
        "960000000a00",                       // length, kind
        "0000000000000000",                   // sequence
        "0200000000000000",                   // step
        &"01".repeat(32),                     // samples
        &"02".repeat(32),                     // batch
        "0100000000000000",                   // bits of the learning rate
        "02000000",                           // bits of the loss
        "01000000000000000500000000000000",   // gradient
        "01000000000000000600000000000000",   // state
        "00",                                 // no launches
        "0100000000000000",                   // number of figures
        "09000000000000006c6f73735f6e617473", // name
        "000000000000e03f",                   // bits of the figure
        "16f3086087eef20b8100f2025ff0c323f31c089814042aaa158a7a7a08a2ece0",
    ];
    assert_eq!(hex, golden.concat());
}

#[test]
fn figures_that_no_writer_writes_are_refused() {
    let honest = validated(&[("a", 1.0), ("b", 2.0)], None);
    let encode = |figures: &[(&str, u64)]| {
        let plain = StepTrace { validation: None, ..honest.clone() };
        let plain = Event::Step(plain).payload().unwrap();
        [plain, crate::codec::encode(&(None::<Launches>, figures)).unwrap()].concat()
    };
    let decode = |figures: &[(&str, u64)]| Event::decode(10, &encode(figures));
    assert_eq!(
        decode(&[("a", 1.0f64.to_bits()), ("b", 2.0f64.to_bits())]).unwrap(),
        Event::Step(honest.clone())
    );
    let many: Vec<String> = (0..65).map(|number| format!("f{number:02}")).collect();
    let many: Vec<(&str, u64)> = many.iter().map(|name| (name.as_str(), 0)).collect();
    assert!(decode(&many[1..]).is_ok());
    let long = "a".repeat(65);
    for (figures, said) in [
        (&[][..], "no figure"),
        (&many, "65 figures"),
        (&[("b", 0), ("a", 0)], "not where its name belongs"),
        (&[("a", 0), ("a", 1)], "stands twice"),
        (&[("", 0)], "no name of a figure"),
        (&[("a\u{1b}[2J", 0)], "no name of a figure"),
        (&[(&long, 0)], "no name of a figure"),
    ] {
        let error = decode(figures).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn every_prefix_is_a_valid_prefix() {
    let file = written(&events());
    for len in 0..file.len() {
        let (found, _) = read(file[..len].to_vec()).unwrap();
        assert_eq!(found, events()[..found.len()]);
    }
}

#[test]
fn zeros_after_a_power_failure_are_an_unfinished_frame() {
    let file = [written(&events()), vec![0; 700_000]].concat();
    assert_eq!(read(file).unwrap(), (events(), Tail::Torn { bytes: 700_000 }));
    let file = [written(&events()), vec![0; 700_000], vec![1]].concat();
    assert!(read(file).is_err());
}

#[test]
fn every_flipped_bit_is_seen() {
    let file = written(&events());
    for bit in 0..8 * file.len() {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // A longer length in the last frame looks like a torn tail; the
        // commitment catches that.
        let seen = read(flipped).map_or(true, |(found, _)| found != events());
        assert!(seen, "bit {bit}");
    }
}

#[test]
fn frames_cannot_be_dropped_or_exchanged() {
    let (first, rest) = (written(&events()[..1]), written(&events()));
    let dropped = [&first[..20], &rest[first.len()..]].concat();
    assert!(matches!(read(dropped), Err(JournalError::Frame { sequence: 0, .. })));
}

#[test]
fn other_formats_are_told_apart() {
    let with_format = |format: u32| {
        let mut file = written(&events());
        file[16..20].copy_from_slice(&format.to_le_bytes());
        read(file)
    };
    assert!(matches!(with_format(0), Err(JournalError::TooOld { found: 0 })));
    assert!(matches!(with_format(5), Err(JournalError::TooNew { found: 5 })));
    assert!(matches!(read(b"PK\x03\x04".repeat(9)), Err(JournalError::Magic)));
    let converted = [&b"reenact journal\r\n"[..], &written(&events())[16..]].concat();
    assert!(matches!(read(converted), Err(JournalError::Converted)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in 1..=JOURNAL_FORMAT {
            let _ = read([&header(format)[..], &tail].concat());
        }
    }
}
