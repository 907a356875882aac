//! Whether the disk has room for what is about to be recorded.

use std::path::Path;

use reenact_core::record::Forecast;
use reenact_store::free_bytes;
use serde::Serialize;

use crate::terminal::output::{UNSURE, note, remark, styled};
use reenact_audit::Failure;

/// Says what a recording will take, and what there is.
#[derive(Serialize)]
pub(crate) struct Space {
    #[serde(flatten)]
    forecast: Forecast,
    /// Whether the tensors of later states were known, so that it is no lower bound.
    exact: bool,
    /// What the disk had left; none if that could not be told.
    free_bytes: Option<u64>,
}

impl Space {
    pub(crate) fn of(forecast: Forecast, exact: bool, out: &Path) -> Self {
        Self { forecast, exact, free_bytes: free_bytes(out) }
    }

    /// Says it, and refuses to begin what the disk cannot take to its end.
    pub(crate) fn check(&self, ignore: bool) -> Result<(), Failure> {
        let Self { forecast, exact, .. } = self;
        let Forecast { checkpoints, checkpoint_bytes, journal_bytes, total_bytes, .. } = *forecast;
        let about = if *exact { "about" } else { "at least" };
        let needed = format!(
            "{about} {}: {checkpoints} checkpoints of up to {}, and {} of journal",
            human(total_bytes),
            human(checkpoint_bytes),
            human(journal_bytes)
        );
        let Some(free) = self.free_bytes else {
            remark(format_args!("the recording will take {needed}"));
            return Ok(());
        };
        let room = format!("the disk has {} left", human(free));
        if total_bytes <= free {
            remark(format_args!("the recording will take {needed}; {room}"));
            return Ok(());
        }
        let message = format!("the disk has too little room: the recording takes {needed}; {room}");
        if ignore {
            note(format_args!("{} {message}", styled(UNSURE, "warning:")));
            return Ok(());
        }
        Err(Failure::inconclusive(message).hint(
            "make room, record into a folder on another disk, or raise `checkpoint_every`; \
             --ignore-space records all the same",
        ))
    }
}

/// Writes a number of bytes for a person.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let power = (bytes.ilog2() / 10).min(6);
    let value = bytes as f64 / (1u64 << (10 * power)) as f64;
    let digits = usize::from(value < 10.0);
    format!("{value:.digits$} {}", UNITS[power as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(total_bytes: u64, free_bytes: Option<u64>) -> Space {
        let forecast = Forecast {
            checkpoints: 3,
            checkpoint_bytes: total_bytes / 4,
            checkpoints_bytes: total_bytes,
            journal_bytes: 0,
            total_bytes,
        };
        Space { forecast, exact: true, free_bytes }
    }

    #[test]
    fn what_does_not_fit_is_refused_unless_told_otherwise() {
        assert!(space(100, Some(100)).check(false).is_ok());
        assert!(space(100, None).check(false).is_ok());
        assert!(space(1 << 40, Some(100)).check(true).is_ok());
        let refused = space(101, Some(100)).check(false).unwrap_err();
        assert!(!refused.is_usage());
        assert!(refused.message.contains("101 bytes") && refused.message.contains("100 bytes"));
        assert!(refused.hint.unwrap().contains("--ignore-space"));
    }

    #[test]
    fn bytes_are_written_for_a_person() {
        let cases = [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1 << 34, "16 GiB")];
        for (bytes, said) in cases.into_iter().chain([(u64::MAX, "16 EiB")]) {
            assert_eq!(human(bytes), said);
        }
    }
}
