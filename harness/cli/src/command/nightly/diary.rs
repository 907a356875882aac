//! How far a night is, the reports of its audits, and its page.

use std::sync::Mutex;

use reenact_core::sanitize::{count, plain};
use reenact_core::verify::Report;
use reenact_night::{Diary, Outcome, Unit};

use super::folder::NightFolder;
use crate::terminal::output::{note, remark};

/// Says on standard error how far a night is, and keeps the evidence.
pub(super) struct Notebook<'a> {
    folder: &'a NightFolder,
    /// Why evidence could not be kept: said once.
    troubled: Mutex<bool>,
}

impl<'a> Notebook<'a> {
    pub(super) fn new(folder: &'a NightFolder) -> Self {
        Self { folder, troubled: Mutex::new(false) }
    }
}

impl Diary for Notebook<'_> {
    fn begins(&self, number: usize, of: usize, unit: &Unit) {
        let segments = if unit.listed.is_empty() { unit.count } else { unit.listed.len() as u64 };
        remark(format_args!(
            "{} of {of}: {}, {}: {}",
            number + 1,
            plain(&unit.run),
            count(segments, "segment"),
            unit.why.words()
        ));
    }

    fn ended(&self, night: u64, unit: usize, report: &Report) {
        if let Err(failure) = self.folder.keep(night, unit, report)
            && !std::mem::replace(
                &mut *self.troubled.lock().unwrap_or_else(|e| e.into_inner()),
                true,
            )
        {
            note(format_args!("warning: {}", failure.said()));
        }
    }

    /// A page that cannot be written changes nothing that was found.
    fn concluded(&self, outcome: &Outcome) {
        if let Err(failure) = self.folder.write(outcome) {
            note(format_args!("warning: {}", failure.said()));
        }
    }
}
