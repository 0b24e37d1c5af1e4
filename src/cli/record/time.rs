//! Times in exports, written in China Standard Time, which has no summer time and so needs no
//! table.

use crate::model::UtcMs;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// China Standard Time, UTC+8 (GB/T 7408: offset written +08:00).
fn china() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

/// Writes a moment with milliseconds, `2026-07-01T03:12:00.000+08:00`; the bare number when no
/// calendar reaches that far.
pub(super) fn local(at: UtcMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |moment| moment.to_zoned_datetime(china()).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string(),
    )
}
