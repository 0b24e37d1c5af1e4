//! What gateway and terminals say on a serial line beside sealed frames: addresses, polls, content
//! in chunks. Gateway is master: a terminal sends one answer to one poll, and nothing else.
//!
//! ```text
//! 0     1   2     3..
//! 0x81  to  from  packet (postcard)         in COBS with its CRC-32, as crate::serial has it
//! ```
//! Nothing here is signed. What it could do to a terminal is bound elsewhere: orders, receipts and
//! reports are sealed frames; content counts only when its digest is in a signed order.

use crate::frame::{FRAME_BYTES_MAX, VERSION};
use crate::message::Activity;
use crate::serial::{self, LINE_BYTES_MAX};
use serde::{Deserialize, Serialize};

/// First byte of a packet; a sealed frame begins with [`VERSION`] instead.
pub const PACKET: u8 = 0x81;
/// Address of the gateway.
pub const GATEWAY: u8 = 0;
/// Highest address of a terminal; the lowest is 1.
pub const ADDRESS_MAX: u8 = 247;
/// Address of all terminals. Nobody answers what is sent to it.
pub const ALL: u8 = 255;
/// Longest sealed frame within a packet, bytes.
pub const SEALED_BYTES_MAX: usize = FRAME_BYTES_MAX - 24;
/// Chunk sizes are multiples of this, bytes.
pub const CHUNK_UNIT_BYTES: u16 = 8;
/// Largest chunk, bytes.
pub const CHUNK_BYTES_MAX: usize = 960;
/// Chunks of one clip; a longer clip takes larger chunks.
pub const CHUNKS_MAX: usize = 4_096;
/// Bytes of the list of missing chunks in one answer: eight chunks a byte.
pub const MISSING_BYTES_MAX: usize = 64;

/// When a terminal begins its answer, milliseconds after the last byte of the poll: not before the
/// first, so that the gateway has let go of the line, and not after the second.
pub const ANSWER_AFTER_MS: (u8, u8) = (1, 50);

/// First four bytes of a clip's digest: names the clip on the line.
pub type Tag = [u8; 4];

/// Tag of a digest.
#[must_use]
pub fn tag(sha256: &[u8; 32]) -> Tag {
    let [a, b, c, d, ..] = *sha256;
    [a, b, c, d]
}

/// The gateway's question to one terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Number of the last answer with a report that arrived; 0 = none. The terminal repeats a
    /// report until its number comes back here.
    pub got: u8,
    /// What is asked.
    pub ask: Ask,
}

/// What a poll asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// The next report that waits.
    Report,
    /// The next report, and how far the clip is.
    Clip(Tag),
    /// The status in place of a report.
    Status,
}

/// A part of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk<'a> {
    /// Which clip.
    pub tag: Tag,
    /// Size of every chunk but the last in units of [`CHUNK_UNIT_BYTES`].
    pub units: u8,
    /// Its number; it begins at byte `index * units * 8`.
    pub index: u16,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// How far a terminal is with a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// No order asked for it: the order comes first.
    Unasked,
    /// Chunks are missing. Bit `i` of [`Answer::missing`], low bit first, is chunk `first + i`.
    Missing {
        /// Lowest missing chunk.
        first: u16,
        /// How many are missing altogether.
        count: u16,
    },
    /// All chunks are here, the digest is being computed.
    Checking,
    /// Here, whole and checked.
    Here,
    /// It can't be stored, or names content that is not kept here.
    Impossible,
}

/// A terminal's answer to a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer<'a> {
    /// What it does.
    pub activity: Activity,
    /// Reports that wait, the one in this answer included.
    pub waiting: u8,
    /// How far the clip is, when the poll asked.
    pub clip: Option<Progress>,
    /// Missing chunks, [`MISSING_BYTES_MAX`] bytes at most; zeros at the end are left out.
    pub missing: &'a [u8],
    /// Number of the report, 1 to 255; 0 when there is none.
    pub number: u8,
    /// The sealed report or status; empty = none.
    pub sealed: &'a [u8],
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packet<'a> {
    /// Gateway to terminals: a sealed order or receipt.
    Sealed(&'a [u8]),
    /// Gateway to one terminal.
    Poll(Poll),
    /// Gateway to terminals.
    Chunk(Chunk<'a>),
    /// Terminal to gateway.
    Answer(Answer<'a>),
}

/// A packet with its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressed<'a> {
    /// To whom.
    pub to: u8,
    /// From whom.
    pub from: u8,
    /// What.
    pub packet: Packet<'a>,
}

/// Encodes a packet for the line, with a zero before it (what the line picked up while its
/// direction changed ends there) and after it; `None` when it does not fit.
#[must_use]
pub fn encode(
    to: u8,
    from: u8,
    packet: &Packet<'_>,
    out: &mut [u8; LINE_BYTES_MAX],
) -> Option<usize> {
    let mut plain = [0_u8; FRAME_BYTES_MAX];
    let (head, body) = plain.split_at_mut_checked(3)?;
    head.copy_from_slice(&[PACKET, to, from]);
    let used = postcard::to_slice(packet, body).ok()?.len();
    let line = serial::encode(plain.get(..3 + used)?, out)?;
    if line < LINE_BYTES_MAX {
        out.copy_within(..line, 1);
        *out.first_mut()? = 0;
        return Some(line + 1);
    }
    Some(line)
}

/// Reads a packet from a frame the [`serial::Deframer`] gave. A bare sealed frame is a packet from
/// the gateway to all. `None` when it is neither, or bytes follow it.
#[must_use]
pub fn read(frame: &[u8]) -> Option<Addressed<'_>> {
    match *frame {
        [VERSION, ..] => Some(Addressed { to: ALL, from: GATEWAY, packet: Packet::Sealed(frame) }),
        [PACKET, to, from, ref body @ ..] => match postcard::take_from_bytes::<Packet<'_>>(body) {
            Ok((packet, [])) => Some(Addressed { to, from, packet }),
            Ok(_) | Err(_) => None,
        },
        _ => None,
    }
}
