//! Moments as people write them.

use std::str::FromStr;

use jiff::Timestamp;

/// How a day is written.
const DAY: &str = "2026-11-02";

/// Holds a moment: seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) u64);

impl FromStr for Moment {
    type Err = String;

    /// Reads a day, which begins at midnight UTC, or a time with its zone.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("write {DAY}, which begins in UTC, or {DAY}T13:30:00Z");
        let is_day = text.len() == DAY.len();
        let written = if is_day { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let seconds = written.parse::<Timestamp>().ok().map(Timestamp::as_second);
        seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Self).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_moments() {
        let of = |text: &str| text.parse::<Moment>().map(|moment| moment.0);
        assert_eq!(of("1970-01-02"), Ok(86_400));
        assert_eq!(of("2026-11-23"), Ok(1_795_392_000));
        assert_eq!(of("2026-11-23T04:05:00Z"), Ok(1_795_406_700));
        assert_eq!(of("2026-11-23T06:05:00+02:00"), Ok(1_795_406_700));
        let wrong = ["", "now", "2026-11-31", "1969-12-31", "2026-11-23 04:05", "23.11.2026"];
        for text in wrong.into_iter().chain(["2026-11-23T04:05:00", "1795406700", "20261123"]) {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
