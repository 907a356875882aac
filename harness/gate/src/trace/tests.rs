//! The text of a trace, and everything else that is none.

use proptest::prelude::*;
use reenact_core::figure::Figure;
use reenact_core::state::{DType, TensorSpec};

use super::*;

const GOLDEN: &str = "\
reenact trace 1
spec 0101010101010101010101010101010101010101010101010101010101010101
first 0202020202020202020202020202020202020202020202020202020202020202
0 batch 3fa09c11 rate 3f847ae147ae147c loss 40836b70 gradient 00000000000000ff update 0c55000000000001
1 batch 00000001 rate 3f847ae147ae147c loss 7fc00001 gradient ffffffffffffffff update 0000000000000000
last 0303030303030303030303030303030303030303030303030303030303030303
journal 0404040404040404040404040404040404040404040404040404040404040404 steps 1
";

fn trace() -> Trace {
    let steps = vec![
        TraceStep {
            batch: 0x3fa0_9c11,
            learning_rate_bits: 0x3f84_7ae1_47ae_147c,
            loss_bits: 0x4083_6b70,
            gradient: 0xff,
            update: 0x0c55_0000_0000_0001,
            figures: None,
        },
        TraceStep {
            batch: 1,
            learning_rate_bits: 0x3f84_7ae1_47ae_147c,
            loss_bits: 0x7fc0_0001,
            gradient: u64::MAX,
            update: 0,
            figures: None,
        },
    ];
    Trace {
        spec: Digest([1; 32]),
        first: StateRoot(Digest([2; 32])),
        steps,
        last: StateRoot(Digest([3; 32])),
        journal: Some(JournalBinding { digest: Digest([4; 32]), steps: 1 }),
    }
}

fn exchanged(part: &str, by: &str) -> String {
    assert!(GOLDEN.contains(part), "{part}");
    Trace::parse(GOLDEN.replacen(part, by, 1).as_bytes()).unwrap_err().to_string()
}

#[test]
fn golden_text() {
    assert_eq!(trace().to_string(), GOLDEN);
    assert_eq!(Trace::parse(GOLDEN.as_bytes()).unwrap(), trace());
    assert_eq!(
        trace().digest().to_string(),
        "0031c92efeff8bc1fd03362ab4e1aa29265a3bae7fb940b31d65f7d363636ebe"
    );
    let page = include_str!("../../../../replay-specs/README.md");
    let indented: String = GOLDEN.lines().map(|line| format!("    {line}\n")).collect();
    assert!(page.contains(&indented) && page.contains(&trace().digest().to_string()));
    let none = Trace { journal: None, steps: vec![], ..trace() };
    assert!(none.to_string().ends_with("\njournal none\n"));
    assert_eq!(Trace::parse(none.to_string().as_bytes()).unwrap(), none);
}

#[test]
fn golden_step() {
    let tensor = |name: &str, shape: &[u64]| TensorSpec {
        name: name.into(),
        dtype: DType::F32,
        shape: shape.into(),
    };
    let gradient = Layout::new(vec![tensor("model.w", &[2, 3])]).unwrap();
    let state = Layout::new(vec![tensor("model.w", &[2, 3]), tensor("run.step", &[])]).unwrap();
    let layouts = StepLayouts { state, gradient };
    let recorded = StepTrace {
        step: 0,
        samples: Digest([1; 32]),
        batch: Digest([2; 32]),
        learning_rate_bits: 0.01_f64.to_bits(),
        loss_bits: 1.5_f32.to_bits(),
        gradient: vec![Fingerprint(3)],
        state: vec![Fingerprint(4), Fingerprint(5)],
        launches: None,
        validation: None,
    };
    let step = TraceStep::of(&recorded, &layouts);
    assert_eq!(
        step.to_string(),
        "batch 48b8e775 rate 3f847ae147ae147b loss 3fc00000 gradient 226565838729c8e2 update 30f86dd672307ea3"
    );
    let measured = |name: &str, value| {
        let figures = Figures::new(vec![Figure::new(name, value)]).ok();
        TraceStep::of(&StepTrace { validation: figures, ..recorded.clone() }, &layouts)
    };
    let with = measured("loss_nats", f64::NAN);
    assert_eq!(with.to_string(), format!("{step} figures 1249e141496c62c9"));
    assert_eq!(with, measured("loss_nats", f64::NAN));
    for other in [measured("loss", f64::NAN), measured("loss_nats", -0.0), step] {
        assert_eq!(with.stage_of_difference(&other), Some(Stage::Validation));
    }
    let renamed = Layout::new(vec![tensor("model.v", &[2, 3])]).unwrap();
    let reshaped = Layout::new(vec![tensor("model.w", &[3, 2])]).unwrap();
    for gradient in [renamed, reshaped] {
        let other = TraceStep::of(&recorded, &StepLayouts { gradient, ..layouts.clone() });
        assert_eq!(step.stage_of_difference(&other), Some(Stage::Gradient));
    }
}

#[test]
fn figures_are_of_the_second_format_and_of_no_other() {
    let mut measured = trace();
    measured.steps[1].figures = Some(0xabc);
    let golden = GOLDEN.replacen("trace 1", "trace 2", 1).replacen(
        "update 0000000000000000",
        "update 0000000000000000 figures 0000000000000abc",
        1,
    );
    assert_eq!(measured.to_string(), golden);
    assert_eq!(Trace::parse(golden.as_bytes()).unwrap(), measured);
    for (text, from, to) in [
        (golden.as_str(), "trace 2", "trace 1"),
        (GOLDEN, "trace 1", "trace 2"),
        (&golden, "figures 0000000000000abc", "figures abc"),
        (&golden, "figures 0000000000000abc", "figures 0000000000000ABC"),
        (&golden, "figures 0000000000000abc", "figures"),
        (&golden, "update 0000000000000000 figures", "figures"),
    ] {
        let text = text.replacen(from, to, 1);
        assert!(Trace::parse(text.as_bytes()).is_err(), "{text}");
    }
    let [with, without] = [measured.steps[1], trace().steps[1]];
    assert_eq!(with.stage_of_difference(&without), Some(Stage::Validation));
    for len in 0..golden.len() {
        let cut = Trace::parse(&golden.as_bytes()[..len]).unwrap_err();
        assert!(matches!(cut, TraceError::Spoilt(Spoilt::Cut { .. })), "{len}: {cut}");
    }
}

#[test]
fn lines_that_do_not_belong_are_named() {
    assert_eq!(
        exchanged("trace 1", "trace 3"),
        "line 1: it is of format 3; this reenact reads 1 to 2"
    );
    assert!(exchanged("reenact trace 1", "reenact gate 1").contains("line 1: this is no trace"));
    assert!(exchanged("spec 01", "spec 0X").contains("line 2 is `spec 0X"));
    assert!(exchanged("first ", "second ").contains("where `first DIGEST` belongs"));
    for (part, by) in [
        ("1 batch", "2 batch"),
        ("1 batch", "01 batch"),
        ("1 batch", "1  batch"),
        ("batch 00000001", "batch 1"),
        ("batch 00000001", "batch +0000001"),
        ("loss 7fc00001", "loss 7FC00001"),
        ("update 0000000000000000", "update 0000000000000000 "),
        ("update 0000000000000000", "update 000000000000000"),
        ("1 batch 00000001 rate 3f847ae147ae147c", "1 rate 3f847ae147ae147c batch 00000001"),
    ] {
        let said = exchanged(part, by);
        assert!(
            said.contains("line 5 is ") && said.contains("where the next step"),
            "{by}: {said}"
        );
    }
    assert!(exchanged("last 03", "last 3").contains("line 6 is "));
    for steps in ["0", "3", "01", "+1", "", "1 "] {
        assert!(exchanged("steps 1", &format!("steps {steps}")).contains("line 7 is "), "{steps}");
    }
    assert!(exchanged("steps 1\n", "steps 1\nmore\n").contains("line 8 is `more`, where the end"));
}

#[test]
fn what_befell_the_text_is_named() {
    let spoilt = |text: &str| match Trace::parse(text.as_bytes()).unwrap_err() {
        TraceError::Spoilt(spoilt) => spoilt,
        other => panic!("{other}"),
    };
    for len in 0..GOLDEN.len() {
        assert!(matches!(spoilt(&GOLDEN[..len]), Spoilt::Cut { .. }), "{len}");
    }
    assert_eq!(spoilt(&GOLDEN.replace('\n', "\r\n")), Spoilt::CrLf { line: 1 });
    let merged = GOLDEN.replace("1 batch", ">>>>>>> theirs\n1 batch");
    assert_eq!(spoilt(&merged), Spoilt::Conflict { line: 5 });
}

#[test]
fn at_most_4096_steps() {
    let step = trace().steps[0];
    let with = |number: usize| Trace { steps: vec![step; number], ..trace() };
    let most = with(STEPS_MAX as usize).to_string();
    assert!(most.len() < TRACE_BYTES_MAX);
    assert!(Trace::parse(most.as_bytes()).is_ok());
    let error = Trace::parse(with(STEPS_MAX as usize + 1).to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("line 4100 is "), "{error}");
}

/// Steps of any bits.
pub(crate) fn steps() -> impl Strategy<Value = TraceStep> {
    any::<(u32, u64, u32, u64, u64, Option<u64>)>().prop_map(
        |(batch, learning_rate_bits, loss_bits, gradient, update, figures)| TraceStep {
            batch,
            learning_rate_bits,
            loss_bits,
            gradient,
            update,
            figures,
        },
    )
}

proptest! {
    #[test]
    fn a_trace_is_read_back(steps in prop::collection::vec(steps(), 1..20), bound in any::<bool>()) {
        let journal = trace().journal.filter(|_| bound);
        let trace = Trace { steps, journal, ..trace() };
        prop_assert_eq!(Trace::parse(trace.to_string().as_bytes()).unwrap(), trace);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Trace::parse(&bytes).is_err());
    }

    #[test]
    fn no_edit_is_read_as_two_things(
        at in 0..GOLDEN.len(), gone in 0usize..20, put in "\\PC{0,8}|[0-9a-f \n]{0,8}",
    ) {
        let end = (at + gone).min(GOLDEN.len());
        let text = [&GOLDEN[..at], &put, &GOLDEN[end..]].concat();
        if let Ok(read) = Trace::parse(text.as_bytes()) {
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
