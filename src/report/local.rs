//! Times as duty staff read them: China Standard Time, which has no summer time.

use crate::model::UtcMs;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Hours from UTC.
const OFFSET_HOURS: i8 = 8;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Day number that spreadsheets give to 1970-01-01.
const EPOCH_DAY: i64 = 25_569;

/// `2026-07-01 03:12:00.000`; the bare number when no calendar reaches that far.
#[must_use]
pub fn local_time(at: UtcMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |moment| {
            let zone = TimeZone::fixed(Offset::constant(OFFSET_HOURS));
            moment.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
        },
    )
}

/// `2026-07-01 03:12`.
pub(super) fn local_minute(at: UtcMs) -> String {
    local_time(at).chars().take(16).collect()
}

/// The moment as a spreadsheet counts: days, local time.
pub(super) fn serial_day(at: UtcMs) -> f64 {
    let ms = at.0.saturating_add(i64::from(OFFSET_HOURS) * 3_600_000);
    let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let days = i32::try_from(days.saturating_add(EPOCH_DAY)).unwrap_or(i32::MAX);
    let rest = i32::try_from(rest).unwrap_or(0);
    f64::from(days) + f64::from(rest) / 86_400_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local() {
        let night = UtcMs(1_782_846_720_000);
        assert_eq!(local_time(night), "2026-07-01 03:12:00.000");
        assert_eq!(local_minute(night), "2026-07-01 03:12");
        // 46204 is 2026-07-01 in every spreadsheet; 03:12 is 192 of 1440 minutes.
        assert!((serial_day(night) - (46_204.0 + 192.0 / 1440.0)).abs() < 1e-9);
        assert_eq!(local_time(UtcMs(i64::MAX)), i64::MAX.to_string());
    }
}
