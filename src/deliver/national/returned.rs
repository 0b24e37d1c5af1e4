//! What terminals return by annex E.

use super::bytes::{Reader, Writer, text};
use super::control::{Heartbeat, ebm};
use super::ebm::EbmId;
use super::packet::PacketFault;

/// Kinds of annex E.
pub mod kind {
    /// A terminal is there.
    pub const HEARTBEAT: u8 = 0x10;
    /// Parameters that were asked for.
    pub const ANSWER: u8 = 0x11;
    /// Something broke or is well again.
    pub const FAULT: u8 = 0x13;
    /// Another programme began or ended.
    pub const SWITCH: u8 = 0x14;
    /// A broadcast was played, or was not.
    pub const RESULT: u8 = 0x15;
    /// What was played.
    pub const LOG: u8 = 0x16;
}

/// Ids of parameters that are asked for.
pub mod parameter {
    /// Volume, percent.
    pub const VOLUME: u8 = 1;
    /// 1 idle, 2 working, 3 fault.
    pub const STATE: u8 = 6;
    /// Fault code.
    pub const FAULT: u8 = 7;
    /// Version of its software.
    pub const SOFTWARE: u8 = 10;
}

/// Length of the text of a fault.
const FAULT_TEXT_BYTES: usize = 255;
/// Characters of a text that are kept.
const TEXT_CHARS_MAX: usize = 64;

/// How a broadcast ended at a terminal, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// It could not play it.
    Failed,
    /// It played it.
    Well,
    /// It plays it still; some makers' terminals say so.
    Still,
}

/// A body of annex E.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// 10.
    Heartbeat(Heartbeat),
    /// 11: values by id.
    Answer {
        /// 0 ok, 13 bad request, 60 terminal error.
        result: u8,
        /// Id and value.
        values: Vec<(u8, Vec<u8>)>,
    },
    /// 13.
    Fault {
        /// Whether it is there; else it is cleared.
        is_there: bool,
        /// 1 supply current low, 2 mean power low, 3 amplifier output low, 4 field strength low, 5
        /// no monitoring data.
        kind: u8,
        /// Words for people.
        text: String,
        /// When, seconds since 1970 UTC.
        at_s: u32,
    },
    /// 14.
    Switch {
        /// Whether a programme begins; else it ends.
        begins: bool,
        /// 1 emergency, 2 daily, 3 phone, 4 SMS, 5 mixer, 6 USB.
        source: u8,
        /// Which.
        ebm: EbmId,
        /// When.
        at_s: u32,
    },
    /// 15.
    Result {
        /// Which.
        ebm: EbmId,
        /// How it ended.
        played: Played,
        /// Words for people.
        text: String,
        /// When it began, when it ended.
        from_s: u32,
        /// When it ended.
        until_s: u32,
        /// How often it was played.
        plays: u8,
        /// When this was said.
        at_s: u32,
    },
    /// A kind that is not read, such as 16, the play log: its number.
    Other(u8),
}

impl Returned {
    /// Kind and body.
    #[must_use]
    pub fn encode(&self) -> (u8, Vec<u8>) {
        let mut out = Writer::default();
        let kind = match self {
            Self::Heartbeat(beat) => {
                out.all(&beat.bytes());
                kind::HEARTBEAT
            }
            Self::Answer { result, values } => {
                out.u8(*result);
                out.sized_2(&[]);
                out.u8(u8::try_from(values.len()).unwrap_or(u8::MAX));
                for (id, value) in values.iter().take(255) {
                    out.u8(*id);
                    out.sized_1(value);
                }
                kind::ANSWER
            }
            Self::Fault { is_there, kind, text, at_s } => {
                out.u8(if *is_there { 1 } else { 2 });
                out.u8(*kind);
                let mut padded = text.as_bytes().to_vec();
                padded.resize(FAULT_TEXT_BYTES, 0);
                out.all(&padded);
                out.u32(*at_s);
                kind::FAULT
            }
            Self::Switch { begins, source, ebm, at_s } => {
                out.u8(if *begins { 1 } else { 2 });
                out.u8(*source);
                out.all(&ebm.bcd());
                out.u32(*at_s);
                kind::SWITCH
            }
            Self::Result { ebm, played, text, from_s, until_s, plays, at_s } => {
                out.all(&ebm.bcd());
                out.u8(match played {
                    Played::Failed => 0,
                    Played::Well => 1,
                    Played::Still => 2,
                });
                out.sized_2(text.as_bytes());
                out.u32(*from_s);
                out.u32(*until_s);
                out.u8(*plays);
                out.u32(*at_s);
                kind::RESULT
            }
            Self::Other(kind) => *kind,
        };
        (kind, out.into_bytes())
    }

    /// Reads a body.
    ///
    /// # Errors
    /// Which field is missing or impossible.
    pub fn decode(kind: u8, body: &[u8]) -> Result<Self, PacketFault> {
        let mut read = Reader::new(body);
        let read = &mut read;
        match kind {
            kind::HEARTBEAT => Heartbeat::read(read).map(Self::Heartbeat),
            kind::ANSWER => answer(read),
            kind::FAULT => fault(read),
            kind::SWITCH => switch(read),
            kind::RESULT => result(read),
            other => Ok(Self::Other(other)),
        }
    }
}

const fn field(name: &'static str) -> PacketFault {
    PacketFault::Field(name)
}

/// 1 = yes, 2 = no.
fn flag(read: &mut Reader<'_>) -> Result<bool, PacketFault> {
    match read.u8() {
        Some(1) => Ok(true),
        Some(2) => Ok(false),
        _ => Err(field("flag")),
    }
}

fn answer(read: &mut Reader<'_>) -> Result<Returned, PacketFault> {
    let result = read.u8().ok_or(field("result"))?;
    read.sized_2().ok_or(field("text"))?;
    let mut values = Vec::new();
    for _ in 0..read.u8().unwrap_or(0) {
        let id = read.u8().ok_or(field("parameter"))?;
        values.push((id, read.sized_1().ok_or(field("parameter"))?.to_vec()));
    }
    Ok(Returned::Answer { result, values })
}

fn fault(read: &mut Reader<'_>) -> Result<Returned, PacketFault> {
    let is_there = flag(read)?;
    let kind = read.u8().ok_or(field("kind of fault"))?;
    // The annex says 255 bytes; some send as many as there are, with their number before.
    let rest = read.rest();
    let n_text = rest.len().checked_sub(4).ok_or(field("time"))?;
    let (words, time) = rest.split_at_checked(n_text).ok_or(field("time"))?;
    let words = if n_text == FAULT_TEXT_BYTES { words } else { words.get(1..).unwrap_or_default() };
    let at_s = Reader::new(time).u32().ok_or(field("time"))?;
    Ok(Returned::Fault { is_there, kind, text: text(words, TEXT_CHARS_MAX), at_s })
}

fn switch(read: &mut Reader<'_>) -> Result<Returned, PacketFault> {
    let begins = flag(read)?;
    let source = read.u8().ok_or(field("source"))?;
    let ebm = ebm(read)?;
    Ok(Returned::Switch { begins, source, ebm, at_s: read.u32().ok_or(field("time"))? })
}

fn result(read: &mut Reader<'_>) -> Result<Returned, PacketFault> {
    let ebm = ebm(read)?;
    let played = match read.u8() {
        Some(0) => Played::Failed,
        Some(1) => Played::Well,
        Some(2) => Played::Still,
        _ => return Err(field("result")),
    };
    let said = read.sized_2().ok_or(field("text"))?;
    let from_s = read.u32().ok_or(field("start"))?;
    let until_s = read.u32().ok_or(field("end"))?;
    let plays = read.u8().ok_or(field("number of plays"))?;
    let at_s = read.u32().ok_or(field("time"))?;
    let text = text(said, TEXT_CHARS_MAX);
    Ok(Returned::Result { ebm, played, text, from_s, until_s, plays, at_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::national::control::State;

    const NAME: &str = "F44306210000000101010101202607120042";

    fn name() -> EbmId {
        let source = crate::model::NationalCode::parse("44306210000000101010101").unwrap();
        EbmId::new(source, *b"20260712", 42).unwrap()
    }

    fn golden(returned: &Returned, kind: u8, expect: &str) {
        let (found, body) = returned.encode();
        let text: String = body.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!((found, text), (kind, expect.replace([' ', '\n'], "")));
        assert_eq!(Returned::decode(kind, &body).as_ref(), Ok(returned));
        for end in 0..body.len() {
            let _read = Returned::decode(kind, &body[..end]);
        }
    }

    #[test]
    fn bodies_have_these_bytes() {
        let beat = Heartbeat { state: State::Idle, is_first: false, physical_id: vec![0x56] };
        golden(&Returned::Heartbeat(beat), 0x10, "01 02 01 56");
        let values = vec![(1, vec![80]), (6, vec![1])];
        golden(&Returned::Answer { result: 0, values }, 0x11, "00 0000 02 010150 060101");
        let (begins, source, at_s) = (true, 1, 0x6A00_0001);
        let switch = Returned::Switch { begins, source, ebm: name(), at_s };
        golden(&switch, 0x14, &format!("01 01 {NAME} 6A000001"));
        let result = Returned::Result {
            ebm: name(),
            played: Played::Well,
            text: "ok".into(),
            from_s: 0x6A00_0001,
            until_s: 0x6A00_0010,
            plays: 3,
            at_s: 0x6A00_0011,
        };
        golden(&result, 0x15, &format!("{NAME} 01 0002 6F6B 6A000001 6A000010 03 6A000011"));
        let fault = Returned::Fault { is_there: true, kind: 3, text: "ab".into(), at_s: 5 };
        golden(&fault, 0x13, &format!("01 03 6162{} 00000005", "00".repeat(253)));
        let short = Returned::decode(0x13, &[1, 3, 2, b'a', b'b', 0, 0, 0, 5]);
        assert_eq!(short.as_ref(), Ok(&fault));
        assert_eq!(Returned::decode(0x16, &[1, 2]), Ok(Returned::Other(0x16)));
    }

    #[test]
    fn no_byte_of_a_body_panics() {
        let (_, body) = golden_result().encode();
        for at in 0..body.len() {
            for value in [0, 1, 2, 9, 0x7F, 0xFF] {
                let mut bad = body.clone();
                bad[at] = value;
                for kind in 0x0F..=0x17 {
                    let _read = Returned::decode(kind, &bad);
                }
            }
        }
    }

    fn golden_result() -> Returned {
        let (text, played) = ("字".to_owned(), Played::Failed);
        Returned::Result { ebm: name(), played, text, from_s: 1, until_s: 2, plays: 0, at_s: 3 }
    }
}
