//! An emulated speech chip.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]

use mingluo_bridge::tts::SpeechChip;

/// Numbers that look random and repeat with their seed.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// An emulated chip with a bad line.
pub struct Chip {
    pub chip: SpeechChip,
    /// Of a hundred answers so many are lost, and so many garbled.
    pub lost: u64,
    pub garbled: u64,
    /// Of a hundred frames so many arrive damaged.
    pub damaged: u64,
    pub seed: u64,
    pub speaks_until_ms: Option<i64>,
    /// Texts that were spoken to their end, and those that were cut off.
    pub spoken: Vec<Vec<u8>>,
    pub cut_off: u32,
    pub now: Vec<u8>,
}

impl Chip {
    pub fn new(chip: SpeechChip, seed: u64) -> Self {
        let (spoken, now) = (Vec::new(), Vec::new());
        let (lost, garbled, damaged, cut_off, speaks_until_ms) = (0, 0, 0, 0, None);
        Self { chip, lost, garbled, damaged, seed, speaks_until_ms, spoken, cut_off, now }
    }
    fn answer(&mut self, byte: u8, out: &mut Vec<u8>) {
        let dice = random(&mut self.seed) % 100;
        if dice < self.lost {
            return;
        }
        out.push(if dice < self.lost + self.garbled { byte ^ 0x90 } else { byte });
    }
    pub fn told(&mut self, now_ms: i64, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let [0xFD, high, low, command, rest @ ..] = bytes else { panic!("{bytes:?}") };
        assert_eq!(usize::from(*high) << 8 | usize::from(*low), bytes.len() - 3);
        if random(&mut self.seed) % 100 < self.damaged {
            self.answer(0x45, &mut out);
            return out;
        }
        let mut text = rest;
        if self.chip == SpeechChip::Syn6288 {
            assert_eq!(bytes.iter().fold(0, |sum, byte| sum ^ byte), 0);
            text = &rest[..rest.len() - 1];
        }
        match command {
            0x01 => {
                assert!(text.len() <= self.chip.text_bytes_max() + 1);
                self.cut_off += u32::from(self.speaks_until_ms.is_some());
                self.now = text[1..].to_vec();
                let letters = i64::try_from(self.now.len()).unwrap() / 2;
                self.speaks_until_ms = Some(now_ms + letters * 200);
                self.answer(0x41, &mut out);
            }
            0x21 => {
                self.answer(0x41, &mut out);
                let speaks = self.speaks_until_ms.is_some();
                self.answer(if speaks { 0x4E } else { 0x4F }, &mut out);
            }
            0xFF => self.answer(0x41, &mut out),
            other => panic!("command {other:02x}"),
        }
        out
    }
    pub fn pass(&mut self, now_ms: i64) -> Vec<u8> {
        let mut out = Vec::new();
        if self.speaks_until_ms.is_some_and(|until| until <= now_ms) {
            self.speaks_until_ms = None;
            self.spoken.push(std::mem::take(&mut self.now));
            self.answer(0x4F, &mut out);
        }
        out
    }
}

/// Everything it spoke, with the marks.
pub fn words(chip: &Chip) -> String {
    let units = chip.spoken.iter().flat_map(|piece| piece.chunks_exact(2));
    let units: Vec<u16> = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}
