//! Frames on a serial line: COBS (zero ends a frame) around frame and CRC-32/ISO-HDLC.

use crate::frame::FRAME_BYTES_MAX;
use crc::{CRC_32_ISO_HDLC, Crc};

/// Longest encoded frame on the line in bytes, delimiter included.
pub const LINE_BYTES_MAX: usize = FRAME_BYTES_MAX + 4 + (FRAME_BYTES_MAX + 4) / 254 + 2;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Encodes `frame` for the line, with the closing zero; `None` when it does not fit.
#[must_use]
pub fn encode(frame: &[u8], out: &mut [u8; LINE_BYTES_MAX]) -> Option<usize> {
    let mut checked = [0_u8; FRAME_BYTES_MAX + 4];
    checked.get_mut(..frame.len())?.copy_from_slice(frame);
    let crc = CRC.checksum(frame).to_le_bytes();
    checked.get_mut(frame.len()..frame.len() + 4)?.copy_from_slice(&crc);
    let used = cobs::try_encode(checked.get(..frame.len() + 4)?, out).ok()?;
    *out.get_mut(used)? = 0;
    Some(used + 1)
}

/// Finds frames in a stream of bytes; after any damage it finds the next frame at the next zero.
#[derive(Debug)]
pub struct Deframer {
    buffer: [u8; LINE_BYTES_MAX],
    used: usize,
    overrun: bool,
    /// Pieces that were no frame.
    pub damaged: u32,
}

impl Default for Deframer {
    fn default() -> Self {
        Self { buffer: [0; LINE_BYTES_MAX], used: 0, overrun: false, damaged: 0 }
    }
}

impl Deframer {
    /// Takes one byte; gives a frame when it was completed.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if byte != 0 {
            match self.buffer.get_mut(self.used) {
                Some(place) => {
                    *place = byte;
                    self.used += 1;
                }
                None => self.overrun = true,
            }
            return None;
        }
        let (used, overrun) = (self.used, self.overrun);
        self.used = 0;
        self.overrun = false;
        if used == 0 {
            return None;
        }
        let decoded = (!overrun).then(|| self.buffer.get_mut(..used)).flatten();
        let length = decoded.and_then(|piece| cobs::decode_in_place(piece).ok()).and_then(|all| {
            let at = all.checked_sub(4)?;
            let (frame, crc) = self.buffer.get(..all)?.split_at_checked(at)?;
            (CRC.checksum(frame).to_le_bytes() == crc).then_some(at)
        });
        if length.is_none() {
            self.damaged = self.damaged.saturating_add(1);
        }
        self.buffer.get(..length?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_noise_between_them() {
        let mut line = [0_u8; LINE_BYTES_MAX];
        let used = encode(b"\0order\0\0bytes", &mut line).unwrap();
        let mut deframer = Deframer::default();
        let mut found = 0;
        for noise in [&b"\xff\xff\x00"[..], b"", b"\x05ab\x00", b"\x00\x00"] {
            for byte in noise.iter().chain(&line[..used]) {
                found += usize::from(deframer.push(*byte) == Some(&b"\0order\0\0bytes"[..]));
            }
        }
        assert_eq!((found, deframer.damaged), (4, 2));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let mut line = [0_u8; LINE_BYTES_MAX];
        let used = encode(b"order", &mut line).unwrap();
        for bit in 0..(used - 1) * 8 {
            let mut bad = line;
            bad[bit / 8] ^= 1 << (bit % 8);
            let mut deframer = Deframer::default();
            for byte in &bad[..used] {
                assert_ne!(deframer.push(*byte), Some(&b"order"[..]), "bit {bit}");
            }
        }
    }

    #[test]
    fn an_endless_frame_is_dropped_and_the_next_is_found() {
        let mut deframer = Deframer::default();
        for _ in 0..10 * LINE_BYTES_MAX {
            assert!(deframer.push(7).is_none());
        }
        assert!(deframer.push(0).is_none());
        let mut line = [0_u8; LINE_BYTES_MAX];
        let used = encode(&[9; FRAME_BYTES_MAX], &mut line).unwrap();
        let got = line[..used].iter().filter(|byte| deframer.push(**byte).is_some()).count();
        assert_eq!(got, 1);
    }
}
