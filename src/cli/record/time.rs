//! Times on the command line and in exports: read with or without an offset, written in China
//! Standard Time, which has no summer time and so needs no table.

use crate::model::UtcMs;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

/// China Standard Time, UTC+8 (GB/T 7408: offset written +08:00).
fn china() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

/// Reads `2026-07-01`, `2026-07-01T03:12`, or the same with an offset as in RFC 3339. Without an
/// offset it is China Standard Time.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse(text: &str) -> Result<UtcMs, String> {
    let civil = || {
        let at: DateTime = match text.parse::<Date>() {
            Ok(date) if text.len() <= "2026-07-01".len() => date.into(),
            _ => text.parse().ok()?,
        };
        at.to_zoned_datetime(china()).ok().map(|zoned| zoned.timestamp())
    };
    text.parse::<Timestamp>().ok().or_else(civil).map(|at| UtcMs(at.as_millisecond())).ok_or_else(
        || format!("expected a time like 2026-07-01 or 2026-07-01T03:12:00+08:00, got `{text}`"),
    )
}

/// Writes a moment with milliseconds, `2026-07-01T03:12:00.000+08:00`; the bare number when no
/// calendar reaches that far.
pub(super) fn local(at: UtcMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |moment| moment.to_zoned_datetime(china()).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string(),
    )
}
