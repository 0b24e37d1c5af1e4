//! A software RS-485 bus: one byte at a time, heard by all others, with the troubles of real lines.
//! No I/O; the caller says when a byte's time has come.

use super::fleet::Chance;
use std::collections::VecDeque;

/// Bits of a byte on the line: start, eight of data, stop.
const BITS_PER_BYTE: i64 = 10;
/// Bytes one talker may have waiting; what comes beyond is lost, as in a full UART.
const WAITING_BYTES_MAX: usize = 65_536;

/// Troubles of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineTrouble {
    /// Bytes of a million in which one bit flips, for everybody alike.
    pub flips_per_million: u32,
    /// The cable is cut behind this port: it and those after it are apart from those before.
    pub cut_at: Option<usize>,
    /// This port talks without end.
    pub stuck: Option<usize>,
    /// A talker hears itself, as with many two-wire adapters.
    pub echo: bool,
}

/// What happened on a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusFigures {
    /// Bytes carried.
    pub bytes: u64,
    /// Byte times in which two or more talked.
    pub collisions: u64,
    /// Bytes with a flipped bit.
    pub flipped: u64,
}

/// The bus.
#[derive(Debug)]
pub struct Bus {
    baud: u32,
    slot: i64,
    talking: Vec<VecDeque<u8>>,
    chance: Chance,
    /// Its troubles; may be changed at any time.
    pub trouble: LineTrouble,
    /// What happened.
    pub figures: BusFigures,
}

/// One byte heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusByte {
    /// The byte.
    pub byte: u8,
    /// Ports from here..
    pub from: usize,
    /// ..up to here, without it, hear the byte.
    pub to: usize,
    /// This one does not: it talks itself and has no echo.
    pub not: Option<usize>,
}

impl Bus {
    /// A bus of so many ports.
    #[must_use]
    pub fn new(baud: u32, n_ports: usize, seed: u64) -> Self {
        Self {
            baud: baud.max(1),
            slot: 0,
            talking: vec![VecDeque::new(); n_ports],
            chance: Chance::new(seed),
            trouble: LineTrouble::default(),
            figures: BusFigures::default(),
        }
    }

    /// Hands bytes to a port; they go on the line one after the other.
    pub fn talk(&mut self, port: usize, bytes: &[u8]) {
        if let Some(queue) = self.talking.get_mut(port) {
            let room = WAITING_BYTES_MAX.saturating_sub(queue.len());
            queue.extend(bytes.iter().take(room));
        }
    }

    /// Bytes a port has still to send.
    #[must_use]
    pub fn waiting(&self, port: usize) -> usize {
        self.talking.get(port).map_or(0, VecDeque::len)
    }

    /// When the next byte has passed, microseconds since the bus began.
    #[must_use]
    pub fn next_us(&self) -> i64 {
        (self.slot + 1) * BITS_PER_BYTE * 1_000_000 / i64::from(self.baud)
    }

    /// Whether nobody has anything to say: the time until somebody does may be skipped.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.trouble.stuck.is_none() && self.talking.iter().all(VecDeque::is_empty)
    }

    /// Skips silent byte times up to `now_us`.
    pub fn skip_to(&mut self, now_us: i64) {
        let slot = now_us.saturating_mul(i64::from(self.baud)) / (BITS_PER_BYTE * 1_000_000);
        self.slot = self.slot.max(slot);
    }

    /// One byte time: what is heard, on each side of a cut.
    pub fn pass(&mut self) -> Vec<BusByte> {
        self.slot += 1;
        let n_ports = self.talking.len();
        let cut = self.trouble.cut_at.unwrap_or(n_ports).min(n_ports);
        let sides = [(0, cut), (cut, n_ports)];
        sides.into_iter().filter_map(|(from, to)| self.pass_side(from, to)).collect()
    }

    fn pass_side(&mut self, from: usize, to: usize) -> Option<BusByte> {
        let mut heard: Option<u8> = None;
        let (mut n_talkers, mut last) = (0_u32, None);
        for port in from..to {
            let mut byte = self.talking.get_mut(port).and_then(VecDeque::pop_front);
            if self.trouble.stuck == Some(port) {
                byte = Some(0x55);
            }
            if let Some(byte) = byte {
                n_talkers += 1;
                last = Some(port);
                // Two drivers at once: the dominant level wins.
                heard = Some(heard.map_or(byte, |other| other & byte));
            }
        }
        let mut byte = heard?;
        self.figures.bytes += 1;
        if n_talkers > 1 {
            self.figures.collisions += 1;
        }
        if self.chance.next() % 1_000_000 < u64::from(self.trouble.flips_per_million) {
            byte ^= 1 << (self.chance.next() % 8);
            self.figures.flipped += 1;
        }
        let not = if self.trouble.echo { None } else { last };
        Some(BusByte { byte, from, to, not })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bus: &mut Bus, port: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..8 {
            bytes.extend(bus.pass().into_iter().filter_map(|b| {
                ((b.from..b.to).contains(&port) && b.not != Some(port)).then_some(b.byte)
            }));
        }
        bytes
    }

    #[test]
    fn all_others_hear_and_collisions_and_cuts_do_harm() {
        let mut bus = Bus::new(9_600, 3, 1);
        bus.talk(0, b"ab");
        assert_eq!(heard(&mut bus, 1), b"ab");
        bus.talk(0, b"ab");
        assert_eq!(heard(&mut bus, 0), b"");
        bus.trouble.echo = true;
        bus.talk(0, b"ab");
        assert_eq!(heard(&mut bus, 0), b"ab");
        bus.talk(0, b"\xf0");
        bus.talk(1, b"\x3c");
        assert_eq!(heard(&mut bus, 2), b"\x30");
        assert_eq!(bus.figures.collisions, 1);
        bus.trouble.cut_at = Some(2);
        bus.talk(0, b"ab");
        assert_eq!(heard(&mut bus, 2), b"");
        bus.trouble.cut_at = None;
        bus.trouble.stuck = Some(2);
        assert_eq!(heard(&mut bus, 0), [0x55; 8]);
    }

    #[test]
    fn bytes_take_their_time_and_flips_are_as_many_as_asked() {
        let mut bus = Bus::new(9_600, 2, 1);
        bus.trouble.flips_per_million = 10_000;
        for _ in 0..100 {
            bus.talk(0, &[0; 960]);
            (0..960).for_each(|_| drop(bus.pass()));
        }
        assert_eq!(bus.next_us(), 100_001_041);
        assert!((800..1_150).contains(&bus.figures.flipped), "{:?}", bus.figures);
        bus.skip_to(200_000_000);
        assert_eq!(bus.next_us(), 200_001_041);
    }
}
