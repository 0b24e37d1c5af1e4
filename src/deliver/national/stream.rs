//! Packets out of a TCP stream: split and joined as they come. A terminal may send annex D and
//! annex E on one connection; the forms differ by one byte, so a packet counts as whole when length
//! and CRC fit one of them. What fits neither is skipped to the next packet that does, and counted.

use super::packet::{Form, MARK, PACKET_BYTES_MAX, Packet, PacketFault, plausible};

/// Further places in a damaged stream at which a packet is sought each time bytes come, and how many
/// of them may cost a CRC; the rest waits for the next bytes, so that a hostile stream costs little.
const MARKS_TRIED_MAX: usize = 64;
const CHECKED_MAX: usize = 8;

/// What came out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A packet.
    Packet(Packet),
    /// Bytes that were skipped, and why.
    Skipped {
        /// How many.
        n_bytes: usize,
        /// What was wrong with the first of them.
        fault: PacketFault,
    },
}

/// Collects bytes, gives packets. Holds at most one longest packet.
#[derive(Debug, Default)]
pub struct Stream {
    waiting: Vec<u8>,
}

/// What stands at the beginning of some bytes.
enum Begin {
    Whole(Form, usize),
    /// It may become one.
    More,
    Never(PacketFault),
}

impl Stream {
    /// Takes bytes from the connection, and hands on what they complete. At most
    /// [`PACKET_BYTES_MAX`] bytes wait for more.
    pub fn take(&mut self, bytes: &[u8], mut found: impl FnMut(Found)) {
        for piece in bytes.chunks(PACKET_BYTES_MAX / 2) {
            self.waiting.extend_from_slice(piece);
            while let Some(next) = self.next() {
                found(next);
            }
        }
    }

    /// Whether part of a packet waits for the rest.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<Found> {
        if self.waiting.is_empty() {
            return None;
        }
        match begin(&self.waiting) {
            Begin::Whole(form, n_bytes) => {
                let packet: Vec<u8> = self.waiting.drain(..n_bytes).collect();
                Some(match Packet::decode(form, &packet) {
                    Ok(packet) => Found::Packet(packet),
                    Err(fault) => Found::Skipped { n_bytes, fault },
                })
            }
            Begin::Never(fault) => {
                let n_bytes = self.next_mark(1).unwrap_or(self.waiting.len());
                self.waiting.drain(..n_bytes);
                Some(Found::Skipped { n_bytes, fault })
            }
            Begin::More => {
                // A damaged length must not swallow what follows it: a later packet that is whole
                // proves that this one never will be.
                let n_bytes = self.later_packet()?;
                self.waiting.drain(..n_bytes);
                let fault = PacketFault::Length { expected: n_bytes + 1, got: n_bytes };
                Some(Found::Skipped { n_bytes, fault })
            }
        }
    }

    /// Where the next packet may begin.
    fn next_mark(&self, from: usize) -> Option<usize> {
        let rest = self.waiting.get(from..)?;
        let pair = rest.windows(2).position(|pair| pair == MARK);
        // The first half of a mark at the end stays.
        let half = || (rest.last() == MARK.first()).then(|| rest.len() - 1);
        pair.or_else(half).map(|at| from + at)
    }

    fn later_packet(&self) -> Option<usize> {
        let (mut at, mut n_checked) = (0, 0);
        for _ in 0..MARKS_TRIED_MAX {
            at = self.next_mark(at + 1)?;
            match begin(self.waiting.get(at..)?) {
                Begin::Whole(..) => return Some(at),
                Begin::Never(PacketFault::Crc { .. }) => n_checked += 1,
                Begin::More | Begin::Never(_) => {}
            }
            if n_checked >= CHECKED_MAX {
                return None;
            }
        }
        None
    }
}

fn begin(bytes: &[u8]) -> Begin {
    let start = [MARK[0], MARK[1], 1, 0];
    let differs = bytes.iter().zip(start).position(|(byte, expected)| *byte != expected);
    match differs {
        Some(0 | 1) => return Begin::Never(PacketFault::Mark),
        Some(_) => return Begin::Never(PacketFault::Version),
        None => {}
    }
    if bytes.len() < 12 {
        return Begin::More;
    }
    let (mut fault, mut open) = (PacketFault::Field("length"), false);
    for form in [Form::Control, Form::Return] {
        let Some(n_bytes) = plausible(form, bytes) else { continue };
        match bytes.get(..n_bytes).map(|packet| Packet::decode(form, packet)) {
            None => open = true,
            Some(Ok(_)) => return Begin::Whole(form, n_bytes),
            Some(Err(wrong)) => fault = wrong,
        }
    }
    if open { Begin::More } else { Begin::Never(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NationalCode;

    fn packet(form: Form, session: u32, body: Vec<u8>) -> Packet {
        let code = NationalCode::parse("64306211000010314010401").unwrap();
        let kind = 0x10;
        let (is_answer, targets) = (false, vec![code]);
        let signature = None;
        Packet { form, session, is_answer, source: code, targets, kind, body, signature }
    }

    fn mixed() -> Vec<Packet> {
        let form = |n| if n % 3 == 0 { Form::Return } else { Form::Control };
        (0..40_u32).map(|n| packet(form(n), n, vec![7; (n as usize * 37) % 900])).collect()
    }

    /// Feeds `bytes` in pieces: which packets come out, how many bytes are skipped.
    fn feed(bytes: &[u8], piece: usize) -> (Vec<Packet>, usize) {
        let (mut stream, mut packets, mut skipped) = (Stream::default(), Vec::new(), 0);
        for part in bytes.chunks(piece) {
            stream.take(part, |found| match found {
                Found::Packet(packet) => packets.push(packet),
                Found::Skipped { n_bytes, .. } => skipped += n_bytes,
            });
            assert!(stream.waiting.len() <= PACKET_BYTES_MAX + PACKET_BYTES_MAX / 2);
        }
        (packets, skipped)
    }

    fn bytes_of(packets: &[Packet]) -> Vec<u8> {
        packets.iter().flat_map(|packet| packet.encode().unwrap()).collect()
    }

    #[test]
    fn split_and_joined_packets_of_both_forms_come_out() {
        let packets = mixed();
        let bytes = bytes_of(&packets);
        for piece in [1, 2, 3, 7, 64, 1_000, bytes.len()] {
            assert_eq!(feed(&bytes, piece), (packets.clone(), 0), "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_damaged_is_skipped_and_counted_and_the_next_is_read() {
        let packets = mixed();
        let clean = bytes_of(&packets);
        let mut random = 1_u64;
        for round in 0..400 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(random >> 33).unwrap() % (clean.len() - 2_000);
            let mut bytes = clean.clone();
            match round % 4 {
                0 => bytes[at] ^= 1 << (random % 8),
                1 => drop(bytes.drain(at..at + 1 + round % 50)),
                2 => drop(bytes.splice(at..at, [0xFE, 0xFD, 1, 0, 0xFE].repeat(1 + round % 9))),
                _ => bytes[at..at + 4].fill(0xFF),
            }
            let (found, skipped) = feed(&bytes, 1 + round % 700);
            assert!(skipped > 0, "round {round}: damage was not told");
            assert!(found.len() >= packets.len() - 3, "round {round}: {} packets", found.len());
            assert!(found.iter().all(|packet| packets.contains(packet)), "round {round}");
            assert_eq!(found.last(), packets.last(), "round {round}");
        }
    }

    #[test]
    fn noise_gives_nothing_and_never_waits_without_end() {
        let mut random = 9_u64;
        let mut byte = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            random.to_le_bytes()[5]
        };
        let noise: Vec<u8> = (0..200_000).map(|_| byte()).collect();
        let (found, skipped) = feed(&noise, 999);
        assert!(found.is_empty() && skipped > 150_000, "{skipped}");
        let marks = [0xFE, 0xFD, 1, 0].repeat(20_000);
        let (found, skipped) = feed(&marks, 4_096);
        assert!(found.is_empty() && skipped > 40_000, "{skipped}");
    }
}
