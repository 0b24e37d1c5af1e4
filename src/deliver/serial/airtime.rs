//! What takes how long on a serial line: 8N1, ten bits a byte.

use mingluo_bridge::intake::chunk_count;
use mingluo_bridge::line::CHUNK_UNIT_BYTES;

/// Bits of one byte on the line: start, eight of data, stop.
const BITS_PER_BYTE: i64 = 10;
/// Bytes around a chunk's own: packet head, tag, number, length, check sum, COBS, zeros.
const CHUNK_OVERHEAD_BYTES: u32 = 18;
/// Bytes of a poll and of an answer with a report, with what goes before and after them.
const POLL_BYTES: u32 = 14 + 92;
/// From the end of a poll to the answer, and from the answer to the next poll, microseconds.
const TURNAROUND_US: i64 = 4_000;

/// How long so many bytes take, microseconds; never less than they do.
#[must_use]
pub fn bytes_us(baud: u32, bytes: usize) -> i64 {
    let bits = i64::try_from(bytes).unwrap_or(i64::MAX / 20_000_000).saturating_mul(BITS_PER_BYTE);
    bits.saturating_mul(1_000_000).div_ceil_by(i64::from(baud.max(1)))
}

/// How long a clip takes to `n_terminals` of one bus without errors, milliseconds: its chunks and a
/// poll to everyone; `None` when it has too many chunks for the line.
#[must_use]
pub fn clip_ms(baud: u32, clip_bytes: u32, units: u8, n_terminals: usize) -> Option<i64> {
    let count = u32::from(chunk_count(clip_bytes, units)?);
    let chunks = u64::from(clip_bytes) + u64::from(count) * u64::from(CHUNK_OVERHEAD_BYTES);
    let chunks_us = bytes_us(baud, usize::try_from(chunks).unwrap_or(usize::MAX));
    Some((chunks_us + polls_us(baud, n_terminals)) / 1_000)
}

/// How long polling everyone takes when each has a report, microseconds.
#[must_use]
pub fn polls_us(baud: u32, n_terminals: usize) -> i64 {
    let one = bytes_us(baud, usize::try_from(POLL_BYTES).unwrap_or(0)) + TURNAROUND_US;
    one.saturating_mul(i64::try_from(n_terminals).unwrap_or(i64::MAX))
}

/// The chunk size to use for a clip: what is configured, or as much more as a long clip needs.
#[must_use]
pub fn units_for(clip_bytes: u32, units: u8) -> Option<u8> {
    (units
        ..=u8::try_from(mingluo_bridge::line::CHUNK_BYTES_MAX / usize::from(CHUNK_UNIT_BYTES))
            .unwrap_or(u8::MAX))
        .find(|units| chunk_count(clip_bytes, *units).is_some())
}

/// Division that rounds up, for positive numbers.
trait DivCeil {
    fn div_ceil_by(self, by: i64) -> i64;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, by: i64) -> i64 {
        self / by + i64::from(self % by != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_time_is_what_a_line_takes() {
        assert_eq!(bytes_us(9_600, 960), 1_000_000);
        assert_eq!(bytes_us(115_200, 1), 87);
        // 20 s of ADPCM, bare 6.94 s: with framing and 32 polls below 1.15 times that.
        let clip = clip_ms(115_200, 80_000, 28, 32).unwrap();
        assert!((7_400..=7_986).contains(&clip), "{clip} ms");
        // A poll to everyone of a bus of 32 at 9600 within 5 s.
        assert!(polls_us(9_600, 32) < 4_000_000);
        assert_eq!(units_for(80_000, 28), Some(28));
        assert_eq!(units_for(2_640_000, 28), Some(81));
        assert_eq!(units_for(22_000_000, 28), None);
    }
}
