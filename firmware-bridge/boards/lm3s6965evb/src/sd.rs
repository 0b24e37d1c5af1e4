//! SD card at SSI0, in SPI mode (SD Physical Layer Simplified Specification, section 7).

use crate::reg::{PORT_A, PORT_D, Reg, alternate, outputs, pins};
use mingluo_terminal_app::{BLOCK_BYTES, Blocks};

const SSI0: usize = 0x4000_8000;
const STATUS: Reg = Reg::at(SSI0, 0x0C);
const DATA: Reg = Reg::at(SSI0, 0x08);
const SELECT: Reg = pins(PORT_D, 1);
/// Bytes to wait for an answer to a command; the specification says 8.
const ANSWER_BYTES: u32 = 16;
/// Bytes to wait for a block: 100 ms at 12.5 MHz.
const READ_BYTES: u32 = 160_000;
/// Bytes to wait while a block is written: 250 ms at 12.5 MHz.
const WRITE_BYTES: u32 = 400_000;
/// Tries of a card to start: a second at 400 kHz.
const START_TRIES: u32 = 2_500;
/// Reads of the status register for one byte at 400 kHz.
const SHIFT_READS: u32 = 50_000;
const NOTHING: u8 = 0xFF;
const BEGIN: u8 = 0xFE;

/// The card.
pub struct SdCard {
    /// Blocks it has; 0 = none or unusable.
    blocks: u32,
    /// Whether it is addressed by blocks (SDHC) or by bytes.
    by_blocks: bool,
}

fn divide(clocks: u32) {
    Reg::at(SSI0, 0x04).write(0);
    Reg::at(SSI0, 0x10).write(clocks);
    // 8 bits, SPI mode 0.
    Reg::at(SSI0, 0x00).write(7);
    Reg::at(SSI0, 0x04).write(2);
}

fn shift(byte: u8) -> u8 {
    DATA.write(u32::from(byte));
    if !(0..SHIFT_READS).any(|_| STATUS.read() & 4 != 0) {
        return NOTHING;
    }
    let [got, ..] = DATA.read().to_le_bytes();
    got
}

/// Sends a command; gives its first answer byte. The card stays selected.
fn command(number: u8, argument: u32) -> u8 {
    SELECT.write(0);
    shift(NOTHING);
    shift(0x40 | number);
    for byte in argument.to_be_bytes() {
        shift(byte);
    }
    // Only these two are checked in SPI mode.
    shift(match number {
        0 => 0x95,
        8 => 0x87,
        _ => 1,
    });
    for _ in 0..ANSWER_BYTES {
        let answer = shift(NOTHING);
        if answer & 0x80 == 0 {
            return answer;
        }
    }
    NOTHING
}

fn release() {
    SELECT.write(1);
    shift(NOTHING);
}

fn receive(out: &mut [u8]) -> bool {
    if !(0..READ_BYTES).any(|_| shift(NOTHING) == BEGIN) {
        return false;
    }
    for byte in out.iter_mut() {
        *byte = shift(NOTHING);
    }
    // Its check sum; content is checked by digest.
    shift(NOTHING);
    shift(NOTHING);
    true
}

impl SdCard {
    /// Starts the card. Without one everything on it fails.
    #[must_use]
    pub(crate) fn start() -> Self {
        alternate(PORT_A, 0b11_1100);
        outputs(PORT_D, 1);
        SELECT.write(1);
        divide(124);
        for _ in 0..10 {
            shift(NOTHING);
        }
        let mut card = Self { blocks: 0, by_blocks: false };
        let idle = (0..10).any(|_| command(0, 0) == 1);
        if idle && card.wake() {
            divide(4);
            card.blocks = card.size();
        }
        release();
        card
    }

    fn wake(&mut self) -> bool {
        let version_2 = command(8, 0x1AA) & 4 == 0;
        if version_2 {
            for _ in 0..4 {
                shift(NOTHING);
            }
        }
        let high = if version_2 { 1 << 30 } else { 0 };
        let started = (0..START_TRIES).any(|_| {
            command(55, 0);
            command(41, high) == 0
        });
        if !started {
            return false;
        }
        // The answer byte is not looked at: QEMU 7.2 says idle here. What counts is bit 30.
        command(58, 0);
        let conditions = [0; 4].map(|_: u8| shift(NOTHING));
        self.by_blocks = conditions.first().is_some_and(|byte| byte & 0x40 != 0);
        self.by_blocks || command(16, 512) == 0
    }

    fn size(&self) -> u32 {
        let mut csd = [0_u8; 16];
        if command(9, 0) != 0 || !receive(&mut csd) {
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

impl Blocks for SdCard {
    fn count(&mut self) -> u32 {
        self.blocks
    }

    fn read(&mut self, block: u32, out: &mut [u8; BLOCK_BYTES]) -> bool {
        let good = block < self.blocks && command(17, self.address(block)) == 0 && receive(out);
        release();
        good
    }

    fn write(&mut self, block: u32, bytes: &[u8; BLOCK_BYTES]) -> bool {
        if block >= self.blocks || command(24, self.address(block)) != 0 {
            release();
            return false;
        }
        // At least one byte lies between answer and block (N_WR).
        shift(NOTHING);
        shift(BEGIN);
        for byte in bytes {
            shift(*byte);
        }
        shift(NOTHING);
        shift(NOTHING);
        let accepted = shift(NOTHING) & 0x1F == 5;
        let done = accepted && (0..WRITE_BYTES).any(|_| shift(NOTHING) == NOTHING);
        release();
        done
    }
}
