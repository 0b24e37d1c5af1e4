//! What annex D asks of a terminal, and what a terminal answers.

use super::bytes::{Reader, Writer, text};
use super::ebm::EbmId;
use super::packet::PacketFault;
use crate::model::NationalCode;

/// Kinds of annex D.
pub mod kind {
    /// Start a broadcast.
    pub const START: u8 = 0x01;
    /// Stop one.
    pub const STOP: u8 = 0x02;
    /// A terminal is there.
    pub const HEARTBEAT: u8 = 0x10;
    /// Ask for parameters.
    pub const QUERY: u8 = 0x11;
    /// Set parameters.
    pub const SET: u8 = 0x12;
    /// Certificates.
    pub const CERTIFICATES: u8 = 0x17;
}

/// Result of an answer that is content.
pub const OK: u8 = 0;
/// Characters of a text that are kept.
const TEXT_CHARS_MAX: usize = 64;
/// Volume that leaves the terminal's own.
const VOLUME_SAME: u8 = 0xFF;

/// For what a broadcast is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Drill of the platforms alone.
    SystemDrill,
    /// Drill that is not heard.
    Simulated,
    /// Drill that is heard.
    RealDrill,
    /// Emergency.
    Emergency,
    /// Daily programme.
    Daily,
}

const CLASSES: [(u8, Class); 5] = [
    (1, Class::SystemDrill),
    (2, Class::Simulated),
    (3, Class::RealDrill),
    (4, Class::Emergency),
    (5, Class::Daily),
];

/// Audio that goes with a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auxiliary {
    /// 2 = mp3 file, 61 = stream.
    pub kind: u8,
    /// Its address.
    pub data: Vec<u8>,
}

/// 01: start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its name on the wire.
    pub ebm: EbmId,
    /// For what it is.
    pub class: Class,
    /// 1 red to 4 blue.
    pub level: u8,
    /// Five characters.
    pub event: [u8; 5],
    /// 1 to 100 percent; `None` = the terminal's own.
    pub volume_percent: Option<u8>,
    /// Sounds from, seconds since 1970 UTC.
    pub start_s: u32,
    /// Sounds until.
    pub end_s: u32,
    /// What is played, one after the other.
    pub audio: Vec<Auxiliary>,
}

/// How a terminal says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// What it does.
    pub state: State,
    /// Whether it registers for the first time since it was switched on.
    pub is_first: bool,
    /// Number from its maker.
    pub physical_id: Vec<u8>,
}

/// What a terminal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Idle,
    /// It plays.
    Working,
    /// It is broken.
    Fault,
}

/// A parameter to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// 01: volume, percent.
    Volume(u8),
    /// 06: clock, seconds since 1970 UTC.
    Clock(u32),
    /// 07: how often it returns, seconds.
    ReturnEvery(u32),
}

/// A body of annex D.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Start.
    Start(Start),
    /// Stop.
    Stop(EbmId),
    /// Heartbeat.
    Heartbeat(Heartbeat),
    /// Ask for these parameters.
    Query(Vec<u8>),
    /// Set these.
    Set(Vec<Setting>),
    /// The answer to a request of that kind.
    Answer {
        /// Kind of the request.
        to: u8,
        /// 0 or an error code.
        result: u8,
        /// Words for people.
        text: String,
    },
    /// A kind that is not read: its number.
    Other(u8),
}

impl Control {
    /// Kind and body.
    #[must_use]
    pub fn encode(&self) -> (u8, Vec<u8>) {
        let mut out = Writer::default();
        let kind = match self {
            Self::Start(start) => {
                start.write(&mut out);
                kind::START
            }
            Self::Stop(ebm) => {
                out.all(&ebm.bcd());
                kind::STOP
            }
            Self::Heartbeat(beat) => {
                beat.write(&mut out);
                kind::HEARTBEAT
            }
            Self::Query(parameters) => {
                out.sized_1(parameters);
                kind::QUERY
            }
            Self::Set(settings) => {
                out.u8(u8::try_from(settings.len()).unwrap_or(u8::MAX));
                settings.iter().take(255).for_each(|setting| setting.write(&mut out));
                kind::SET
            }
            Self::Answer { to, result, text } => {
                out.u8(*result);
                out.sized_2(text.as_bytes());
                *to
            }
            Self::Other(kind) => *kind,
        };
        (kind, out.into_bytes())
    }

    /// Reads a body.
    ///
    /// # Errors
    /// Which field is missing or impossible.
    pub fn decode(kind: u8, is_answer: bool, body: &[u8]) -> Result<Self, PacketFault> {
        let mut read = Reader::new(body);
        let read = &mut read;
        if is_answer {
            let result = read.u8().ok_or(PacketFault::Field("result"))?;
            // Terminals leave the text away when there is none.
            let said = read.sized_2().unwrap_or_default();
            return Ok(Self::Answer { to: kind, result, text: text(said, TEXT_CHARS_MAX) });
        }
        Ok(match kind {
            kind::START => Self::Start(Start::read(read)?),
            kind::STOP => Self::Stop(ebm(read)?),
            kind::HEARTBEAT => Self::Heartbeat(Heartbeat::read(read)?),
            kind::QUERY => {
                Self::Query(read.sized_1().ok_or(PacketFault::Field("parameters"))?.to_vec())
            }
            kind::SET => Self::Set(settings(read)?),
            other => Self::Other(other),
        })
    }
}

pub(super) fn ebm(read: &mut Reader<'_>) -> Result<EbmId, PacketFault> {
    read.array().and_then(EbmId::from_bcd).ok_or(PacketFault::Field("EBMID"))
}

impl Start {
    fn write(&self, out: &mut Writer) {
        out.all(&self.ebm.bcd());
        let class = CLASSES.iter().find(|(_, class)| *class == self.class);
        out.u8(class.map_or(4, |(number, _)| *number));
        out.u8(self.level);
        out.all(&self.event);
        out.u8(self.volume_percent.unwrap_or(VOLUME_SAME));
        out.u32(self.start_s);
        out.u32(self.end_s);
        out.u8(u8::try_from(self.audio.len()).unwrap_or(u8::MAX));
        for audio in self.audio.iter().take(255) {
            out.u8(audio.kind);
            out.sized_2(&audio.data);
        }
    }

    fn read(read: &mut Reader<'_>) -> Result<Self, PacketFault> {
        let field = PacketFault::Field;
        let ebm = ebm(read)?;
        let class = read.u8().and_then(|number| CLASSES.iter().find(|(n, _)| *n == number));
        let (_, class) = *class.ok_or(field("class"))?;
        let level = read.u8().filter(|level| (1..=4).contains(level)).ok_or(field("level"))?;
        let event = read.array().ok_or(field("event"))?;
        let volume = read.u8().filter(|volume| *volume <= 100 || *volume == VOLUME_SAME);
        let volume = volume.ok_or(field("volume"))?;
        let volume_percent = (volume != VOLUME_SAME).then_some(volume);
        let start_s = read.u32().ok_or(field("start"))?;
        let end_s = read.u32().ok_or(field("end"))?;
        let mut audio = Vec::new();
        for _ in 0..read.u8().ok_or(field("number of auxiliaries"))? {
            let kind = read.u8().ok_or(field("auxiliary"))?;
            let data = read.sized_2().ok_or(field("auxiliary"))?.to_vec();
            audio.push(Auxiliary { kind, data });
        }
        Ok(Self { ebm, class, level, event, volume_percent, start_s, end_s, audio })
    }
}

impl Heartbeat {
    fn write(&self, out: &mut Writer) {
        out.u8(match self.state {
            State::Idle => 1,
            State::Working => 2,
            State::Fault => 3,
        });
        out.u8(if self.is_first { 1 } else { 2 });
        out.sized_1(&self.physical_id);
    }

    pub(super) fn read(read: &mut Reader<'_>) -> Result<Self, PacketFault> {
        let state = match read.u8() {
            Some(1) => State::Idle,
            Some(2) => State::Working,
            Some(3) => State::Fault,
            _ => return Err(PacketFault::Field("state")),
        };
        // A heartbeat cut off after its state is a heartbeat all the same.
        let is_first = read.u8() == Some(1);
        let physical_id = read.sized_1().unwrap_or_default().to_vec();
        Ok(Self { state, is_first, physical_id })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.into_bytes()
    }
}

impl Setting {
    fn write(self, out: &mut Writer) {
        let (id, value) = match self {
            Self::Volume(percent) => (1, vec![percent]),
            Self::Clock(at_s) => (6, at_s.to_be_bytes().to_vec()),
            Self::ReturnEvery(period_s) => (7, period_s.to_be_bytes().to_vec()),
        };
        out.u8(id);
        out.sized_1(&value);
    }
}

/// Settings that are known here; others are passed over.
fn settings(read: &mut Reader<'_>) -> Result<Vec<Setting>, PacketFault> {
    let mut settings = Vec::new();
    for _ in 0..read.u8().ok_or(PacketFault::Field("number of settings"))? {
        let id = read.u8().ok_or(PacketFault::Field("setting"))?;
        let mut value = Reader::new(read.sized_1().ok_or(PacketFault::Field("setting"))?);
        settings.extend(match id {
            1 => value.u8().map(Setting::Volume),
            6 => value.u32().map(Setting::Clock),
            7 => value.u32().map(Setting::ReturnEvery),
            _ => None,
        });
    }
    Ok(settings)
}

/// A request of that body.
#[must_use]
pub fn request(
    source: NationalCode,
    targets: Vec<NationalCode>,
    control: &Control,
) -> super::packet::Packet {
    let (kind, body) = control.encode();
    super::packet::Packet::request(source, targets, kind, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Start {
        let source = NationalCode::parse("44306210000000101010101").unwrap();
        Start {
            ebm: EbmId::new(source, *b"20260712", 42).unwrap(),
            class: Class::Emergency,
            level: 1,
            event: *b"11111",
            volume_percent: None,
            start_s: 0x6A00_0000,
            end_s: 0x6A00_0E10,
            audio: vec![Auxiliary { kind: 2, data: b"http://a/b".to_vec() }],
        }
    }

    fn golden(control: &Control, is_answer: bool, kind: u8, expect: &str) {
        let (found, body) = control.encode();
        let text: String = body.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!((found, text), (kind, expect.replace([' ', '\n'], "")));
        assert_eq!(Control::decode(kind, is_answer, &body).as_ref(), Ok(control));
        // No prefix of it panics; what is optional at the end may be absent.
        for end in 0..body.len() {
            let _read = Control::decode(kind, is_answer, &body[..end]);
        }
    }

    #[test]
    fn bodies_have_these_bytes() {
        golden(
            &Control::Start(start()),
            false,
            1,
            "F44306210000000101010101 202607120042 04 01 3131313131 FF 6A000000 6A000E10
             01 02 000A 687474703A2F2F612F62",
        );
        golden(&Control::Stop(start().ebm), false, 2, "F44306210000000101010101 202607120042");
        let physical_id = vec![0x12, 0x34];
        let beat = Heartbeat { state: State::Working, is_first: true, physical_id };
        golden(&Control::Heartbeat(beat), false, 0x10, "02 01 02 1234");
        golden(&Control::Query(vec![1, 6]), false, 0x11, "02 01 06");
        let settings = vec![Setting::Volume(70), Setting::Clock(1), Setting::ReturnEvery(60)];
        golden(&Control::Set(settings), false, 0x12, "03 010146 060400000001 07040000003C");
        let answer = Control::Answer { to: 1, result: 73, text: "占线".into() };
        golden(&answer, true, 1, "49 0006 E58DA0E7BABF");
    }

    #[test]
    fn readers_are_tolerant_where_terminals_are_sloppy() {
        let gbk = [73, 0, 4, 0xD5, 0xBC, 0xCF, 0xDF];
        let answer = Control::decode(1, true, &gbk).unwrap();
        assert_eq!(answer, Control::Answer { to: 1, result: 73, text: "占线".into() });
        let short = Control::decode(1, true, &[0]).unwrap();
        assert_eq!(short, Control::Answer { to: 1, result: 0, text: String::new() });
        assert!(matches!(Control::decode(0x10, false, &[1]), Ok(Control::Heartbeat(_))));
        assert_eq!(Control::decode(0x99, false, &[1]), Ok(Control::Other(0x99)));
        assert!(Control::decode(0x10, false, &[9]).is_err());
    }
}
