//! SD card in SPI mode (SD Physical Layer Simplified Specification, section 7).

use crate::shelf::{BLOCK_BYTES, Blocks};

/// Bytes to wait for an answer to a command; the specification says 8.
const ANSWER_BYTES: u32 = 16;
/// Bytes to wait for a block: 100 ms at 12.5 MHz.
const READ_BYTES: u32 = 160_000;
/// Bytes to wait while a block is written: 250 ms at 12.5 MHz.
const WRITE_BYTES: u32 = 400_000;
/// Tries of a card to start: a second at 400 kHz.
const START_TRIES: u32 = 2_500;
const NOTHING: u8 = 0xFF;
const BEGIN: u8 = 0xFE;

/// The bus a card is at.
pub trait CardBus {
    /// Sends a byte, gives the one that came with it; 0xFF when the bus fails.
    fn shift(&mut self, byte: u8) -> u8;
    /// Pulls the card's select line low, or lets it go.
    fn select(&mut self, selected: bool);
    /// 400 kHz until the card has started, then 12.5 MHz at most.
    fn fast(&mut self);
}

/// The card.
pub struct SdCard<B> {
    bus: B,
    /// Blocks it has; 0 = none or unusable.
    blocks: u32,
    /// Whether it is addressed by blocks (SDHC) or by bytes.
    by_blocks: bool,
}

impl<B: CardBus> SdCard<B> {
    /// Sends a command; gives its first answer byte. The card stays selected.
    fn command(&mut self, number: u8, argument: u32) -> u8 {
        self.bus.select(true);
        self.bus.shift(NOTHING);
        self.bus.shift(0x40 | number);
        for byte in argument.to_be_bytes() {
            self.bus.shift(byte);
        }
        // Only these two are checked in SPI mode.
        self.bus.shift(match number {
            0 => 0x95,
            8 => 0x87,
            _ => 1,
        });
        for _ in 0..ANSWER_BYTES {
            let answer = self.bus.shift(NOTHING);
            if answer & 0x80 == 0 {
                return answer;
            }
        }
        NOTHING
    }

    fn release(&mut self) {
        self.bus.select(false);
        self.bus.shift(NOTHING);
    }

    fn receive(&mut self, out: &mut [u8]) -> bool {
        if !(0..READ_BYTES).any(|_| self.bus.shift(NOTHING) == BEGIN) {
            return false;
        }
        for byte in out.iter_mut() {
            *byte = self.bus.shift(NOTHING);
        }
        // Its check sum; content is checked by digest.
        self.bus.shift(NOTHING);
        self.bus.shift(NOTHING);
        true
    }

    /// Starts the card. Without one everything on it fails.
    #[must_use]
    pub fn start(bus: B) -> Self {
        let mut card = Self { bus, blocks: 0, by_blocks: false };
        card.bus.select(false);
        for _ in 0..10 {
            card.bus.shift(NOTHING);
        }
        let idle = (0..10).any(|_| card.command(0, 0) == 1);
        if idle && card.wake() {
            card.bus.fast();
            card.blocks = card.size();
        }
        card.release();
        card
    }

    fn wake(&mut self) -> bool {
        let version_2 = self.command(8, 0x1AA) & 4 == 0;
        if version_2 {
            for _ in 0..4 {
                self.bus.shift(NOTHING);
            }
        }
        let high = if version_2 { 1 << 30 } else { 0 };
        let started = (0..START_TRIES).any(|_| {
            self.command(55, 0);
            self.command(41, high) == 0
        });
        if !started {
            return false;
        }
        // The answer byte is not looked at: QEMU 7.2 says idle here. What counts is bit 30.
        self.command(58, 0);
        let conditions = [0; 4].map(|_: u8| self.bus.shift(NOTHING));
        self.by_blocks = conditions.first().is_some_and(|byte| byte & 0x40 != 0);
        self.by_blocks || self.command(16, 512) == 0
    }

    fn size(&mut self) -> u32 {
        let mut csd = [0_u8; 16];
        if self.command(9, 0) != 0 || !self.receive(&mut csd) {
            return 0;
        }
        let [layout, _, _, _, _, length, a, b, c, d, e, ..] = csd.map(u32::from);
        if layout >> 6 == 1 {
            // (C_SIZE + 1) * 512 KiB
            return (((b & 0x3F) << 16 | c << 8 | d) + 1) * 1024;
        }
        let size = (a & 3) << 10 | b << 2 | c >> 6;
        let shift = (d & 3) << 1 | e >> 7;
        ((size + 1) << (shift + 2 + (length & 15))) / 512
    }

    fn address(&self, block: u32) -> u32 {
        if self.by_blocks { block } else { block.wrapping_mul(512) }
    }
}

impl<B: CardBus> Blocks for SdCard<B> {
    fn count(&mut self) -> u32 {
        self.blocks
    }

    fn read(&mut self, block: u32, out: &mut [u8; BLOCK_BYTES]) -> bool {
        let at = self.address(block);
        let good = block < self.blocks && self.command(17, at) == 0 && self.receive(out);
        self.release();
        good
    }

    fn write(&mut self, block: u32, bytes: &[u8; BLOCK_BYTES]) -> bool {
        let at = self.address(block);
        if block >= self.blocks || self.command(24, at) != 0 {
            self.release();
            return false;
        }
        // At least one byte lies between answer and block (N_WR).
        self.bus.shift(NOTHING);
        self.bus.shift(BEGIN);
        for byte in bytes {
            self.bus.shift(*byte);
        }
        self.bus.shift(NOTHING);
        self.bus.shift(NOTHING);
        let accepted = self.bus.shift(NOTHING) & 0x1F == 5;
        let done = accepted && (0..WRITE_BYTES).any(|_| self.bus.shift(NOTHING) == NOTHING);
        self.release();
        done
    }
}
