//! The text of a calibration, and what is refused.

use proptest::prelude::*;

use super::*;

const GOLDEN: &str = r#"format = 1
program = "p"
subject = "0101010101010101010101010101010101010101010101010101010101010101"
segment_steps = 10
initial_state_agrees = true
segments = 120
margin = 2.0
runs = ["0202020202020202020202020202020202020202020202020202020202020202", "0303030303030303030303030303030303030303030303030303030303030303"]

[false_alarms]
segment = 0.016129032258064516
drift = 0.5

[recorded]
device = "cpu"
engine = "e 1"

[replayed]
device = "cuda"
engine = "e 1"

[[drift]]
segments = 2
factor = 3.0

[[drift]]
segments = 6
factor = 2.5

[[tensor]]
name = "model.bias"
relative_l2_max = 0.0000025
ulp_max = 7.5
noise_l2 = 0.0000004
update_l2_usual = 0.125
ulp_usual = 0.00000006
relative_l2_quantiles = [0.0, 0.0000003, 0.0000008, 0.0000011, 0.0000012]
ulp_quantiles = [0.0, 1.0, 2.0, 3.0, 3.5]
"#;

const SUBJECT: &str = "f0ead2b8f97f6790808d3c07790b72cda0c9d652fa6996105e18ddd44739da1c";

fn golden() -> Calibration {
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Calibration {
        format: 1,
        program: "p".into(),
        subject: Digest([1; 32]),
        segment_steps: 10,
        initial_state_agrees: true,
        segments: 120,
        margin: 2.0,
        runs: vec![Digest([2; 32]), Digest([3; 32])],
        false_alarms: FalseAlarms { segment: 1.0 / 62.0, drift: 0.5 },
        recorded: [fact("device", "cpu"), fact("engine", "e 1")].into(),
        replayed: [fact("device", "cuda"), fact("engine", "e 1")].into(),
        drift: vec![
            DriftAllowed { segments: 2, factor: 3.0 },
            DriftAllowed { segments: 6, factor: 2.5 },
        ],
        tensor: vec![TensorAllowed {
            name: "model.bias".into(),
            relative_l2_max: 2.5e-6,
            ulp_max: 7.5,
            noise_l2: 4e-7,
            update_l2_usual: 0.125,
            ulp_usual: 6e-8,
            relative_l2_quantiles: [0.0, 3e-7, 8e-7, 1.1e-6, 1.2e-6],
            ulp_quantiles: [0.0, 1.0, 2.0, 3.0, 3.5],
        }],
    }
}

fn spec() -> Spec {
    Spec::parse(include_str!("../../../../../replay-specs/toy-plane.toml")).unwrap()
}

#[test]
fn golden_text() {
    assert_eq!(golden().encode().unwrap(), GOLDEN);
    assert_eq!(Calibration::parse(GOLDEN.as_bytes()).unwrap(), golden());
}

#[test]
fn the_subject_is_all_but_name_seed_and_sampling() {
    let subject = Calibration::subject(&spec());
    assert_eq!(subject.to_string(), SUBJECT);
    let sampling = Sampling::Count { segments: 1 };
    let same = Spec { name: "other".into(), root_seed: 3, sampling, ..spec() };
    assert_eq!(Calibration::subject(&same), subject);
    for other in [Spec { steps: 61, ..spec() }, Spec { checkpoint_every: 5, ..spec() }] {
        assert_ne!(Calibration::subject(&other), subject);
    }
}

#[test]
fn drift_between_two_numbers_is_the_more_generous() {
    let calibration = golden();
    let allowed = [1, 2, 3, 6, 7].map(|segments| calibration.drift_allowed(segments));
    assert_eq!(allowed, [None, Some(3.0), Some(3.0), Some(2.5), Some(2.5)]);
}

#[test]
fn what_is_out_of_range_is_refused() {
    for (from, to, says) in [
        ("format = 1", "format = 2", "format 2"),
        ("segment_steps = 10", "segment_steps = 0", "segment_steps"),
        ("segment_steps = 10", "segment_steps = -1", "segment_steps"),
        ("margin = 2.0", "margin = 0.5", "margin"),
        ("margin = 2.0", "margin = nan", "margin"),
        ("drift = 0.5", "drift = 1.5", "false_alarms"),
        ("ulp_max = 7.5", "ulp_max = inf", "tensor model.bias"),
        ("ulp_max = 7.5", "ulp_max = 0.0", "tensor model.bias"),
        ("noise_l2 = 0.0000004", "noise_l2 = nan", "tensor model.bias"),
        ("1.0, 2.0, 3.0, 3.5]", "1.0, 2.0, 3.0]", "length"),
        ("1.0, 2.0, 3.0, 3.5]", "1.0, 2.0, 3.0, 0.5]", "ascend"),
        ("segments = 6", "segments = 2", "ascend"),
        ("segments = 2\n", "segments = 1\n", "from 2 on"),
        ("device = \"cuda\"", "device = \"cpu\"", "the class that recorded"),
        ("margin = 2.0", "margin = 2.0\nsurprise = 1", "surprise"),
        ("name = \"model.bias\"", "name = \"\"", "1 to 256 bytes"),
        ("name = \"model.bias\"", "name = \"model.bias\"\nother = 1", "other"),
        ("runs = [", "runs = [] #", "runs"),
    ] {
        assert!(GOLDEN.contains(from), "{from}");
        let problem = Calibration::parse(GOLDEN.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(problem.to_string().contains(says), "{to}: {problem}");
    }
}

#[test]
fn hostile_texts_are_refused_in_bounded_words() {
    let table = GOLDEN.find("[[tensor]]").unwrap();
    let again = format!("{GOLDEN}\n{}", &GOLDEN[table..]);
    let deep = format!("{}a = {}1{}\n{GOLDEN}", "", "[".repeat(100_000), "]".repeat(100_000));
    let name = GOLDEN.replace("model.bias", &"x".repeat(100_000));
    let terminal = GOLDEN.replace("ulp_max = 7.5", "\"\\u001b[2J\" = 7.5");
    let large = vec![b'#'; CALIBRATION_BYTES_MAX + 1];
    let texts: [&[u8]; 7] = [
        again.as_bytes(),
        deep.as_bytes(),
        name.as_bytes(),
        terminal.as_bytes(),
        &large,
        b"\xff\xfe",
        b"",
    ];
    for text in texts {
        let problem = Calibration::parse(text).unwrap_err().to_string();
        assert!(problem.len() < 25_000 && !problem.contains('\u{1b}'), "{problem}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Calibration::parse(&bytes).is_err());
    }

    #[test]
    fn no_edit_makes_it_panic(at in 0..GOLDEN.len(), byte: u8, cut in 0..GOLDEN.len()) {
        let mut edited = GOLDEN.as_bytes().to_vec();
        edited[at] = byte;
        edited.truncate(edited.len() - cut);
        if let Ok(found) = Calibration::parse(&edited) {
            let again = Calibration::parse(found.encode().unwrap().as_bytes()).unwrap();
            prop_assert_eq!(again, found);
        }
    }
}
