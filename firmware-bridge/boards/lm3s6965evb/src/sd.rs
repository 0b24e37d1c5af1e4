//! The SD card's bus: SSI0, selected by PD0.

use crate::reg::{PORT_A, PORT_D, Reg, alternate, outputs, pins};
use mingluo_terminal_app::CardBus;

const SSI0: usize = 0x4000_8000;
const STATUS: Reg = Reg::at(SSI0, 0x0C);
const DATA: Reg = Reg::at(SSI0, 0x08);
const SELECT: Reg = pins(PORT_D, 1);
/// Reads of the status register for one byte at 400 kHz.
const SHIFT_READS: u32 = 50_000;

/// The bus.
pub struct Ssi(());

impl Ssi {
    /// Starts it at 400 kHz.
    #[must_use]
    pub(crate) fn start() -> Self {
        alternate(PORT_A, 0b11_1100);
        outputs(PORT_D, 1);
        SELECT.write(1);
        divide(124);
        Self(())
    }
}

impl CardBus for Ssi {
    fn shift(&mut self, byte: u8) -> u8 {
        DATA.write(u32::from(byte));
        if !(0..SHIFT_READS).any(|_| STATUS.read() & 4 != 0) {
            return 0xFF;
        }
        let [got, ..] = DATA.read().to_le_bytes();
        got
    }

    fn select(&mut self, selected: bool) {
        SELECT.write(u32::from(!selected));
    }

    fn fast(&mut self) {
        divide(4);
    }
}

fn divide(clocks: u32) {
    Reg::at(SSI0, 0x04).write(0);
    Reg::at(SSI0, 0x10).write(clocks);
    // 8 bits, SPI mode 0.
    Reg::at(SSI0, 0x00).write(7);
    Reg::at(SSI0, 0x04).write(2);
}
