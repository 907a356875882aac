//! Specs made to break their reader, and the one text of those that are not.

mod common;

use common::{audit, examined, matches, raw_frames, record, reforged, spec, spec_with};
use proptest::prelude::*;
use reenact_core::format::Object;
use reenact_core::memory::MemoryRun;
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
fn an_older_format_has_none_of_the_newer_keys() {
    let old = spec().canonical();
    assert!(old.contains("format = 1"));
    for (key, from, to) in [
        (
            "`program.precision`",
            "name = \"toy-plane\"",
            "name = \"toy-plane\"\nprecision = \"f32\"",
        ),
        ("`program.hyperparameters.a`", "[data]", "[program.hyperparameters]\na = []\n[data]"),
        ("`data.files`", "[data]", "[data]\nfiles = []"),
        (
            "`start`",
            "[data]",
            "[start]\nrecording = \"a\"\ncommitment = \"0000000000000000000000000000000000000000000000000000000000000000\"\n[data]",
        ),
        ("`batch.combination`", "[batch]", "[batch]\ncombination = \"mean\""),
        ("`batch.last`", "[batch]", "[batch]\nlast = \"dropped\""),
        ("`batch.phases`", "[batch]", "[batch]\nphases = []"),
        ("`groups`", "[data]", "[[groups]]\nmatch = \"**\"\n[data]"),
        ("`average`", "[data]", "[average]\ndecay = 0.5\n[data]"),
        (
            "`validation`",
            "[data]",
            "[validation]\nevery = 3\nbatch_size = 4\ndata = { name = \"d\", samples = 4, digest = \"0000000000000000000000000000000000000000000000000000000000000000\" }\n[data]",
        ),
        (
            "`clipping.kind = \"tensor-norm\"`",
            "[data]",
            "[clipping]\nkind = \"tensor-norm\"\nlimit = 1\n[data]",
        ),
        (
            "`learning_rate.kind = \"program\"`",
            "kind = \"constant\"\nvalue = 0.05",
            "kind = \"program\"",
        ),
        (
            "`learning_rate.kind = \"phases\"`",
            "kind = \"constant\"\nvalue = 0.05",
            "kind = \"phases\"\nphases = [{ shape = \"constant\", steps = 1, value = 1 }]",
        ),
        ("`optimizer.kind = \"lion\"`", "kind = \"sgd\"", "kind = \"lion\""),
    ] {
        let text = old.replacen(from, to, 1);
        assert_ne!(text, old, "{key}");
        let error = Spec::parse(&text).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("write `format = 2`"), "{error}");
        let newer = text.replace("format = 1", "format = 2");
        assert!(Spec::parse(&newer).is_ok(), "{key}: {:?}", Spec::parse(&newer));
    }
    let digest = old.lines().find(|line| line.starts_with("digest")).unwrap();
    let error = Spec::parse(&old.replace(digest, "")).unwrap_err().to_string();
    assert!(error.starts_with("`data.digest`: "), "{error}");
    for number in ["0", "3", "-1", "9223372036854775807"] {
        let text = old.replace("format = 1", &format!("format = {number}\nsurprise = 1"));
        let error = Spec::parse(&text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`format = {number}`")), "{error}");
    }
}

#[test]
fn messages_of_format_2_name_the_key() {
    let second = spec().canonical().replace("format = 1", "format = 2");
    let phases = "kind = \"phases\"\n[[learning_rate.phases]]\nshape = \"constant\"\nsteps = 1\nvalue = 1\n[[learning_rate.phases]]\n";
    let phase =
        |text: &str| (String::from("kind = \"constant\"\nvalue = 0.05"), format!("{phases}{text}"));
    let batch = |text: &str| ("size = 4".to_string(), format!("size = 4\n{text}"));
    let table = |text: &str| ("[data]".to_string(), format!("{text}\n[data]"));
    for ((from, to), key) in [
        (
            phase("shape = \"linear\"\nsteps = 4\nfrom = -1\nto = 1"),
            "`learning_rate.phases[1].from`: -1",
        ),
        (
            phase("shape = \"linear\"\nsteps = 0\nfrom = 1\nto = 1"),
            "`learning_rate.phases[1].steps`: 0",
        ),
        (
            phase("shape = \"constant\"\nsteps = 4\nvalue = inf"),
            "`learning_rate.phases[1].value`: inf",
        ),
        (
            phase("shape = \"exponential\"\nsteps = 4\nfrom = 1\nfactor = 1.5"),
            "`learning_rate.phases[1].factor`",
        ),
        (
            phase("shape = \"exponential\"\nsteps = 4\nfrom = 1\nfactor = 1\nevery = 0"),
            "`learning_rate.phases[1].every`",
        ),
        (
            phase("shape = \"noam\"\nsteps = 4\nfactor = 1\nmodel_size = 0\nwarmup_steps = 1"),
            "`learning_rate.phases[1].model_size`",
        ),
        (batch("phases = [{ step_start = 0, size = 4 }]"), "`batch.phases[0].step_start`"),
        (
            batch("phases = [{ step_start = 9, size = 4 }, { step_start = 9, size = 4 }]"),
            "`batch.phases[1].step_start`",
        ),
        (batch("phases = [{ step_start = 9, size = 65 }]"), "`batch.phases[0].size`: 65 is more"),
        (
            batch("phases = [{ step_start = 9, size = 9999999 }]"),
            "`batch.phases[0].size`: 9999999 is out",
        ),
        (
            batch("phases = [{ step_start = 9223372036854775807, size = 4 }]"),
            "`batch.phases[0].step_start`",
        ),
        (
            batch("accumulation = 2\nphases = [{ step_start = 9, size = 64 }]"),
            "`batch.accumulation`: 2 times `batch.phases[0].size` = 64",
        ),
        (table("[[groups]]\nmatch = \"a b\""), "`groups[0].match`"),
        (
            table(
                "[[groups]]\nmatch = \"a\"\n[[groups]]\nmatch = \"b\"\nlearning_rate_factor = nan",
            ),
            "`groups[1].learning_rate_factor`",
        ),
        (
            table("[[groups]]\nmatch = \"a\"\nclipping = { kind = \"value\", limit = 0 }"),
            "`groups[0].clipping.limit`",
        ),
        (
            table("[[groups]]\nmatch = \"a\"\noptimizer = { kind = \"x\", b = [1, nan] }"),
            "`groups[0].optimizer.b[1]`",
        ),
        (table("[average]\ndecay = 1.0"), "`average.decay`"),
        (
            table(
                "[start]\nrecording = \"../a\"\ncommitment = \"0000000000000000000000000000000000000000000000000000000000000000\"",
            ),
            "`start.recording`",
        ),
        (
            table("[program.hyperparameters]\na = [1, { b = 1979-05-27 }]"),
            "`program.hyperparameters.a[1].b`: a date",
        ),
        (
            table("[program.hyperparameters]\na = [[[[[[[[[[1]]]]]]]]]]"),
            "`program.hyperparameters.a[0]",
        ),
        (table("[program.hyperparameters]\na = { b = \"c d\" }"), "`program.hyperparameters.a.b`"),
        (("[data]".into(), "[data]\nfiles = [\"x\"]".into()), "`data.files`: \"x\" is no file"),
    ] {
        let text = second.replacen(&from, &to, 1);
        let error = Spec::parse(&text).unwrap_err().to_string();
        assert!(error.starts_with(key), "{key}: {error}");
    }
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
