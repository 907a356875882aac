//! A report names what was audited, and takes no other weights for it.

mod common;

use common::{audit, record, spec, whole};
use reenact_core::format::{Object, write_checkpoint};
use reenact_core::verify::{Audited, DrawRule, Report, Verdict};

#[test]
fn what_lies_there_instead_of_the_final_checkpoint_is_never_named() {
    let run = record(&spec());
    let mut recording = whole(&run);
    let honest = Audited::of(&recording);
    assert!(honest.model.is_some());
    let end = Object::Checkpoint(honest.state.unwrap());
    let mut state = recording.checkpoint(spec().steps).unwrap().load(1 << 20).unwrap();
    state.tensor_mut("model.weight").unwrap()[0] ^= 1;
    let (mut edited, mut missing, mut cut) = (run.clone(), run.clone(), run.clone());
    let mut bytes = Vec::new();
    write_checkpoint(&state, &mut bytes).unwrap();
    edited.objects.insert(end, bytes);
    missing.objects.remove(&end);
    cut.objects.get_mut(&end).unwrap().pop();
    // The files change after the examination: the state is the committed one still.
    for changed in [&edited, &missing, &cut] {
        recording.run = changed;
        assert_eq!(Audited::of(&recording), Audited { model: None, ..honest });
    }
}

#[test]
fn reports_of_before_are_read() {
    let run = record(&spec());
    let mut report = serde_json::to_value(audit(&run, None)).unwrap();
    let written: Report = serde_json::from_value(report.clone()).unwrap();
    assert_eq!(written.audited, Some(Audited::of(&whole(&run))));
    let challenge = r#"{"commitment":"COMMITMENT","nonce":"n","total":4,"count":2}"#;
    let challenge =
        challenge.replace("COMMITMENT", &written.audited.unwrap().commitment.to_string());
    report["challenge"] = serde_json::from_str(&challenge).unwrap();
    let fields = report.as_object_mut().unwrap();
    fields.remove("audited");
    fields.remove("sampled_by");
    let before: Report = serde_json::from_value(report).unwrap();
    assert_eq!((before.audited, before.sampled_by), (None, None));
    assert_eq!(before.challenge.unwrap().rule, DrawRule::Uniform);
    assert!(matches!(before.verdict, Verdict::Match { .. }));
}
