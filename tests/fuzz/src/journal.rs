//! What holds for every journal that is read, however it came about.

use reenact_core::format::{FrameReader, History, JournalWriter, Tail};
use reenact_core::in_memory::MemoryFile;

/// Reads a journal as frames and as a history, and checks both.
pub fn check(bytes: &[u8]) {
    let source = MemoryFile::new(bytes.to_vec());
    if let Ok(reader) = FrameReader::open(&source) {
        check_frames(reader, bytes);
    }
    if let Ok(history) = History::read(Box::new(source)) {
        check_history(&history, bytes.len() as u64);
    }
}

/// What was read is written again: there is one encoding.
fn check_frames(mut reader: FrameReader<'_>, bytes: &[u8]) {
    let (mut writer, mut written) = JournalWriter::start();
    let mut frames = 0;
    let ended = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                assert_eq!((frame.at, frame.sequence), (written.len() as u64, frames));
                written.extend(writer.frame(&frame.event).expect("what was read can be written"));
                assert_eq!((frame.chain, reader.head()), (writer.head(), writer.head()));
                frames += 1;
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert_eq!(reader.frames(), frames);
    if frames > 0 {
        assert_eq!(written, bytes[..written.len()]);
        assert_eq!(reader.whole_bytes(), written.len() as u64);
    }
    let left = bytes.len() as u64 - reader.whole_bytes();
    match reader.tail() {
        Tail::Torn { bytes } => assert_eq!(bytes, left),
        Tail::Whole => assert!(left == 0 || !ended),
    }
}

/// Every step that a history counts can be read, and everything in it hangs
/// together.
fn check_history(history: &History, byte_len: u64) {
    assert!(history.whole_bytes <= byte_len);
    for step in 0..history.step_count() {
        let trace = history.step(step).expect("it was read before").expect("it counts");
        assert_eq!(trace.step, step);
        let layouts = history.layouts(step).expect("its tensors were declared");
        assert_eq!(trace.state.len(), layouts.state.tensors().len());
        assert_eq!(trace.gradient.len(), layouts.gradient.tensors().len());
        assert!(history.environment(step).is_some());
    }
    assert!(matches!(history.step(history.step_count()), Ok(None)));
    assert!(history.checkpoints.keys().all(|step| *step <= history.step_count()));
    assert_eq!(history.resumed().count() + 1, history.environments.len());
}
