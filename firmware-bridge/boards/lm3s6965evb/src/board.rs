//! The board as the terminal's main loop sees it, interrupts, and the vector table.

use crate::reg::{self, CLOCK_HZ, PORT_A, PORT_E, PORT_F, Reg, alternate, inputs, outputs, pins};
use crate::{At24c, Card, Ssi, sound, uart};
use cortex_m::Peripherals;
use cortex_m::peripheral::NVIC;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use mingluo_terminal_app::{Board, Parts, SdCard};

const RELAY: Reg = pins(PORT_F, 1);
const DIRECTION: Reg = pins(PORT_A, 1 << 6);
const CURRENT: Reg = pins(PORT_E, 1);
const WATCHDOG: usize = 0x4000_0000;
/// The first half of the watchdog's time; a reset comes after the second.
const WATCHDOG_CLOCKS: u32 = CLOCK_HZ;

/// Opens or closes the amplifier's relay.
pub(crate) fn relay(closed: bool) {
    RELAY.write(u32::from(closed));
}

/// The board.
pub struct Lm3s(());

impl Lm3s {
    /// Starts the board, the amplifier's relay first. `None` when it was started before.
    #[must_use]
    pub fn start() -> Option<(Self, Parts<At24c, Card>)> {
        let mut core = Peripherals::take()?;
        reg::clocks();
        relay(false);
        outputs(PORT_F, 1);
        inputs(PORT_E, 1);
        alternate(PORT_A, 0b11);
        outputs(PORT_A, 1 << 6);
        alternate(reg::PORT_D, 0b1100);
        alternate(reg::PORT_G, 0b11);
        uart::start_all();
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CLOCK_HZ / 1000 - 1);
        core.SYST.clear_current();
        core.SYST.enable_counter();
        core.SYST.enable_interrupt();
        let parts = Parts { eeprom: At24c::start(), blocks: SdCard::start(Ssi::start()) };
        // SAFETY: both interrupts share only atomics with the rest, and no critical section of
        // this firmware relies on their being masked.
        unsafe { NVIC::unmask(Interrupt::Uart0) };
        Reg::at(WATCHDOG, 0).write(WATCHDOG_CLOCKS);
        Reg::at(WATCHDOG, 8).write(3);
        Some((Self(()), parts))
    }
}

impl Board for Lm3s {
    fn tick_ms(&self) -> i64 {
        sound::tick_ms()
    }

    fn line_read(&mut self) -> Option<u8> {
        uart::line_read()
    }

    fn line_heard_ms(&self) -> i64 {
        let now_ms = sound::tick_ms();
        let [.., a, b, c, d] = now_ms.to_be_bytes();
        let low = u32::from_be_bytes([a, b, c, d]);
        now_ms - i64::from(low.wrapping_sub(uart::line_heard_ms()))
    }

    fn line_talk(&mut self, talk: bool) {
        DIRECTION.write(if talk { 1 << 6 } else { 0 });
    }

    fn line_write(&mut self, byte: u8) -> bool {
        uart::line_write(byte)
    }

    fn line_sent(&self) -> bool {
        uart::line_sent()
    }

    fn relay(&mut self, closed: bool) {
        relay(closed);
    }

    fn sound_room(&self) -> usize {
        sound::room()
    }

    fn sound_put(&mut self, sample: i16) {
        sound::put(sample);
    }

    fn sounding(&self) -> bool {
        sound::waits()
    }

    fn sound_stop(&mut self) {
        sound::stop();
    }

    fn chip_send(&mut self, frame: &[u8]) -> bool {
        uart::chip_send(frame)
    }

    fn chip_read(&mut self) -> Option<u8> {
        uart::chip_read()
    }

    fn heard(&mut self) -> bool {
        CURRENT.read() != 0
    }

    fn feed(&mut self) {
        // Any write clears the first half and begins anew.
        Reg::at(WATCHDOG, 0x0C).write(1);
        Reg::at(WATCHDOG, 0).write(WATCHDOG_CLOCKS);
    }

    fn rest(&mut self) {
        // SysTick ends it within a millisecond.
        cortex_m::asm::wfi();
    }
}

#[exception]
fn SysTick() {
    sound::on_tick();
    uart::chip_tick();
}

/// UART0's interrupt, by the name the vector table below wants.
// SAFETY: the name is in device.x only as a default; nothing else defines it.
#[unsafe(no_mangle)]
extern "C" fn UART0() {
    uart::on_receive(sound::tick_low());
}

/// Interrupts in use.
#[derive(Clone, Copy)]
enum Interrupt {
    Uart0,
}

// SAFETY: 5 is UART0's number (data sheet, table 2-9), lies within the table below, and every
// variant has its own.
unsafe impl cortex_m::interrupt::InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        match self {
            Self::Uart0 => 5,
        }
    }
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// The chip's 44 interrupts.
// SAFETY: cortex-m-rt's script puts this section behind the 16 vectors of the processor; every
// entry is a function without arguments that returns.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 44] = {
    let mut table = [DefaultHandler as unsafe extern "C" fn(); 44];
    let (_, rest) = table.split_at_mut(5);
    if let Some(uart0) = rest.first_mut() {
        *uart0 = UART0;
    }
    table
};
