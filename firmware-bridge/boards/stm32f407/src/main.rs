//! The terminal on an STM32F407VG, a part one can buy, with embassy-stm32's drivers.
//!
//! Compile-checked: it has not run on hardware yet, and there is no emulator for it here.
//!
//! | part | here |
//! |---|---|
//! | line | USART2 on PA2 and PA3, 115200 8N1; PA1 is the line driver's direction |
//! | speech chip, if there is one | USART3 on PB10 and PB11, 9600 8N1 |
//! | sound | converter DAC1 on PA4, a sample at each of 8,000 SysTicks a second |
//! | amplifier's relay | PD12, open = low |
//! | current sensor in the loudspeaker's line | PD13, high = current |
//! | clips | SD card at SPI1 on PA5, PA6, PA7, selected by PB6 |
//! | persistent memory | AT24C64 or larger at I2C1 on PB8 and PB9, address 0x50 |
//!
//! The processor runs from its internal 16 MHz oscillator; the terminal's clock comes from signals.
#![no_std]
#![no_main]

mod board;
mod sound;

use board::{At24c, Card, Stm32};
use cortex_m_rt::{ExceptionFrame, entry, exception};
use mingluo_bridge::provision::Provision;
use mingluo_bridge::station::LineProfile;
use mingluo_terminal_app::{App, Board, Core, Line, SOFTWARE, TextSpace, core, line, provision};
use static_cell::StaticCell;

static CORE: StaticCell<Core<At24c>> = StaticCell::new();
static LINE: StaticCell<Line<Card>> = StaticCell::new();
static TEXT: StaticCell<TextSpace> = StaticCell::new();

#[entry]
fn main() -> ! {
    let Some((mut board, mut eeprom, card)) = Stm32::start() else { stop_everything() };
    let record = provision(&mut eeprom);
    let line = record.as_ref().and_then(|record| record.line(SOFTWARE));
    let (Some(record), Some(line)) = (record, line) else { wait_for_provisioning(&mut board) };
    let terminal = boot_core(&record, eeprom.clone(), board.tick_ms());
    let station = open_line(line, card);
    let text = TEXT.init(TextSpace::new());
    let mut app = App::new(terminal, station, eeprom, record.speech, text);
    loop {
        app.step(&mut board);
    }
}

/// Apart from `main`, so that the stack has room again when it is done.
#[inline(never)]
fn boot_core(record: &Provision, eeprom: At24c, tick_ms: i64) -> &'static mut Core<At24c> {
    CORE.init_with(|| core(record, eeprom, tick_ms))
}

/// As above.
#[inline(never)]
fn open_line(profile: LineProfile, card: Card) -> &'static mut Line<Card> {
    LINE.init_with(|| line(profile, card))
}

/// A terminal that does not know who it is stays silent, with its amplifier off.
fn wait_for_provisioning(board: &mut Stm32) -> ! {
    loop {
        board.relay(false);
        board.feed();
        board.rest();
    }
}

/// A reset makes every pin an input, and the relay's driver opens it.
fn stop_everything() -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    stop_everything()
}

#[panic_handler]
fn on_panic(_: &::core::panic::PanicInfo<'_>) -> ! {
    stop_everything()
}
