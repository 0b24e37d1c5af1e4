//! What the centre says: serial number and our time, ended by what it wants (SL 651-2014 §6.6): its
//! answers, and its questions of mode M4. Downwards the station's address comes before the centre's.
//!
//! No text of the standard that we could read says how NAK lists the packets to be sent again, and
//! none of the telegrams that we have holds one. We write for each the three bytes that SYN has
//! (12 bits of the total, 12 of the number) behind the time; a station that reads them otherwise sends
//! everything again, which is taken too.

use super::super::octets::hex;
use super::frame::{Frame, Mode, check_of};
use crate::model::{StationId, UtcMs};
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
    downward(&Called::of(to), to.function, &body, confirm.end())
}

/// Function by which a station is asked for its values of now.
pub const QUERY: u8 = 0x37;
/// Ends a question.
const ENQ: u8 = 0x05;

/// How a station is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Called {
    /// In which characters.
    pub mode: Mode,
    /// Its address.
    pub station: [u8; 5],
    /// The centre it belongs to.
    pub centre: u8,
    /// Its password.
    pub password: u16,
}

impl Called {
    /// As its telegram says.
    #[must_use]
    pub fn of(frame: &Frame) -> Self {
        let Frame { mode, station, centre, password, .. } = frame;
        Self { mode: *mode, station: *station, centre: *centre, password: *password }
    }

    /// As its name in the configuration says, in HEX mode: the eight digits of a hydrological station,
    /// or the ten hexadecimal characters of another. `None` = no such name.
    #[must_use]
    pub fn new(id: &StationId, centre: u8, password: u16) -> Option<Self> {
        let text = format!("{:0>10}", id.as_str());
        let is_code = id.as_str().len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        if id.as_str().len() != 10 && !is_code {
            return None;
        }
        let pairs = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| super::frame::ascii_word(pair).and_then(|byte| u8::try_from(byte).ok()))
            .collect();
        let station = bytes?.try_into().ok()?;
        Some(Self { mode: Mode::Hex, station, centre, password })
    }

    /// Its address as ten characters.
    #[must_use]
    pub fn address(&self) -> String {
        hex(&self.station)
    }
}

/// Asks a station for its values of now (mode M4): serial number and our time, ended by ENQ, as
/// questions of other functions have it that we have seen; the answer has the same function.
#[must_use]
pub fn query(to: &Called, serial: u16, now: UtcMs) -> Vec<u8> {
    let mut body = serial.to_be_bytes().to_vec();
    body.extend(time(now));
    downward(to, QUERY, &body, ENQ)
}

fn downward(to: &Called, function: u8, body: &[u8], end: u8) -> Vec<u8> {
    let mut head = to.station.to_vec();
    head.push(to.centre);
    head.extend(to.password.to_be_bytes());
    head.push(function);
    let wide = to.mode == Mode::Ascii;
    let n = u16::try_from(body.len() * if wide { 2 } else { 1 }).unwrap_or(0x0FFF) & 0x0FFF;
    head.extend((0x8000 | n).to_be_bytes());
    let mut bytes = if wide { vec![0x01] } else { vec![0x7E, 0x7E] };
    let written = |part: &[u8]| if wide { hex(part).into_bytes() } else { part.to_vec() };
    bytes.extend(written(&head));
    bytes.push(0x02);
    bytes.extend(written(body));
    bytes.push(end);
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
