//! The terminal on a TI LM3S6965 evaluation board: Cortex-M3 at 50 MHz, as QEMU's machine
//! `lm3s6965evb` emulates it. Register names and addresses: LM3S6965 data sheet (Texas Instruments).
//!
//! | part | here |
//! |---|---|
//! | line | UART0, 115200 8N1; PA6 is the line driver's direction |
//! | sound | 8 samples every millisecond as 16 bits low byte first to UART1, where a converter listens |
//! | amplifier's relay | PF0, open = low |
//! | current sensor in the loudspeaker's line | PE0, high = current |
//! | clips | SD card at SSI0, selected by PD0 |
//! | persistent memory | AT24C64 or larger at I2C0, address 0x50 |
//!
//! All `unsafe` of the firmware is here: registers, and the names the vector table wants.
#![no_std]

mod board;
mod i2c;
mod reg;
mod sd;
mod sound;
mod uart;

pub use board::Lm3s;
pub use i2c::At24c;
pub use sd::Ssi;

/// The board's card.
pub type Card = mingluo_terminal_app::SdCard<Ssi>;

/// Opens the amplifier's relay and starts anew; for panics and faults.
pub fn stop_everything() -> ! {
    board::relay(false);
    cortex_m::peripheral::SCB::sys_reset()
}
