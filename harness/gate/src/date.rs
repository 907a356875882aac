//! A day of the calendar, as a lock writes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// Holds a day, written `2026-11-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// Says why a text is no day.
#[derive(Debug, thiserror::Error)]
#[error("a day of the calendar is expected, written as 2026-11-25")]
pub struct DateError;

impl Date {
    /// Returns the day of a moment, in seconds since 1970; none after the year 9999.
    pub fn of_unix(seconds: u64) -> Option<Self> {
        reenact_core::verify::date(seconds).get(..10)?.parse().ok()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = DateError;

    /// Reads exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self, DateError> {
        let fields = || {
            let (year, rest) = (text.get(..4)?, text.get(4..)?);
            let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
            Some(Self {
                year: year.parse().ok()?,
                month: month.parse().ok()?,
                day: day.parse().ok()?,
            })
        };
        let found = fields().ok_or(DateError)?;
        let there = (1..=days(found.year, found.month)).contains(&found.day);
        if there && found.to_string() == text { Ok(found) } else { Err(DateError) }
    }
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_days_that_there_are() {
        for text in ["2026-11-25", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        let wrong = ["", "2026-11-31", "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-01"];
        let spelled =
            ["2026-1-05", "2026-01-5", "+026-01-05", "2026-01-05 ", "２026-01-05", "20260105"];
        for text in wrong.iter().chain(&spelled).chain(&["2026-01-00", "2026/01/05", "2026-01--5"])
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_in_order_and_come_from_a_clock() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert!(date("2026-11-25") < date("2026-12-01") && date("2026-12-31") < date("2027-01-01"));
        assert_eq!(Date::of_unix(1_795_406_700), Some(date("2026-11-23")));
        assert_eq!(Date::of_unix(u64::MAX), None);
    }
}
