//! Bytes of telegrams, read from the front, each place known by its offset.

use crate::model::{Fault, UtcMs};
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Bytes still to read.
#[derive(Debug, Clone)]
pub(super) struct Octets<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Octets<'a> {
    /// Reads `bytes`, whose first byte has this offset in the telegram.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }

    /// Offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `n` bytes; `None` when there are fewer, and then nothing is taken.
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        self.at += n;
        Some(taken)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// The next two bytes, high byte first.
    pub(super) fn word(&mut self) -> Option<u16> {
        Some(word(self.take(2)?))
    }

    /// All that is left.
    pub(super) fn all(&mut self) -> &'a [u8] {
        self.take(self.rest.len()).unwrap_or_default()
    }
}

/// Bytes as a number, high byte first; of more than four the last four count.
pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// Bytes as a number, high byte first; of more than two the last two count.
pub(super) fn word(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte))
}

/// Two hexadecimal digits a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Digits of packed decimals; `None` when a half byte is no digit.
pub(super) fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 9 {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| {
        let (high, low) = (byte >> 4, byte & 0x0F);
        (high <= 9 && low <= 9).then(|| sum * 100 + u64::from(high) * 10 + u64::from(low))
    })
}

/// A time of year (two digits, 2000 to 2099), month, day, hour, minute and, when given, second, in
/// Beijing time.
pub(super) fn beijing(parts: &[u64]) -> Option<UtcMs> {
    let part = |at: usize| parts.get(at).and_then(|part| i8::try_from(*part).ok());
    let year = i16::from(part(0)?) + 2_000;
    let second = if parts.len() > 5 { part(5)? } else { 0 };
    let local = DateTime::new(year, part(1)?, part(2)?, part(3)?, part(4)?, second, 0).ok()?;
    let at = Offset::constant(8).to_timestamp(local).ok()?;
    Some(UtcMs(at.as_millisecond()))
}

/// The same of packed decimals, one byte a part.
pub(super) fn bcd_time(bytes: &[u8]) -> Option<UtcMs> {
    let parts: Option<Vec<u64>> = bytes.iter().map(|byte| digits(&[*byte])).collect();
    beijing(&parts?)
}

/// A fault or an oddity at an offset.
pub(super) fn at_offset(at: usize, what: impl Into<String>) -> Fault {
    Fault { line: None, element: format!("offset {at}"), what: what.into() }
}
