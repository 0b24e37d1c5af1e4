//! Several packets become one body (mode M3). After the first, packets are a raw continuation.

use super::super::octets::at_offset;
use super::frame::{Frame, Packet};
use super::telegram::telegram;
use crate::model::{Rejection, Sha256, UtcMs};
use std::collections::BTreeMap;

/// Messages of several packets under way on one connection.
const OPEN_MAX: usize = 4;
/// Bytes that wait on one connection; a picture of a station has some tens of kilobytes.
const BYTES_MAX: usize = 512 * 1024;
/// How long a message may take, seconds.
const AGE_S_MAX: i64 = 600;

/// What a packet led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// The whole body, under the frame of the first packet.
    Whole(Box<Frame>),
    /// More are to come.
    Waiting,
    /// The last is here; these are missing and must be sent again. With the serial number of the
    /// message, 0 while its first packet is missing.
    Missing(Vec<u16>, u16),
    /// The last packet of the message that was joined before, again: its confirm was lost. With the
    /// serial number of the message.
    Known(u16),
    /// It fits nothing, or there is no room.
    Refused(Rejection),
}

/// The message that was joined last.
#[derive(Debug)]
struct Joined {
    station: [u8; 5],
    function: u8,
    serial: u16,
    at: UtcMs,
    /// Of each packet, the first first.
    digests: Vec<Sha256>,
}

impl Joined {
    /// Whether a packet is one of it; all that it says is the same.
    fn has(&self, frame: &Frame, packet: Packet) -> bool {
        let same = (self.station, self.function) == (frame.station, frame.function)
            && self.digests.len() == usize::from(packet.total);
        let at = usize::from(packet.number).checked_sub(1);
        let known = at.and_then(|at| self.digests.get(at));
        same && known.is_some_and(|known| *known == Sha256::of(&frame.body))
    }
}

#[derive(Debug)]
struct Open {
    station: [u8; 5],
    function: u8,
    total: u16,
    since: UtcMs,
    packets: BTreeMap<u16, Frame>,
}

/// The packets of one connection.
#[derive(Debug, Default)]
pub struct Assembler {
    open: Vec<Open>,
    last: Option<Joined>,
}

impl Assembler {
    /// Takes a frame; one without packet numbers is whole at once.
    pub fn take(&mut self, now: UtcMs, frame: Frame) -> Assembled {
        let Some(packet) = frame.packet else { return Assembled::Whole(Box::new(frame)) };
        let fresh = |since: UtcMs| now.since_ms(since).abs() <= AGE_S_MAX * 1000;
        self.open.retain(|open| fresh(open.since));
        self.last.take_if(|last| !fresh(last.at));
        let same = |open: &Open| open.station == frame.station && open.function == frame.function;
        if let Some(at) = self.open.iter().position(same)
            && self.open.get(at).is_some_and(|open| open.total != packet.total)
        {
            // The station began anew.
            self.open.remove(at);
        }
        if !self.open.iter().any(same) {
            // Asked for twice, or sent again as its confirm was lost: nothing of it is missing.
            if let Some(last) = self.last.as_ref().filter(|last| last.has(&frame, packet)) {
                let is_last = packet.number == packet.total;
                return if is_last { Assembled::Known(last.serial) } else { Assembled::Waiting };
            }
            if self.open.len() >= OPEN_MAX {
                self.open.remove(0);
            }
            self.open.push(Open {
                station: frame.station,
                function: frame.function,
                total: packet.total,
                since: now,
                packets: BTreeMap::new(),
            });
        }
        let held: usize =
            self.open.iter().flat_map(|open| open.packets.values()).map(|p| p.body.len()).sum();
        if held + frame.body.len() > BYTES_MAX {
            self.open.retain(|open| !same(open));
            let what = format!("packets: more than {BYTES_MAX} bytes wait for their last");
            let faults = vec![at_offset(frame.body_at, what)];
            return Assembled::Refused(Rejection { faults, too_large: true });
        }
        let Some(at) = self.open.iter().position(same) else { return Assembled::Waiting };
        let is_last = packet.number == packet.total;
        if let Some(open) = self.open.get_mut(at) {
            open.packets.insert(packet.number, frame);
        }
        self.joined(now, at, is_last)
    }

    fn joined(&mut self, now: UtcMs, at: usize, is_last: bool) -> Assembled {
        let Some(open) = self.open.get(at) else { return Assembled::Waiting };
        let missing: Vec<u16> =
            (1..=open.total).filter(|number| !open.packets.contains_key(number)).collect();
        // The last may be here since before: what came now can be a packet that was missing.
        let ended = is_last || open.packets.contains_key(&open.total);
        if !missing.is_empty() {
            let first = open.packets.get(&1).and_then(|first| telegram(first).ok());
            let serial = first.and_then(|first| first.serial).unwrap_or_default();
            return if ended { Assembled::Missing(missing, serial) } else { Assembled::Waiting };
        }
        let open = self.open.remove(at);
        let digests = open.packets.values().map(|packet| Sha256::of(&packet.body)).collect();
        let (station, function) = (open.station, open.function);
        let first = open.packets.get(&1).and_then(|first| telegram(first).ok());
        let serial = first.and_then(|first| first.serial).unwrap_or_default();
        self.last = Some(Joined { station, function, serial, at: now, digests });
        let mut packets = open.packets.into_values();
        let Some(mut first) = packets.next() else { return Assembled::Waiting };
        packets.for_each(|next| first.body.extend(next.body));
        Assembled::Whole(Box::new(first))
    }
}
