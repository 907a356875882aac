//! Moments as a person reads them.

const DAY_SECONDS: u64 = 86_400;
/// The last second of the year 9999; later ones are not written as dates.
const SECONDS_MAX: u64 = 253_402_300_799;

/// Writes a moment, in seconds since 1970, as `2026-11-23 04:05 UTC`.
pub fn date(unix_seconds: u64) -> String {
    if unix_seconds > SECONDS_MAX {
        return format!("second {unix_seconds} of Unix time");
    }
    let (year, month, day) = civil(unix_seconds / DAY_SECONDS);
    let minutes = unix_seconds % DAY_SECONDS / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Returns year, month and day. Years are counted from March, so that the leap
/// day is the last of its year, in eras of 400 years, which are all equally
/// long.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = day_of_era / 1460 + day_of_era / 146_096;
    let year_of_era = (day_of_era + day_of_era / 36_524 - leap_days) / 365;
    let year_start = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - year_start;
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let known = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (1_795_406_700, "2026-11-23 04:05 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (SECONDS_MAX, "9999-12-31 23:59 UTC"),
        ];
        for (seconds, text) in known {
            assert_eq!(date(seconds), text);
        }
        assert_eq!(date(u64::MAX), "second 18446744073709551615 of Unix time");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(0);
        for day in 1..200_000 {
            let now = civil(day);
            assert!(now > before && now.2 <= 31 && (1..=12).contains(&now.1), "{now:?}");
            before = now;
        }
    }
}
