//! The journal beside a trace: the beginning of a recording's own, as far as 256 KiB hold it.
//!
//! It names tensors, and holds the kernels that an engine chose. It is the journal of a
//! recording (`replay-specs/README.md`, "Journal"), cut after a step: a whole prefix is a
//! valid journal, so whatever reads one reads this.

use std::fmt;

use reenact_core::digest::{Digest, Hasher};
use reenact_core::format::{
    Environment, Event, FrameReader, History, HistoryError, ReadAt, StepLayouts, StoreError,
};
use reenact_core::in_memory::MemoryFile;
use reenact_core::trainer::StepTrace;

use crate::JournalBinding;

/// Limits the journal of a class.
pub const JOURNAL_BYTES_MAX: usize = 1 << 18;

/// Holds a journal in memory.
pub struct Journal {
    bytes: Vec<u8>,
    history: History,
    steps: Vec<StepTrace>,
}

/// Says why bytes are no such journal.
#[derive(Debug, thiserror::Error)]
pub enum StoredJournalError {
    /// It is larger than any.
    #[error("it has {bytes} bytes; at most {JOURNAL_BYTES_MAX} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is no journal.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It ends elsewhere than after a step of one training.
    #[error("byte {at}: it has to end here, after a step of a training that was not resumed")]
    End {
        /// Where it has to end.
        at: u64,
    },
}

impl Journal {
    /// Keeps the beginning of a recording's journal: at most `steps` steps, and no more than
    /// [`JOURNAL_BYTES_MAX`]; none if that is less than a step.
    pub fn cut(recorded: &dyn ReadAt, steps: u64) -> Result<Option<Self>, StoredJournalError> {
        let end = end(recorded, steps)?;
        let mut bytes = vec![0; end as usize];
        recorded.read_exact_at(0, &mut bytes).map_err(unread)?;
        if end == 0 { Ok(None) } else { Self::parse(bytes).map(Some) }
    }

    /// Reads what [`Journal::cut`] keeps, and nothing else.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, StoredJournalError> {
        if bytes.len() > JOURNAL_BYTES_MAX {
            return Err(StoredJournalError::TooLarge { bytes: bytes.len() });
        }
        let file = MemoryFile::new(bytes.clone());
        let at = end(&file, u64::MAX)?;
        let history = History::read(Box::new(file))?;
        if at == 0 || at != bytes.len() as u64 {
            return Err(StoredJournalError::End { at });
        }
        let steps = (0..history.step_count()).map_while(|step| history.step(step).transpose());
        let steps = steps.collect::<Result<_, _>>().map_err(HistoryError::Journal)?;
        Ok(Self { bytes, history, steps })
    }

    /// Returns the bytes to be stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what a trace binds it by.
    pub fn binding(&self) -> JournalBinding {
        let digest = Hasher::new("reenact v1 gate journal").bytes(&self.bytes).finish();
        JournalBinding { digest, steps: self.steps.len() as u64 }
    }

    /// Returns the digest of the spec.
    pub fn spec(&self) -> Digest {
        self.history.spec
    }

    /// Returns what computed it.
    pub fn environment(&self) -> &Environment {
        &self.history.environments[0].1
    }

    /// Returns what was recorded, with the kernels to be pinned.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the steps, from 0 on.
    pub fn steps(&self) -> &[StepTrace] {
        &self.steps
    }

    /// Returns a step, and the tensors that its fingerprints stand for.
    pub fn step(&self, step: u64) -> Option<(&StepTrace, &StepLayouts)> {
        let trace = self.steps.get(usize::try_from(step).ok()?)?;
        Some((trace, self.history.layouts(step)?))
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("binding", &self.binding()).finish_non_exhaustive()
    }
}

fn unread(error: StoreError) -> StoredJournalError {
    HistoryError::Journal(error.into()).into()
}

/// Finds the end of the last step that is kept, at most [`JOURNAL_BYTES_MAX`]; 0 if none is.
fn end(source: &dyn ReadAt, steps: u64) -> Result<u64, HistoryError> {
    let mut reader = FrameReader::open(source)?;
    let (mut end, mut kept) = (0, 0);
    while kept < steps
        && let Some(frame) = reader.next_frame().map_err(HistoryError::Journal)?
    {
        let one_training = !matches!(
            frame.event,
            Event::RunResumed { .. } | Event::RunInterrupted { .. } | Event::RunFinished { .. }
        );
        if !one_training || reader.whole_bytes() > JOURNAL_BYTES_MAX as u64 {
            break;
        }
        if let Event::Step(_) = frame.event {
            (end, kept) = (reader.whole_bytes(), kept + 1);
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests;
