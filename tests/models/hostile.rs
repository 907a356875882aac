//! A recording that asks for more than it holds.

use reenact_core::format::{
    Commitment, Event, FrameReader, JournalWriter, Object, ReadRun, WriteRun,
};
use reenact_core::spec::Spec;
use reenact_store::Directory;

use crate::common::{DIVERGENT, audit};
use crate::run::{Run, short_spec};

/// The insider declares a giant model and recomputes every digest.
#[test]
fn a_giant_model_is_refused_before_it_is_built() {
    let run = Run::record("digits-mlp", &[]);
    let copy = run.beside("copy");
    let giant = [("hidden = ", "hidden = 65536 # ")];
    let path = short_spec(run.path.parent().unwrap(), "digits-mlp", &giant);
    let spec = Spec::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let source = Directory::open(&run.path).unwrap();
    redeclare(&source, &spec, &mut Directory::create(&copy).unwrap());
    let report = audit(&copy, &["--segment", "0"]).expect(DIVERGENT).json();
    assert_eq!(report["segments"][0]["outcome"]["kind"], "refused");
    let problem = report["segments"][0]["outcome"]["problem"].as_str().unwrap();
    assert!(problem.contains("4299948042 parameters"), "{problem}");
}

/// Copies a recording under another spec, with a fresh chain and commitment.
fn redeclare(source: &dyn ReadRun, spec: &Spec, into: &mut dyn WriteRun) {
    let mut put = |object, bytes: &[u8]| into.put(object, &mut |out| out.write_all(bytes)).unwrap();
    put(Object::Spec, spec.canonical().as_bytes());
    let journal = source.open(Object::Journal).unwrap();
    let mut frames = FrameReader::open(journal.as_ref()).unwrap();
    let (mut writer, mut forged) = JournalWriter::start();
    let mut checkpoints = Vec::new();
    while let Some(mut frame) = frames.next_frame().unwrap() {
        match &mut frame.event {
            Event::RunStarted { spec: digest, .. } => *digest = spec.digest(),
            Event::Checkpoint { step, root } => {
                let object = Object::Checkpoint(*root);
                put(object, &source.read(object, 1 << 30).unwrap());
                checkpoints.push((*step, *root));
            }
            _ => {}
        }
        forged.extend(writer.frame(&frame.event).unwrap());
    }
    let (frames, head) = (writer.frames(), writer.head());
    let commitment = Commitment { spec: spec.digest(), frames, head, checkpoints };
    put(Object::Commitment, commitment.encode().as_bytes());
    into.append(&forged).unwrap();
}
