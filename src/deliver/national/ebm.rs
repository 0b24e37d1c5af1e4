//! Names of broadcasts on the wire (EBMID, GD/J 080): 35 digits, of which a day has 9,999.

use crate::model::{BroadcastId, NationalCode};
use core::fmt;
use std::collections::BTreeMap;

/// Beijing is ahead of UTC, milliseconds: dates in names are local.
const BEIJING_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// Names of one day, 1 to this; 0 would mean that a terminal may leave it.
const DAILY_MAX: u16 = 9_999;
/// Broadcasts whose names are remembered; the oldest goes.
const NAMED_MAX: usize = 20_000;

/// One name, as it goes on the wire: one nibble `F`, then 35 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EbmId([u8; 18]);

impl EbmId {
    /// The name number `sequence` (0 to 9,999) of a platform's day, the day as `20260712`; `None`
    /// when the day is none.
    #[must_use]
    pub fn new(platform: NationalCode, day: [u8; 8], sequence: u16) -> Option<Self> {
        let mut bytes = [0; 18];
        let rest = day.iter().map(|digit| digit.wrapping_sub(b'0'));
        let places =
            [1_000, 100, 10, 1].map(|place| u8::try_from(sequence / place % 10).unwrap_or(0));
        let nibbles: Vec<u8> = rest.chain(places).collect();
        let (code, tail) = bytes.split_at_mut(12);
        code.copy_from_slice(&platform.bcd());
        for (byte, pair) in tail.iter_mut().zip(nibbles.chunks(2)) {
            *byte = pair.iter().fold(0, |byte, nibble| byte << 4 | nibble & 15);
        }
        Self::from_bcd(bytes).filter(|_| nibbles.iter().all(|nibble| *nibble <= 9))
    }

    /// From the wire; `None` when a nibble is no digit or the padding is not `F`.
    #[must_use]
    pub fn from_bcd(bytes: [u8; 18]) -> Option<Self> {
        let [first, rest @ ..] = bytes;
        let digits = rest.iter().all(|byte| byte >> 4 <= 9 && byte & 15 <= 9);
        (first >> 4 == 15 && first & 15 <= 9 && digits).then_some(Self(bytes))
    }

    /// As it goes on the wire.
    #[must_use]
    pub fn bcd(self) -> [u8; 18] {
        self.0
    }
}

impl fmt::Debug for EbmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// Which name means which broadcast. A name follows from the broadcast's own number, in steps of
/// 8.64 s; of two within one step the later asked takes the next free. So a gateway that was started
/// again finds the same names, but where two broadcasts within one step are sent again in another
/// order: then each is started anew, under the other's name.
#[derive(Debug)]
pub(super) struct Names {
    platform: NationalCode,
    by_name: BTreeMap<EbmId, BroadcastId>,
    by_broadcast: BTreeMap<BroadcastId, EbmId>,
}

impl Names {
    /// Names of this platform.
    #[must_use]
    pub(super) fn new(platform: NationalCode) -> Self {
        Self { platform, by_name: BTreeMap::new(), by_broadcast: BTreeMap::new() }
    }

    /// The broadcast of that name.
    #[must_use]
    pub(super) fn broadcast(&self, name: EbmId) -> Option<BroadcastId> {
        self.by_name.get(&name).copied()
    }

    /// The name of a broadcast; `None` when all of its day are taken.
    pub(super) fn name(&mut self, broadcast: BroadcastId) -> Option<EbmId> {
        if let Some(name) = self.by_broadcast.get(&broadcast) {
            return Some(*name);
        }
        let local_ms = i64::try_from(broadcast.0).ok()?.checked_add(BEIJING_MS)?;
        let day = day_of(local_ms.div_euclid(DAY_MS))?;
        let slot_ms = DAY_MS / i64::from(DAILY_MAX) + 1;
        let first = u16::try_from(local_ms.rem_euclid(DAY_MS) / slot_ms).ok()?;
        let free = (0..DAILY_MAX).find_map(|step| {
            let sequence = (first + step) % DAILY_MAX + 1;
            let name = EbmId::new(self.platform, day, sequence)?;
            (!self.by_name.contains_key(&name)).then_some(name)
        })?;
        if self.by_broadcast.len() >= NAMED_MAX
            && let Some((_, oldest)) = self.by_broadcast.pop_first()
        {
            self.by_name.remove(&oldest);
        }
        self.by_name.insert(free, broadcast);
        self.by_broadcast.insert(broadcast, free);
        Some(free)
    }
}

/// Day number since 1970 as `20260712`, by the proleptic Gregorian calendar (years 1970 to 9999).
fn day_of(days: i64) -> Option<[u8; 8]> {
    let at = jiff::Timestamp::from_millisecond(days.checked_mul(DAY_MS)?).ok()?;
    let date = jiff::tz::Offset::UTC.to_datetime(at).date();
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()).into_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_numbers_and_never_mean_two() {
        let platform = NationalCode::parse("44306210000000101010101").unwrap();
        let mut names = Names::new(platform);
        // 2026-07-12 00:00:00 in Beijing.
        let midnight = 1_783_785_600_000_u64;
        let mut check = |ms: u64, expect: &str| {
            let name = names.name(BroadcastId(midnight + ms)).unwrap();
            assert_eq!(format!("{name:?}"), format!("F44306210000000101010101{expect}"));
            assert_eq!(names.broadcast(name), Some(BroadcastId(midnight + ms)));
            assert_eq!(names.name(BroadcastId(midnight + ms)), Some(name));
        };
        check(0, "202607120001");
        check(1, "202607120002");
        check(86_399_999, "202607129999");
        check(86_400_000, "202607130001");
        check(86_399_998, "202607120003");
    }
}
