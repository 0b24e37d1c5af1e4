//! Packets of GD/J 089-2018: the envelope of annex D (platform to terminal, and its answers) and of
//! annex E (what terminals return). All integers big-endian; a CRC-32 over everything ends each.
//!
//! ```text
//! FEFD 0100 session:4 type:1 [D: signed:1] length:2 source:12 n:2 targets:12n kind:1 body:2+n
//!     [signed: 004A time:4 certificate:6 value:64] crc:4
//! ```

use super::bytes::{Reader, Writer};
use crate::model::NationalCode;

/// First bytes of every packet.
pub const MARK: [u8; 2] = [0xFE, 0xFD];
/// The only version.
const VERSION: [u8; 2] = [1, 0];
/// Longest packet that is read or written, bytes; a heartbeat has 61, an order with 16 targets 500.
pub const PACKET_BYTES_MAX: usize = 16 * 1_024;
/// Shortest packet: one of annex E without targets and body.
const PACKET_BYTES_MIN: usize = 32;
/// Length of a signature block: time, certificate number, value.
const SIGNATURE_BYTES: usize = 74;
/// Polynomial, start, order of bits and end as annex G says.
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_MPEG_2);

/// Which annex a packet follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Annex D: requests and their answers.
    Control,
    /// Annex E: what a terminal returns.
    Return,
}

/// Who signed, when: SM2 over SM3 (GD/J 081).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// When, seconds since 1970 UTC.
    pub at_s: u32,
    /// Number of the certificate, six bytes.
    pub certificate: [u8; 6],
    /// `r` and `s`.
    pub value: [u8; 64],
}

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Which annex it follows.
    pub form: Form,
    /// Rises with each request; an answer repeats that of its request.
    pub session: u32,
    /// Whether it answers a request (annex E: was asked for).
    pub is_answer: bool,
    /// Who sends it.
    pub source: NationalCode,
    /// For whom it is.
    pub targets: Vec<NationalCode>,
    /// What its body is about, such as 01 start, 10 heartbeat.
    pub kind: u8,
    /// The body.
    pub body: Vec<u8>,
    /// Signature, which annex E has none of.
    pub signature: Option<Signature>,
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketFault {
    /// It does not begin as packets do.
    #[error("expected FEFD first")]
    Mark,
    /// Another version.
    #[error("expected version 1.0")]
    Version,
    /// Lengths in it do not fit it.
    #[error("expected {expected} bytes, got {got}")]
    Length {
        /// What it says.
        expected: usize,
        /// What there is.
        got: usize,
    },
    /// The check at its end is wrong.
    #[error("expected CRC {expected:08X}, got {got:08X}")]
    Crc {
        /// Over the bytes.
        expected: u32,
        /// At the end.
        got: u32,
    },
    /// A field has a value that it can't have, or is cut off.
    #[error("{0} is missing or impossible")]
    Field(&'static str),
}

impl PacketFault {
    /// The protocol's own error code for it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Version => 12,
            Self::Mark | Self::Length { .. } => 13,
            Self::Crc { .. } => 15,
            Self::Field(_) => 54,
        }
    }
}

/// The check of annex G.
#[must_use]
pub fn crc(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

impl Packet {
    /// A request of annex D, not signed.
    #[must_use]
    pub fn request(
        source: NationalCode,
        targets: Vec<NationalCode>,
        kind: u8,
        body: Vec<u8>,
    ) -> Self {
        let (form, signature) = (Form::Control, None);
        Self { form, session: 0, is_answer: false, source, targets, kind, body, signature }
    }

    /// As it goes on the wire.
    ///
    /// # Errors
    /// `Length` when it is longer than [`PACKET_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, PacketFault> {
        let mut out = self.head(self.signature.is_some())?;
        if let Some(signature) = &self.signature {
            out.sized_2(&signature_bytes(signature));
        }
        let check = crc(out.bytes());
        out.u32(check);
        Ok(out.into_bytes())
    }

    /// What a signature of this packet covers: every byte before its own length, then its time and
    /// certificate number.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn signed_part(&self, at_s: u32, certificate: [u8; 6]) -> Result<Vec<u8>, PacketFault> {
        let mut out = self.head(true)?;
        out.u32(at_s);
        out.all(&certificate);
        Ok(out.into_bytes())
    }

    fn head(&self, is_signed: bool) -> Result<Writer, PacketFault> {
        let flag = usize::from(self.form == Form::Control);
        let seal = if is_signed { 2 + SIGNATURE_BYTES } else { 0 };
        let n_bytes = PACKET_BYTES_MIN + flag + self.targets.len() * 12 + self.body.len() + seal;
        let length = u16::try_from(n_bytes).ok().filter(|_| n_bytes <= PACKET_BYTES_MAX);
        let too_long = PacketFault::Length { expected: PACKET_BYTES_MAX, got: n_bytes };
        let mut out = Writer::default();
        out.all(&MARK);
        out.all(&VERSION);
        out.u32(self.session);
        out.u8(if self.is_answer { 2 } else { 1 });
        if self.form == Form::Control {
            out.u8(u8::from(is_signed));
        }
        out.u16(length.ok_or(too_long)?);
        out.all(&self.source.bcd());
        out.u16(u16::try_from(self.targets.len()).map_err(|_| too_long)?);
        self.targets.iter().for_each(|target| out.all(&target.bcd()));
        out.u8(self.kind);
        out.sized_2(&self.body);
        Ok(out)
    }

    /// Reads exactly one packet of that form.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn decode(form: Form, bytes: &[u8]) -> Result<Self, PacketFault> {
        let expected = length_of(form, bytes).ok_or(PacketFault::Field("length"))?;
        let fault = PacketFault::Length { expected, got: bytes.len() };
        let body_end = bytes.len().checked_sub(4).ok_or(fault)?;
        let (checked, check) = bytes.split_at_checked(body_end).ok_or(fault)?;
        let mut read = Reader::new(checked);
        if read.array::<2>() != Some(MARK) {
            return Err(PacketFault::Mark);
        }
        if read.array::<2>() != Some(VERSION) {
            return Err(PacketFault::Version);
        }
        if expected != bytes.len() {
            return Err(fault);
        }
        let (expected, got) = (crc(checked), Reader::new(check).u32().unwrap_or_default());
        if expected != got {
            return Err(PacketFault::Crc { expected, got });
        }
        fields(form, &mut read)
    }
}

/// What follows mark and version.
fn fields(form: Form, read: &mut Reader<'_>) -> Result<Packet, PacketFault> {
    let field = PacketFault::Field;
    let session = read.u32().ok_or(field("session"))?;
    let is_answer = match read.u8() {
        Some(1) => false,
        Some(2) => true,
        _ => return Err(field("packet type")),
    };
    let is_signed = match form {
        Form::Return => false,
        Form::Control => match read.u8() {
            Some(flag @ 0..=1) => flag == 1,
            _ => return Err(field("signature flag")),
        },
    };
    read.u16().ok_or(field("length"))?;
    let source = read.code().ok_or(field("source"))?;
    let n_targets = read.u16().ok_or(field("number of targets"))?;
    // Not reserved beforehand: the number may be a lie.
    let mut targets = Vec::new();
    for _ in 0..n_targets {
        targets.push(read.code().ok_or(field("target"))?);
    }
    let kind = read.u8().ok_or(field("business type"))?;
    let body = read.sized_2().ok_or(field("body"))?.to_vec();
    let signature = if is_signed { Some(signature(read).ok_or(field("signature"))?) } else { None };
    if !read.is_empty() {
        return Err(field("length of the body"));
    }
    Ok(Packet { form, session, is_answer, source, targets, kind, body, signature })
}

fn signature(read: &mut Reader<'_>) -> Option<Signature> {
    let mut block = Reader::new(read.sized_2()?);
    let signature =
        Signature { at_s: block.u32()?, certificate: block.array()?, value: block.array()? };
    block.is_empty().then_some(signature)
}

fn signature_bytes(signature: &Signature) -> Vec<u8> {
    let mut out = Writer::default();
    out.u32(signature.at_s);
    out.all(&signature.certificate);
    out.all(&signature.value);
    out.into_bytes()
}

/// The length that a packet of that form says it has; `None` when that is not known yet.
fn length_of(form: Form, bytes: &[u8]) -> Option<usize> {
    let at = if form == Form::Control { 10 } else { 9 };
    bytes.get(at..).and_then(|rest| Reader::new(rest).u16()).map(usize::from)
}

/// Whether that length can be one.
pub(super) fn plausible(form: Form, bytes: &[u8]) -> Option<usize> {
    let flag = usize::from(form == Form::Control);
    let fits = |length: &usize| (PACKET_BYTES_MIN + flag..=PACKET_BYTES_MAX).contains(length);
    length_of(form, bytes).filter(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> NationalCode {
        NationalCode::parse("64306211000010314010401").unwrap()
    }

    fn golden(packet: &Packet, expect: &str) {
        let bytes = packet.encode().unwrap();
        let text: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(text, expect.replace([' ', '\n'], ""));
        assert_eq!(Packet::decode(packet.form, &bytes).as_ref(), Ok(packet));
    }

    #[test]
    fn the_check_is_that_of_annex_g() {
        assert_eq!(crc(b"123456789"), 0x0376_E6E7);
    }

    #[test]
    fn packets_have_these_bytes() {
        let source = NationalCode::parse("44306210000000101010101").unwrap();
        let mut packet =
            Packet { session: 7, ..Packet::request(source, vec![terminal()], 2, vec![1, 2]) };
        golden(
            &packet,
            "FEFD 0100 00000007 01 00 002F F44306210000000101010101 0001 F64306211000010314010401
             02 0002 0102 3D4C163E",
        );
        packet.signature =
            Some(Signature { at_s: 0x5CC5_5D32, certificate: [1, 2, 3, 4, 5, 6], value: [9; 64] });
        let bytes = packet.encode().unwrap();
        assert_eq!(bytes.len(), 0x2F + 76);
        let covered = packet.signed_part(0x5CC5_5D32, [1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(covered[..43], bytes[..43]);
        assert_eq!(covered[43..], bytes[45..55]);
        assert_eq!(Packet::decode(Form::Control, &bytes), Ok(packet));
        let beat = Packet {
            form: Form::Return,
            session: 1,
            is_answer: false,
            source: terminal(),
            targets: vec![source],
            kind: 0x10,
            body: vec![1, 2, 0],
            signature: None,
        };
        golden(
            &beat,
            "FEFD 0100 00000001 01 002F F64306211000010314010401 0001 F44306210000000101010101
             10 0003 010200 D4708DC8",
        );
    }

    #[test]
    fn every_bit_is_checked_and_every_cut_is_told() {
        let packet = Packet::request(terminal(), vec![terminal()], 0x10, vec![1, 1, 0]);
        let bytes = packet.encode().unwrap();
        for at in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(Packet::decode(Form::Control, &bad).is_err(), "bit {at}");
        }
        for end in 0..bytes.len() {
            assert!(Packet::decode(Form::Control, &bytes[..end]).is_err(), "{end} bytes");
        }
        let long = Packet { body: vec![0; PACKET_BYTES_MAX], ..packet };
        assert!(matches!(long.encode(), Err(PacketFault::Length { .. })));
    }
}
