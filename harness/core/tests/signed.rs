//! Who vouches for a recording, and what a signature does not survive.

mod common;

use common::{audit, examined, matches, objects, record, spec, spec_with};
use reenact_core::format::{Object, ReadRun, SecretKey, Signature};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::{RecordError, sign};
use reenact_core::verify::{AllowedSigners, Examination, Verdict, Vouched, Weight};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn signed() -> MemoryRun {
    let mut run = record(&spec());
    sign(&mut run, &key(1)).unwrap();
    run
}

fn signers(seed: u8) -> AllowedSigners {
    format!("ada@example.org {}", key(seed).public()).parse().unwrap()
}

fn trusting(run: &MemoryRun, seed: u8) -> Examination<'_> {
    let mut examination = examined(run);
    examination.trust(&signers(seed));
    examination
}

#[test]
fn a_signature_by_an_unknown_key_is_reported_as_such() {
    let report = audit(&signed(), None);
    assert!(matches(&report));
    assert_eq!(report.vouched, Vouched::UnknownKey { key: key(1).public().fingerprint() });
    assert_eq!(audit(&record(&spec()), None).vouched, Vouched::Unsigned);
}

#[test]
fn a_trusted_signature_names_its_principal() {
    let run = signed();
    let found = trusting(&run, 1);
    assert!(found.findings.is_empty());
    let key = key(1).public().fingerprint();
    assert_eq!(found.vouched, Vouched::Trusted { principal: "ada@example.org".into(), key });
}

#[test]
fn whom_nobody_trusts_leaves_it_open() {
    for (run, says) in [(signed(), "is not among"), (record(&spec()), "is not signed")] {
        let found = trusting(&run, 2);
        let finding = &found.findings[0];
        assert_eq!(
            (finding.weight, finding.place.object.as_str()),
            (Weight::Inconclusive, "commitment.sig")
        );
        assert!(finding.problem.contains(says), "{finding}");
    }
}

#[test]
fn every_flipped_bit_of_a_signature_is_seen() {
    let run = signed();
    for bit in 0..8 * run.objects[&Object::Signature].len() {
        let mut flipped = run.clone();
        flipped.objects.get_mut(&Object::Signature).unwrap()[bit / 8] ^= 1 << (bit % 8);
        let found = examined(&flipped);
        assert!(objects(&found), "bit {bit}");
        assert_eq!(found.vouched, Vouched::Broken);
    }
}

#[test]
fn a_signature_that_stands_for_something_else_is_divergent() {
    let other = {
        let mut other = record(&spec_with(|spec| spec.root_seed += 1));
        sign(&mut other, &key(1)).unwrap();
        other.objects.remove(&Object::Signature).unwrap()
    };
    for text in [other, Vec::new(), b"signed, honestly\n".to_vec(), vec![b'A'; 1 << 16]] {
        let mut run = signed();
        run.objects.insert(Object::Signature, text);
        let report = audit(&run, None);
        assert_eq!(report.verdict, Verdict::Divergent);
        assert!(report.reasons[0].starts_with("commitment.sig: "), "{:?}", report.reasons);
        assert_eq!(trusting(&run, 1).vouched, Vouched::Broken);
    }
}

#[test]
fn a_signed_commitment_cannot_be_withheld() {
    let mut run = signed();
    run.objects.remove(&Object::Commitment);
    assert!(objects(&examined(&run)));
}

#[test]
fn a_signature_of_a_format_to_come_is_not_judged() {
    let mut run = signed();
    run.objects.get_mut(&Object::Journal).unwrap()[16] = 5;
    run.objects.insert(Object::Signature, b"another form".to_vec());
    let found = examined(&run);
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.findings[0].weight, Weight::Inconclusive);
}

#[test]
fn one_key_signs_and_signing_again_changes_nothing() {
    let mut run = signed();
    let before = run.objects.clone();
    sign(&mut run, &key(1)).unwrap();
    assert!(matches!(sign(&mut run, &key(2)), Err(RecordError::SignedByAnother(_))));
    assert_eq!(run.objects, before);
    run.objects.insert(Object::Signature, b"broken".to_vec());
    assert!(matches!(sign(&mut run, &key(1)), Err(RecordError::Signature(_))));
}

#[test]
fn only_what_was_recorded_is_signed() {
    let mut run = record(&spec());
    run.objects.get_mut(&Object::Commitment).unwrap().truncate(300);
    assert!(matches!(sign(&mut run, &key(1)), Err(RecordError::OtherCommitment)));
    run.objects.remove(&Object::Commitment);
    assert!(matches!(sign(&mut run, &key(1)), Err(RecordError::Store(_))));
    assert!(!run.objects.contains_key(&Object::Signature));
}

#[test]
fn what_is_signed_is_the_stored_text() {
    let run = signed();
    let commitment = run.read(Object::Commitment, 1 << 20).unwrap();
    assert_eq!(
        Signature::sign(&commitment, &key(1)).text().as_bytes(),
        run.objects[&Object::Signature]
    );
}
