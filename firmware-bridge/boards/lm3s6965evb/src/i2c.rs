//! EEPROM AT24C64 (or FRAM that speaks the same) at I2C0.

use crate::reg::{CLOCK_HZ, PORT_B, Reg, alternate, open_drain};
use mingluo_terminal_app::Eeprom;

const I2C0: usize = 0x4002_0000;
const ADDRESS: Reg = Reg::at(I2C0, 0x00);
const CONTROL: Reg = Reg::at(I2C0, 0x04);
const DATA: Reg = Reg::at(I2C0, 0x08);
const PERIOD: Reg = Reg::at(I2C0, 0x0C);
const MODE: Reg = Reg::at(I2C0, 0x20);
const RUN: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 4;
const ACKNOWLEDGE: u32 = 8;
const BUSY: u32 = 1;
const ERROR: u32 = 2;

/// The chip's address on the bus.
const CHIP: u32 = 0x50;
/// Bytes the chip writes at once (AT24C64).
const PAGE_BYTES: u16 = 32;
/// Tries while the chip writes a page, which takes it 5 ms or, old and cold, 10; each try takes at
/// least 25 microseconds at 400 kHz.
const PAGE_TRIES: u32 = 800;
/// Reads of the control register for one byte at 400 kHz: 25 microseconds, with a wide margin.
const BYTE_READS: u32 = 10_000;

/// The chip. Its copies are the same chip; there is one thread of execution.
#[derive(Clone, Copy)]
pub struct At24c(());

impl At24c {
    /// Starts the bus at 400 kHz.
    #[must_use]
    pub(crate) fn start() -> Self {
        alternate(PORT_B, 0b1100);
        open_drain(PORT_B, 0b1000);
        MODE.write(0x10);
        PERIOD.write(CLOCK_HZ / (2 * 10 * 400_000) - 1);
        Self(())
    }

    /// One byte's time on the bus; false when it failed. The bus is let go then.
    fn go(command: u32) -> bool {
        CONTROL.write(command);
        let done = (0..BYTE_READS).any(|_| CONTROL.read() & BUSY == 0);
        let good = done && CONTROL.read() & ERROR == 0;
        if !good && command & STOP == 0 {
            CONTROL.write(STOP);
        }
        good
    }

    /// Tells the chip an address; leaves the bus taken when `more` follows.
    fn point(at: u16, more: bool) -> bool {
        let [high, low] = at.to_be_bytes();
        ADDRESS.write(CHIP << 1);
        DATA.write(u32::from(high));
        if !Self::go(START | RUN) {
            return false;
        }
        DATA.write(u32::from(low));
        Self::go(if more { RUN } else { RUN | STOP })
    }

    fn write_page(at: u16, bytes: &[u8]) -> bool {
        // A chip that still writes the page before does not answer to its address.
        if !(0..PAGE_TRIES).any(|_| Self::point(at, true)) {
            return false;
        }
        let Some((last, front)) = bytes.split_last() else { return Self::go(STOP) };
        for byte in front {
            DATA.write(u32::from(*byte));
            if !Self::go(RUN) {
                return false;
            }
        }
        DATA.write(u32::from(*last));
        Self::go(RUN | STOP)
    }
}

impl Eeprom for At24c {
    fn read(&mut self, at: u16, out: &mut [u8]) -> bool {
        if !(0..PAGE_TRIES).any(|_| Self::point(at, false)) {
            return false;
        }
        ADDRESS.write(CHIP << 1 | 1);
        let count = out.len();
        for (place, byte) in out.iter_mut().enumerate() {
            let first = if place == 0 { START } else { 0 };
            let more = if place + 1 == count { STOP } else { ACKNOWLEDGE };
            if !Self::go(first | more | RUN) {
                return false;
            }
            let [got, ..] = DATA.read().to_le_bytes();
            *byte = got;
        }
        true
    }

    fn write(&mut self, at: u16, bytes: &[u8]) -> bool {
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let room = usize::from(PAGE_BYTES - at % PAGE_BYTES).min(rest.len());
            let (page, after) = rest.split_at(room);
            if !Self::write_page(at, page) {
                return false;
            }
            at = at.saturating_add(u16::try_from(room).unwrap_or(u16::MAX));
            rest = after;
        }
        // The last page is in the chip when it answers again.
        (0..PAGE_TRIES).any(|_| Self::point(0, false))
    }
}
