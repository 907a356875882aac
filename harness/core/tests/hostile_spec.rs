//! Specs made to break their reader, and the one text of those that are not.

mod common;

use common::{audit, examined, matches, raw_frames, record, reforged, spec, spec_with};
use proptest::prelude::*;
use reenact_core::format::Object;
use reenact_core::in_memory::MemoryRun;
use reenact_core::spec::{Hyperparameter, SPEC_BYTES_MAX, Spec};

/// A spec of format 2 that has everything.
const EVERYTHING: &str = include_str!("../../../tests/reference/everything.toml");

#[test]
fn a_spec_of_one_mebibyte() {
    let mut run = record(&spec());
    let text = format!("{}#{}", spec().canonical(), "x".repeat(1 << 20));
    run.objects.insert(Object::Spec, text.into_bytes());
    let report = audit(&run, None);
    assert!(!matches(&report));
    assert!(report.reasons[0].contains("at most 65536 are read"), "{:?}", report.reasons);
}

/// Puts in another spec, and binds it everywhere.
fn with_spec(text: &[u8]) -> MemoryRun {
    let mut run = record(&spec());
    run.objects.insert(Object::Spec, text.to_vec());
    let mut frames = raw_frames(&run);
    frames[0].1[..32].copy_from_slice(&Spec::digest_of_text(text).0);
    reforged(&run, &frames)
}

#[test]
fn specs_that_do_not_parse() {
    let deep = format!("a = {}{}", "[".repeat(20_000), "]".repeat(20_000));
    let dotted = format!("{} = 1", vec!["a"; 10_000].join("."));
    for text in [deep.as_bytes(), dotted.as_bytes(), b"\xff\xfe", b"", b"format = 2"] {
        let report = audit(&with_spec(text), None);
        assert_ne!(report.reasons, Vec::<String>::new());
        assert!(!matches(&report));
    }
}

#[test]
fn specs_that_nest_as_deep_as_their_reader_takes() {
    // Dotted keys inside of brackets multiply: thousands of calls, more than a stack holds.
    let dots = vec!["a"; 79].join(".");
    for table in ["program.hyperparameters", "optimizer", "learning_rate", "data", "surprise"] {
        let header = format!("[{table}.{}]", vec!["a"; 70].join("."));
        let inner = format!("{{ {dots} = ").repeat(79) + "1" + &" }".repeat(79);
        for text in [format!("{header}\n{dots} = {inner}"), format!("{header}\n{dots} = {inner} =")]
        {
            let error = Spec::parse(&text).unwrap_err().to_string();
            assert!(error.starts_with("line 1 nests deeper"), "{error}");
        }
    }
    let report = audit(&with_spec(format!("a = {{ {dots} = 1 }}").as_bytes()), None);
    assert!(!matches(&report) && report.reasons[0].contains("nests deeper"), "{report:?}");
}

#[test]
fn a_spec_of_more_steps_than_the_journal_holds() {
    // Told apart by numbers alone: nothing runs over the declared steps.
    let text = spec().canonical().replace("steps = 12", "steps = 4294967296");
    let text = text.replace("checkpoint_every = 3", "checkpoint_every = 42950");
    let examination = examined_text(&with_spec(text.as_bytes()));
    assert!(examination.contains("it holds 12 steps; the spec declares 4294967296"));
}

fn examined_text(run: &MemoryRun) -> String {
    let examination = examined(run);
    assert!(examination.recording.is_none());
    examination.findings.iter().map(|found| format!("{found}\n")).collect()
}

#[test]
fn steps_that_claim_more_samples_than_are_derived() {
    // Two steps of a million samples take bytes in the file, and gigabytes to
    // derive; the limit is on what one epoch consumes.
    let text = spec().canonical().replace("samples = 64", "samples = 4294967295");
    for (size, whole) in [(1u64 << 20, true), (1 << 22, false)] {
        let parsed = Spec::parse(&text.replace("size = 4", &format!("size = {size}")));
        assert_eq!(parsed.is_ok(), whole);
    }
    let steps = 17;
    let mut run = record(&spec_with(|spec| (spec.steps, spec.checkpoint_every) = (steps, steps)));
    let text = std::str::from_utf8(&run.objects[&Object::Spec]).unwrap();
    let text = text.replace("samples = 64", "samples = 4294967295");
    let text = text.replace("size = 4", "size = 1048576");
    run.objects.insert(Object::Spec, text.clone().into_bytes());
    let mut frames = raw_frames(&run);
    frames[0].1[..32].copy_from_slice(&Spec::digest_of_text(text.as_bytes()).0);
    let run = reforged(&run, &frames);
    let found = examined(&run).findings;
    assert!(found[0].problem.contains("consume 17825792 samples of one epoch"), "{found:?}");
}

#[test]
fn messages_quote_nothing_that_a_terminal_obeys() {
    let quoted = spec().canonical().replace("[data]", "[data]\n\"\\u001b[2Jx\" = 1");
    let raw = spec().canonical().replace("\"toy\"", "\"to\u{1b}[2Jy\"");
    let long = format!("{}\n[{}]", spec().canonical(), "x".repeat(60_000));
    for text in [quoted, raw, long] {
        let problem = Spec::parse(&text).unwrap_err().to_string();
        assert!(!problem.contains('\u{1b}') && problem.len() < 4096, "{problem}");
    }
}

#[test]
fn hyperparameters_have_plain_names() {
    for name in ["", "a b", "../x", "ä", "a\u{0}", &"n".repeat(65)] {
        let mut spec = spec();
        spec.program.hyperparameters.insert(name.into(), Hyperparameter::Flag(true));
        assert!(Spec::parse(&spec.canonical()).is_err(), "{name:?}");
    }
}

#[test]
fn hyperparameter_texts_are_plain() {
    for text in ["", "a b", "\"", "\\", "ä"] {
        let mut spec = spec();
        spec.program.hyperparameters.insert("a".into(), Hyperparameter::Text(text.into()));
        assert!(Spec::parse(&spec.canonical()).is_err(), "{text:?}");
    }
}

#[test]
fn a_spec_whose_text_grows_beyond_its_limit() {
    // Two spaces more on each line of the canonical text.
    let lines: String = (0..7000).map(|i| format!("k{i:04}=1\n")).collect();
    let text = format!("{}\n[program.hyperparameters]\n{lines}", spec().canonical());
    assert!(text.len() <= SPEC_BYTES_MAX);
    // It can be read, and hashed as it is; but no recorder may write it.
    let spec = Spec::parse(&text).unwrap();
    assert!(spec.stored().unwrap_err().to_string().contains("at most 65536"));
}

#[test]
fn more_checkpoints_than_a_commitment_lists() {
    let text = spec().canonical().replace("steps = 12", "steps = 300001");
    assert!(Spec::parse(&text).unwrap_err().to_string().contains("checkpoint_every"));
    let text = text.replace("checkpoint_every = 3", "checkpoint_every = 4");
    assert!(Spec::parse(&text).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = Spec::parse(&text);
    }

    #[test]
    fn a_spec_with_another_piece_is_refused_or_has_one_text(
        (at, gone) in (0usize..1400, 0usize..20),
        second in any::<bool>(),
        piece in "[a-z0-9_.\"=\\[\\]{}, \n-]{0,12}",
    ) {
        let text = if second { EVERYTHING.into() } else { spec().canonical() };
        let at = at.min(text.len());
        let end = (at + gone).min(text.len());
        let edited = format!("{}{piece}{}", &text[..at], &text[end..]);
        if let Ok(read) = Spec::parse(&edited) {
            let text = read.canonical();
            let again = Spec::parse(&text).unwrap();
            prop_assert_eq!(again.canonical(), text);
            prop_assert_eq!(again, read);
        }
    }
}
