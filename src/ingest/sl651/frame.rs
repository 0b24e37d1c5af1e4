//! The frame of a telegram: addresses, function, length, body, check. HEX mode begins with 7E 7E,
//! ASCII mode with 01 and writes every field in hexadecimal characters.

use super::super::octets::{Octets, at_offset, hex, number, word};
use crate::model::{Fault, Rejection};
use serde::Serialize;

/// Longest telegram in bytes: ASCII mode, 4,095 characters of body.
pub const TELEGRAM_BYTES_MAX: usize = 4_095 + 64;
/// Start of HEX mode.
const HEX_START: [u8; 2] = [0x7E, 0x7E];
/// Start of ASCII mode.
const ASCII_START: u8 = 0x01;
/// Body begins, one packet.
const STX: u8 = 0x02;
/// Body begins, one of several packets.
const SYN: u8 = 0x16;
/// Ends that are allowed upwards, and downwards.
const ENDS_UP: [u8; 2] = [0x03, 0x17];
const ENDS_DOWN: [u8; 5] = [0x05, 0x04, 0x06, 0x15, 0x1B];

/// In which characters a telegram is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Bytes and packed decimals.
    Hex,
    /// Characters.
    Ascii,
}

/// Which packet of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Packet {
    /// How many there are, 1 to 4,095.
    pub total: u16,
    /// Which this is, from 1.
    pub number: u16,
}

/// A telegram whose check is right, its body not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its characters.
    pub mode: Mode,
    /// From the station to the centre.
    pub upward: bool,
    /// Address of the centre.
    pub centre: u8,
    /// Address of the station: five bytes.
    pub station: [u8; 5],
    /// Its password.
    pub password: u16,
    /// Function code.
    pub function: u8,
    /// Which packet, when there are several.
    pub packet: Option<Packet>,
    /// The body, without packet numbers.
    pub body: Vec<u8>,
    /// Offset of the body in the telegram.
    pub body_at: usize,
    /// The character that ends the body.
    pub end: u8,
    /// Oddities of the frame.
    pub oddities: Vec<Fault>,
}

impl Frame {
    /// The station's address as ten characters.
    #[must_use]
    pub fn address(&self) -> String {
        hex(&self.station)
    }
}

/// CRC-16 of the standard (§6.2.3.8): reflected 8005, start FFFF, sent high byte first.
pub(super) fn check_of(bytes: &[u8]) -> u16 {
    crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(bytes)
}

/// How many bytes the telegram has that `bytes` begin with; `None` = too few are here to tell.
/// Zero = no telegram begins here.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [] | [0x7E] => None,
        [0x7E, 0x7E, rest @ ..] => {
            let length = rest.get(9..11)?;
            Some(17 + usize::from(word(length) & 0x0FFF))
        }
        [ASCII_START, rest @ ..] => {
            let length = rest.get(18..22)?;
            Some(ascii_word(length).map_or(0, |length| 29 + usize::from(length & 0x0FFF)))
        }
        [_, ..] => Some(0),
    }
}

/// Hexadecimal characters as a number.
pub(super) fn ascii_word(text: &[u8]) -> Option<u16> {
    let text = core::str::from_utf8(text).ok()?;
    let good = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { u16::from_str_radix(text, 16).ok() } else { None }
}

/// Fields of the head as bytes, whatever the mode writes.
struct Head<'a> {
    octets: Octets<'a>,
    mode: Mode,
    faults: Vec<Fault>,
}

impl Head<'_> {
    /// A field of `n` bytes.
    fn field(&mut self, n: usize, name: &str) -> Option<Vec<u8>> {
        let at = self.octets.at();
        if self.mode == Mode::Hex {
            return self.octets.take(n).map(<[u8]>::to_vec);
        }
        let text = self.octets.take(n * 2)?;
        let bytes = text.chunks(2).map(|pair| ascii_word(pair).and_then(|n| u8::try_from(n).ok()));
        let bytes: Option<Vec<u8>> = bytes.collect();
        if bytes.is_none() {
            let got = String::from_utf8_lossy(text).into_owned();
            let what = format!("{name}: expected {} hexadecimal characters, got {got:?}", n * 2);
            self.faults.push(at_offset(at, what));
        }
        Some(bytes.unwrap_or_else(|| vec![0; n]))
    }
}

/// Reads the frame of one telegram that `bytes` hold, no more and no less.
///
/// # Errors
/// Every fault, each with its offset.
pub fn frame(bytes: &[u8]) -> Result<Frame, Rejection> {
    let mut faults = Vec::new();
    let read = parts(bytes, &mut faults);
    match read {
        Some(frame) if faults.is_empty() => Ok(frame),
        Some(_) | None => Err(Rejection { faults, too_large: bytes.len() > TELEGRAM_BYTES_MAX }),
    }
}

fn parts(bytes: &[u8], faults: &mut Vec<Fault>) -> Option<Frame> {
    let mode = if bytes.starts_with(&HEX_START) {
        Mode::Hex
    } else if bytes.first() == Some(&ASCII_START) {
        Mode::Ascii
    } else {
        let got = hex(bytes.get(..2).unwrap_or(bytes));
        faults.push(at_offset(0, format!("expected the start 7E 7E or 01, got {got:?}")));
        return None;
    };
    let told = length(bytes);
    if let Some(told) = told.filter(|told| *told > 0 && *told != bytes.len()) {
        let what = format!("expected {told} bytes as the length says, got {}", bytes.len());
        faults.push(at_offset(bytes.len().min(told), what));
    }
    if bytes.len() > TELEGRAM_BYTES_MAX {
        let what = format!("expected at most {TELEGRAM_BYTES_MAX} bytes, got {}", bytes.len());
        faults.push(at_offset(TELEGRAM_BYTES_MAX, what));
        return None;
    }
    let start = if mode == Mode::Hex { 2 } else { 1 };
    let octets = Octets::new(bytes.get(start..).unwrap_or_default(), start);
    let mut head = Head { octets, mode, faults: Vec::new() };
    let frame = whole(&mut head);
    faults.append(&mut head.faults);
    if frame.is_none() && faults.is_empty() {
        let what = format!("the telegram ends too early, after {} bytes", bytes.len());
        faults.push(at_offset(bytes.len(), what));
    }
    check(bytes, mode, faults);
    frame
}

fn whole(head: &mut Head<'_>) -> Option<Frame> {
    let first = head.field(6, "address")?;
    let password = head.field(2, "password")?;
    let function = *head.field(1, "function")?.first()?;
    let length_at = head.octets.at();
    let length = word(&head.field(2, "length")?);
    let upward = match length >> 12 {
        0 => true,
        8 => false,
        other => {
            let what = format!("direction: expected 0 (up) or 8 (down), got {other:X}");
            head.faults.push(at_offset(length_at, what));
            true
        }
    };
    let mut left = usize::from(length & 0x0FFF);
    let begin_at = head.octets.at();
    let packet = match head.octets.byte()? {
        STX => None,
        SYN => {
            let three = head.field(3, "packets")?;
            left = left.checked_sub(if head.mode == Mode::Hex { 3 } else { 6 })?;
            packet(number(&three), begin_at + 1, &mut head.faults)
        }
        other => {
            let what = format!("expected 02 or 16 before the body, got {other:02X}");
            head.faults.push(at_offset(begin_at, what));
            None
        }
    };
    let body_at = head.octets.at();
    let body = head.octets.take(left)?.to_vec();
    let end_at = head.octets.at();
    let end = head.octets.byte()?;
    let ends: &[u8] = if upward { &ENDS_UP } else { &ENDS_DOWN };
    let mut oddities = Vec::new();
    if !ends.contains(&end) {
        let what = format!("expected one of {} as the end of the body, got {end:02X}", hex(ends));
        // A maker may end it otherwise; what is no control character is a shifted telegram.
        let list = if end < 0x20 { &mut oddities } else { &mut head.faults };
        list.push(at_offset(end_at, what));
    }
    let (centre, station) = if upward { first.split_at(1) } else { first.split_at(5) };
    let (centre, station) = if upward { (centre, station) } else { (station, centre) };
    Some(Frame {
        mode: head.mode,
        upward,
        centre: *centre.first()?,
        station: station.try_into().ok()?,
        password: word(&password),
        function,
        packet,
        body,
        body_at,
        end,
        oddities,
    })
}

fn packet(three: u32, at: usize, faults: &mut Vec<Fault>) -> Option<Packet> {
    let twelve = |bits: u32| u16::try_from(bits & 0x0FFF).unwrap_or_default();
    let (total, number) = (twelve(three >> 12), twelve(three));
    if total == 0 || number == 0 || number > total {
        let what = format!("expected a packet of 1 to its total, got {number} of {total}");
        faults.push(at_offset(at, what));
        return None;
    }
    Some(Packet { total, number })
}

/// The check at the end.
fn check(bytes: &[u8], mode: Mode, faults: &mut Vec<Fault>) {
    let n = if mode == Mode::Hex { 2 } else { 4 };
    let Some((before, last)) = bytes.len().checked_sub(n).and_then(|at| bytes.split_at_checked(at))
    else {
        return;
    };
    let got = if mode == Mode::Hex { Some(word(last)) } else { ascii_word(last) };
    let expected = check_of(before);
    if got != Some(expected) {
        let got = if mode == Mode::Hex { hex(last) } else { String::from_utf8_lossy(last).into() };
        let what = format!("check: expected {expected:04X}, got {got}");
        faults.push(at_offset(before.len(), what));
    }
}
