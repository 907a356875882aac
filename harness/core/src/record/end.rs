//! Ending a recording before its declared length.

use super::left::check_root;
use super::resume::{begun, commit_finished, commitment_of};
use super::{RecordError, write_commitment};
use crate::format::{Commitment, Event, History, JournalWriter, Object, Tail, WriteRun};

/// Ends a recording that nobody goes on with, at its last boundary, and commits to it. The
/// journal says so, as that is another claim than the declared length. Steps after that
/// boundary do not count any more.
///
/// # Errors
/// [`RecordError::Complete`] if the run had ended, [`RecordError::NothingToEnd`] if it has
/// reached no boundary, [`RecordError::NoCheckpoint`] if the state there is not whole.
///
/// If only the commitment was missing, it has been written with [`RecordError::Complete`]. A
/// run that has reached its declared length ends as any other.
pub fn end_early(
    store: &mut dyn WriteRun,
    declared_steps: u64,
) -> Result<(u64, Commitment), RecordError> {
    let history = begun(store)?.ok_or(RecordError::NothingToEnd)?;
    if history.finished {
        commit_finished(store, &history)?;
        return Err(RecordError::Complete);
    }
    let reached = history.checkpoints.last_key_value().filter(|(step, _)| **step > 0);
    let (&steps, &root) = reached.ok_or(RecordError::NothingToEnd)?;
    let end = if steps == declared_steps && history.step_count() == steps {
        Event::RunFinished { steps }
    } else {
        Event::RunEnded { steps }
    };
    if !history.can_end_early() && matches!(end, Event::RunEnded { .. }) {
        return Err(RecordError::CannotEnd);
    }
    check_root(store, root).map_err(RecordError::NoCheckpoint)?;
    if history.tail != Tail::Whole {
        store.cut_journal(history.whole_bytes)?;
    }
    let mut journal = JournalWriter::resume(&history);
    let frame = journal.frame(&end);
    let frame = frame.map_err(|problem| RecordError::Frame { step: steps, problem })?;
    store.append(&frame)?;
    // The journal must not lag behind a commitment that survives.
    store.sync()?;
    let commitment = commitment_of(&History::read(store.open(Object::Journal)?)?);
    write_commitment(store, &commitment)?;
    store.remove(Object::ResumePoint)?;
    store.remove(Object::ResumeState)?;
    Ok((steps, commitment))
}
