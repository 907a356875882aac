//! Dates as the reader's clock shows them.

use jiff::tz::TimeZone;
use reenact_core::verify::date;

/// Returns a date and a time with their zone. Where this machine's zone is not known, it is UTC;
/// so it is in everything that is kept.
pub(crate) fn local(unix_seconds: u64) -> String {
    shown(unix_seconds, TimeZone::system())
}

fn shown(unix_seconds: u64, zone: TimeZone) -> String {
    let second = i64::try_from(unix_seconds).ok();
    let moment = second.and_then(|second| jiff::Timestamp::from_second(second).ok());
    match moment {
        Some(moment) if zone != TimeZone::UTC && !zone.is_unknown() => {
            moment.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
        }
        _ => date(unix_seconds),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn a_date_has_the_zone_of_the_reader() {
        let zone = TimeZone::fixed(Offset::constant(2));
        assert_eq!(shown(1_700_000_000, zone), "2023-11-15 00:13 +02");
        assert_eq!(shown(1_700_000_000, TimeZone::UTC), "2023-11-14 22:13 UTC");
        assert_eq!(shown(u64::MAX, TimeZone::UTC), date(u64::MAX));
    }
}
