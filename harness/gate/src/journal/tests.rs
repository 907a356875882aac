//! What is kept of a recording's journal, and what is refused.

use proptest::prelude::*;
use reenact_core::format::JournalWriter;
use reenact_core::state::{DType, Fingerprint, Layout, StateRoot, TensorSpec};

use super::*;
use crate::training::{Altered, STEPS, environment, recorded};

fn cut_of(recorded: &[u8], steps: u64) -> Result<Option<Journal>, StoredJournalError> {
    Journal::cut(&MemoryFile::new(recorded.to_vec()), steps)
}

fn journal() -> Vec<u8> {
    recorded(&Altered::default()).0
}

#[test]
fn what_is_kept_ends_after_a_step() {
    let recorded = journal();
    for steps in [1, 7, STEPS, u64::MAX] {
        let cut = cut_of(&recorded, steps).unwrap().unwrap();
        let kept = steps.min(STEPS);
        assert_eq!(cut.binding().steps, kept);
        assert!(recorded.starts_with(cut.bytes()) && cut.bytes().len() < recorded.len());
        let read = Journal::parse(cut.bytes().to_vec()).unwrap();
        assert_eq!((read.binding(), read.steps()), (cut.binding(), cut.steps()));
        assert_eq!(read.step(kept - 1).unwrap().0.step, kept - 1);
        assert!(read.step(kept).is_none() && read.step(u64::MAX).is_none());
        assert_eq!(read.environment(), &environment());
    }
    assert!(cut_of(&recorded, 0).unwrap().is_none());
}

#[test]
fn golden_digest() {
    let cut = cut_of(&journal(), STEPS).unwrap().unwrap();
    let digest = "64f2397c0ff83896e81186e6b7ad4f1bb84ed084edc0532bef5f9d524d0faa1b";
    assert_eq!(cut.binding().digest.to_string(), digest);
}

/// Writes a journal of steps with so many tensors.
fn wide(tensors: u64) -> Vec<u8> {
    let spec = |n| TensorSpec { name: format!("t{n:06}"), dtype: DType::F32, shape: vec![] };
    let layout = Layout::new((0..tensors).map(spec).collect()).unwrap();
    let root = StateRoot::default();
    let mut events = vec![
        Event::RunStarted { spec: Digest([1; 32]), environment: environment() },
        Event::Checkpoint { step: 0, root },
        Event::Layouts(StepLayouts { state: layout.clone(), gradient: layout }),
    ];
    events.extend((0..100).map(|step| {
        let prints = vec![Fingerprint(step); tensors as usize];
        Event::Step(StepTrace {
            step,
            samples: Digest::default(),
            batch: Digest::default(),
            learning_rate_bits: 0,
            loss_bits: 0,
            gradient: prints.clone(),
            state: prints,
            launches: None,
            validation: None,
        })
    }));
    let (mut writer, mut bytes) = JournalWriter::start();
    events.iter().for_each(|event| bytes.extend(writer.frame(event).unwrap()));
    bytes
}

#[test]
fn no_more_than_256_kibibytes_are_kept() {
    let recorded = wide(500);
    assert!(recorded.len() > 2 * JOURNAL_BYTES_MAX);
    let cut = cut_of(&recorded, u64::MAX).unwrap().unwrap();
    assert!(cut.bytes().len() <= JOURNAL_BYTES_MAX && cut.bytes().len() > JOURNAL_BYTES_MAX - 9000);
    assert!((20..40).contains(&cut.binding().steps), "{cut:?}");
    let error = Journal::parse(recorded).unwrap_err();
    assert!(matches!(error, StoredJournalError::TooLarge { .. }), "{error}");
    // Names alone take more.
    assert!(cut_of(&wide(10_000), u64::MAX).unwrap().is_none());
}

#[test]
fn what_ends_elsewhere_is_refused() {
    let recorded = journal();
    let kept = cut_of(&recorded, STEPS).unwrap().unwrap().bytes().len();
    let said = |bytes: &[u8]| Journal::parse(bytes.to_vec()).unwrap_err().to_string();
    assert!(said(&recorded).contains(&format!("byte {kept}: it has to end here")));
    let whole = |len: &usize| Journal::parse(recorded[..*len].to_vec()).is_ok();
    let ends: Vec<usize> = (0..=kept).filter(whole).collect();
    let steps = (1..=STEPS).map(|steps| cut_of(&recorded, steps).unwrap().unwrap());
    assert_eq!(ends, steps.map(|cut| cut.bytes().len()).collect::<Vec<_>>());
    assert!(said(&recorded[..kept - 1]).contains("it has to end here"));
    assert!(said(b"").contains("the journal is empty"));
    assert!(said(b"reenact trace 1\nspec 01010101\n").contains("this is no journal"));
    let mut altered = recorded[..kept].to_vec();
    altered[kept - 50] ^= 1;
    assert!(said(&altered).contains("chain is broken"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        kept in 0usize..3000, tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let recorded = journal();
        let bytes = [&recorded[..kept.min(recorded.len())], &tail].concat();
        if let Ok(read) = Journal::parse(bytes.clone()) {
            prop_assert_eq!(read.bytes(), &bytes[..]);
        }
        let _ = cut_of(&bytes, 5);
    }
}
