//! The one text of a lock, and everything else that is none.

use proptest::prelude::*;
use reenact_core::state::StateRoot;

use super::*;
use crate::{Accepted, Date, FinalLoss, LOCK_BYTES_MAX, Spoilt};

const GOLDEN: &str = r##"# Written by `reenact gate accept`. Review it like code.
format = 1
spec = "0101010101010101010101010101010101010101010101010101010101010101"
steps = 60
enforce = "inform"
until = "2026-12-01"
reason = "burn 0.23 rolls out"
old = [
    "../runs/digits-cnn-2025",
    "runs/b",
]

[[entry]]
class = "cpu-b79b3b"
first = "0202020202020202020202020202020202020202020202020202020202020202"
last = "0303030303030303030303030303030303030303030303030303030303030303"
trace = "0404040404040404040404040404040404040404040404040404040404040404"
final_loss = 0.41873723
cargo_lock = "0505050505050505050505050505050505050505050505050505050505050505"
rustc = "rustc 1.95.0"

[entry.facts]
"a \"b\" \\" = "ä"
device = "cpu"
engine = "toy 1"

[entry.accepted]
at = "2026-11-25"
reason = "burn 0.22.1, #418"

[[entry]]
class = "toy-683807"
first = "0202020202020202020202020202020202020202020202020202020202020202"
last = "0303030303030303030303030303030303030303030303030303030303030303"
trace = "0404040404040404040404040404040404040404040404040404040404040404"
final_loss = nan
cargo_lock = "0000000000000000000000000000000000000000000000000000000000000000"
rustc = "rustc 1.95.0"

[entry.facts]
device = "toy"

[entry.accepted]
at = "2026-11-26"
reason = "first"
was = "0606060606060606060606060606060606060606060606060606060606060606"
moved = "loss by 2.1e-8, at most 3 ulp"

# End.
"##;

fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Accepts something on the class of these facts.
pub(crate) fn entry(of: &[(&str, &str)]) -> Entry {
    let facts = facts(of);
    Entry {
        class: ClassId::of(&facts).unwrap(),
        first: StateRoot(Digest([2; 32])),
        last: StateRoot(Digest([3; 32])),
        trace: Digest([4; 32]),
        final_loss: FinalLoss::new(0.418_737_23),
        cargo_lock: Digest([5; 32]),
        rustc: "rustc 1.95.0".into(),
        facts,
        accepted: accepted("2026-11-25", "burn 0.22.1, #418"),
    }
}

pub(crate) fn accepted(at: &str, reason: &str) -> Accepted {
    Accepted { at: at.parse().unwrap(), reason: reason.into(), was: None, moved: None }
}

fn lock() -> Lock {
    let cpu = entry(&[("device", "cpu"), ("engine", "toy 1"), ("a \"b\" \\", "ä")]);
    let was = Some(Digest([6; 32]));
    let moved = Some("loss by 2.1e-8, at most 3 ulp".into());
    let toy = Entry {
        final_loss: FinalLoss::new(f32::NAN),
        cargo_lock: Digest::default(),
        accepted: Accepted { was, moved, ..accepted("2026-11-26", "first") },
        ..entry(&[("device", "toy")])
    };
    let until = "2026-12-01".parse().unwrap();
    Lock {
        spec: Digest([1; 32]),
        steps: 60,
        enforce: Enforce::Inform { until, reason: "burn 0.23 rolls out".into() },
        old: vec!["../runs/digits-cnn-2025".into(), "runs/b".into()],
        entries: vec![cpu, toy],
    }
}

fn refused(text: &str) -> String {
    Lock::parse(text.as_bytes()).unwrap_err().to_string()
}

/// What is said of the golden text with a part of it exchanged.
fn exchanged(part: &str, by: &str) -> String {
    assert!(GOLDEN.contains(part), "{part}");
    refused(&GOLDEN.replacen(part, by, 1))
}

#[test]
fn golden_text() {
    assert_eq!(lock().canonical().unwrap(), GOLDEN);
    assert_eq!(Lock::parse(GOLDEN.as_bytes()).unwrap(), lock());
    let page = include_str!("../../../../replay-specs/README.md");
    assert!(page.contains(GOLDEN), "the formats' page has another example");
}

#[test]
fn the_smallest_lock() {
    let Lock { spec, steps, .. } = lock();
    let empty = Lock { spec, steps, enforce: Enforce::Block, old: vec![], entries: vec![] };
    let text = format!(
        "# Written by `reenact gate accept`. Review it like code.\nformat = 1\nspec = \
         \"{spec}\"\nsteps = 60\nenforce = \"block\"\nold = []\n\n# End.\n"
    );
    assert_eq!(empty.canonical().unwrap(), text);
    assert_eq!(Lock::parse(text.as_bytes()).unwrap(), empty);
}

#[test]
fn other_formats_are_told_before_anything_else() {
    assert!(
        exchanged("format = 1\n", "format = 2\nsurprise = 1\n").contains("`format = 2` is newer")
    );
    assert!(exchanged("format = 1\n", "format = 0\n").contains("`format = 0` is older"));
    assert_eq!(exchanged("format = 1\n", ""), "line 1: missing field `format`");
}

#[test]
fn unknown_and_missing_keys_are_named() {
    assert!(exchanged("steps = 60", "surprise = 60").contains("line 4: unknown field `surprise`"));
    assert!(exchanged("device = \"toy\"", "device = 7").contains("line 41: invalid type"));
    assert!(exchanged("at = \"2026-11-26\"", "on = \"x\"").contains("line 44: unknown field `on`"));
    assert!(exchanged("at = \"2026-11-26\"", "at = \"2026-11-31\"").contains("line 44: a day of"));
    assert!(exchanged("rustc = \"rustc 1.95.0\"\n", "").contains("missing field `rustc`"));
    assert!(exchanged("steps = 60", "steps = -1").contains("line 4: "));
    assert!(exchanged("steps = 60", "steps = 60\nsteps = 60").contains("line 5: duplicate key"));
    assert!(exchanged("\"0202", "\"0X02").contains("line 15: `0X02"));
    assert!(exchanged("until = \"2026-12-01\"\n", "").contains("`enforce`: \"inform\" has"));
    assert!(exchanged("\"inform\"", "\"block\"").contains("\"block\" has neither"));
    assert!(exchanged("\"inform\"", "\"ask\"").contains("line 5: unknown variant `ask`"));
}

#[test]
fn values_out_of_range_are_named() {
    assert!(exchanged("steps = 60", "steps = 0").contains("`steps`: 1 to 4096"));
    assert!(exchanged("steps = 60", "steps = 4097").contains("`steps`: 1 to 4096"));
    let reason = exchanged("\"first\"", "\"\"");
    assert!(reason.contains("`entry toy-683807: accepted.reason`: 1 to 1000 bytes"), "{reason}");
    let reason = exchanged("\"first\"", "\"a\\u202Eb\"");
    assert!(reason.contains("accepted.reason`: it has letters that nobody sees"), "{reason}");
    for path in ["/runs/b", "", "runs//b", "./b", "c:/b", "a\\\\b", &"a/".repeat(300)] {
        assert!(
            exchanged("\"runs/b\"", &format!("\"{path}\"")).contains("`old`: a relative"),
            "{path}"
        );
    }
    let twice = exchanged("\"runs/b\"", "\"../runs/digits-cnn-2025\"");
    assert_eq!(twice, "`old`: ../runs/digits-cnn-2025 stands twice");
}

#[test]
fn a_class_stands_once_and_is_that_of_its_facts() {
    let entry = &GOLDEN[GOLDEN.find("[[entry]]").unwrap()..GOLDEN.rfind("[[entry]]").unwrap()];
    let twice = exchanged(entry, &format!("{entry}{entry}"));
    assert_eq!(twice, "`entry`: cpu-b79b3b stands twice");
    let other = exchanged("engine = \"toy 1\"", "engine = \"toy 2\"");
    assert!(other.contains("`entry cpu-b79b3b: class`: its facts are those of cpu-"), "{other}");
    let nameless = exchanged("device = \"toy\"\n", "devise = \"toy\"\n");
    assert!(nameless.contains("`entry toy-683807: facts`: the fact `device`"), "{nameless}");
    assert!(exchanged("\"cpu-b79b3b\"", "\"../cpu-1c63b7\"").contains("line 14: a device and six"));
}

#[test]
fn what_befell_the_text_is_named() {
    let spoilt = |text: &str| match Lock::parse(text.as_bytes()).unwrap_err() {
        LockError::Spoilt(spoilt) => spoilt,
        other => panic!("{other}"),
    };
    let merged = GOLDEN.replace("steps = 60\n", "<<<<<<< HEAD\nsteps = 60\n=======\n");
    assert_eq!(spoilt(&merged), Spoilt::Conflict { line: 4 });
    assert_eq!(spoilt(&GOLDEN.replace('\n', "\r\n")), Spoilt::CrLf { line: 1 });
    assert_eq!(spoilt(&format!("\u{feff}{GOLDEN}")), Spoilt::ByteOrderMark);
    let bytes = GOLDEN.len() << 10;
    assert_eq!(spoilt(&GOLDEN.repeat(1 << 10)), Spoilt::TooLarge { bytes, limit: LOCK_BYTES_MAX });
    assert!(matches!(spoilt(""), Spoilt::Cut { line: 1 }));
    assert!(refused("version = 4\n").contains("line 1: this is no lock"));
}

#[test]
fn what_nests_deeply_is_refused() {
    for nest in ["[", "{a=", "[{a="] {
        let said = exchanged("\"inform\"", &nest.repeat(100_000));
        assert!(said.starts_with("line 5: "), "{said}");
    }
}

#[test]
fn every_cut_is_seen() {
    for len in 0..GOLDEN.len() {
        let Some(cut) = GOLDEN.get(..len) else { continue };
        let error = Lock::parse(cut.as_bytes()).unwrap_err();
        assert!(matches!(error, LockError::Spoilt(Spoilt::Cut { .. })), "{len}: {error}");
    }
}

#[test]
fn another_spelling_is_refused_with_its_line() {
    for (part, by, line) in [
        ("steps = 60\n", "steps  = 60\n", 4),
        ("steps = 60\n", "steps = 60 # enough\n", 4),
        ("\n[entry.facts]", "\n\n[entry.facts]", 22),
        ("0.41873723", "0.4187372300", 18),
        ("\"runs/b\",\n", "\"runs/b\"\n", 10),
        ("engine = \"toy 1\"", "engine = 'toy 1'", 25),
        ("engine = \"toy 1\"", "\"engine\" = \"toy 1\"", 25),
        ("# End.\n", "#\n\n# End.\n", 49),
    ] {
        let said = exchanged(part, by);
        assert!(said.starts_with(&format!("line {line} is `")), "{part}: {said}");
    }
    let comment = exchanged("old = [", "# why\nold = [");
    let expected = "line 8 is `# why`, where `reenact gate accept` writes `old = [`";
    assert_eq!(comment, expected);
}

#[test]
fn at_most_256_classes() {
    let with = |number: usize| {
        let entries = (0..number).map(|n| entry(&[("device", "cpu"), ("n", &n.to_string())]));
        let mut lock = Lock { entries: vec![], ..lock() };
        entries.for_each(|entry| assert!(lock.accept(entry).is_none()));
        lock
    };
    let full = with(ENTRIES_MAX);
    assert_eq!(Lock::parse(full.canonical().unwrap().as_bytes()).unwrap(), full);
    let error = with(ENTRIES_MAX + 1).canonical().unwrap_err().to_string();
    assert_eq!(error, "`entry`: there are more than 256 classes");
    let long = "x".repeat(4096);
    let mut large = with(0);
    (0..ENTRIES_MAX).for_each(|n| {
        large.accept(entry(&[("device", "cpu"), ("n", &n.to_string()), ("long", &long)]));
    });
    assert!(matches!(large.canonical(), Err(LockError::Spoilt(Spoilt::TooLarge { .. }))));
}

#[test]
fn classes_are_found_accepted_and_compared() {
    let mut lock = lock();
    let here = facts(&[("device", "cpu"), ("engine", "toy 2"), ("simd", "avx2")]);
    let (nearest, differ) = lock.nearest(&here).unwrap();
    assert_eq!(nearest.class.to_string(), "cpu-b79b3b");
    let differ: Vec<&str> = differ.iter().map(|fact| fact.name.as_str()).collect();
    assert_eq!(differ, ["a \"b\" \\", "engine", "simd"]);
    assert!(lock.nearest(&facts(&[("device", "cuda")])).is_none());
    let new = Entry { rustc: "newer".into(), ..entry(&[("device", "toy")]) };
    let replaced = lock.accept(new.clone()).unwrap();
    assert_eq!(replaced.accepted.reason, "first");
    assert_eq!(lock.entry(&new.class), Some(&new));
    assert!(lock.check_spec(Digest([1; 32])).is_ok());
    let other = lock.check_spec(Digest([9; 32])).unwrap_err().to_string();
    assert!(other.contains("for the spec 01010101, and the spec is now 09090909"), "{other}");
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~äß漢=#]{1,30}", Just("\\\"'\\u0041".to_owned()), Just("=======".to_owned())]
}

fn dates() -> impl Strategy<Value = Date> {
    (0u64..2_900_000).prop_map(|days| Date::of_unix(86_400 * days).unwrap())
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn entries() -> impl Strategy<Value = Entry> {
    let facts = prop::collection::btree_map(words(), words(), 0..5);
    let device = prop::sample::select(&["cpu", "cuda", "cubecl-cpu"][..]);
    let roots = (digests(), digests(), digests(), digests(), any::<u32>());
    let accepted = (dates(), words(), prop::option::of(digests()), prop::option::of(words()));
    (facts, device, roots, words(), accepted).prop_map(|(mut facts, device, roots, rustc, why)| {
        facts.insert("device".into(), device.into());
        let (first, last, trace, cargo_lock, loss) = roots;
        let (at, reason, was, moved) = why;
        Entry {
            class: ClassId::of(&facts).unwrap(),
            first: StateRoot(first),
            last: StateRoot(last),
            trace,
            final_loss: FinalLoss::new(f32::from_bits(loss)),
            cargo_lock,
            rustc,
            facts,
            accepted: Accepted { at, reason, was, moved },
        }
    })
}

fn locks() -> impl Strategy<Value = Lock> {
    let inform = (dates(), words()).prop_map(|(until, reason)| Enforce::Inform { until, reason });
    let enforce = prop_oneof![Just(Enforce::Block), inform];
    let old = prop::collection::btree_set("(\\.\\./)?[a-z #'\"]{1,9}(/[a-z.]{2,9})?", 0..4);
    let entries = prop::collection::vec(entries(), 0..4);
    (digests(), 1..=STEPS_MAX, enforce, old, entries).prop_map(
        |(spec, steps, enforce, old, entries)| {
            let old = old.into_iter().collect();
            let mut lock = Lock { spec, steps, enforce, old, entries: Vec::new() };
            entries.into_iter().for_each(|entry| {
                lock.accept(entry);
            });
            lock
        },
    )
}

proptest! {
    #[test]
    fn a_lock_is_read_back_and_has_one_text(lock in locks()) {
        let text = lock.canonical().unwrap();
        let read = Lock::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.canonical().unwrap(), text);
        prop_assert_eq!(read, lock);
    }

    #[test]
    fn order_of_what_is_given_does_not_matter(lock in locks()) {
        let mut turned = lock.clone();
        turned.entries.reverse();
        turned.old.reverse();
        prop_assert_eq!(turned.canonical().unwrap(), lock.canonical().unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Lock::parse(&bytes).is_err());
    }

    #[test]
    fn no_edit_makes_it_panic_or_is_read_as_two_things(
        at in 0..GOLDEN.len(), gone in 0usize..40, put in "\\PC{0,8}|[\\[\\]\"=\n#.]{0,8}",
    ) {
        let end = (at + gone).min(GOLDEN.len());
        let bytes = [&GOLDEN.as_bytes()[..at], put.as_bytes(), &GOLDEN.as_bytes()[end..]].concat();
        if let Ok(read) = Lock::parse(&bytes) {
            prop_assert_eq!(read.canonical().unwrap().into_bytes(), bytes);
        }
    }
}
