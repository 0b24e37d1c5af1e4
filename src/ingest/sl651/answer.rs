//! What the centre answers: serial number and our time, ended by what it wants (SL 651-2014 §6.6).
//! Downwards the station's address comes before the centre's.

use super::super::octets::hex;
use super::frame::{Frame, Mode, check_of};
use crate::model::UtcMs;
use jiff::Timestamp;
use jiff::tz::Offset;

/// What the centre wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// Taken; the connection stays (ESC).
    StayOnline,
    /// Taken; the connection may end (EOT).
    Close,
    /// Not taken: send it again (NAK).
    Again,
}

impl Confirm {
    fn end(self) -> u8 {
        match self {
            Self::StayOnline => 0x1B,
            Self::Close => 0x04,
            Self::Again => 0x15,
        }
    }
}

/// The answer to a telegram. `missing` are numbers of packets to be sent again, with `Again` only.
#[must_use]
pub fn answer(to: &Frame, serial: u16, now: UtcMs, confirm: Confirm, missing: &[u16]) -> Vec<u8> {
    let mut body = serial.to_be_bytes().to_vec();
    body.extend(time(now));
    let total = to.packet.map_or(0, |packet| packet.total);
    for number in missing.iter().filter(|_| confirm == Confirm::Again) {
        let three = u32::from(total & 0x0FFF) << 12 | u32::from(number & 0x0FFF);
        body.extend(three.to_be_bytes().into_iter().skip(1));
    }
    let mut head = to.station.to_vec();
    head.push(to.centre);
    head.extend(to.password.to_be_bytes());
    head.push(to.function);
    let wide = to.mode == Mode::Ascii;
    let n = u16::try_from(body.len() * if wide { 2 } else { 1 }).unwrap_or(0x0FFF) & 0x0FFF;
    head.extend((0x8000 | n).to_be_bytes());
    let mut bytes = if wide { vec![0x01] } else { vec![0x7E, 0x7E] };
    let written = |part: &[u8]| if wide { hex(part).into_bytes() } else { part.to_vec() };
    bytes.extend(written(&head));
    bytes.push(0x02);
    bytes.extend(written(&body));
    bytes.push(confirm.end());
    let check = check_of(&bytes).to_be_bytes();
    bytes.extend(written(&check));
    bytes
}

/// Beijing time, packed decimals.
fn time(now: UtcMs) -> [u8; 6] {
    let at = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = Offset::constant(8).to_datetime(at);
    let year = local.year().rem_euclid(100);
    let packed = |part: i16| u8::try_from(part / 10 * 16 + part % 10).unwrap_or_default();
    [
        packed(year),
        packed(local.month().into()),
        packed(local.day().into()),
        packed(local.hour().into()),
        packed(local.minute().into()),
        packed(local.second().into()),
    ]
}
