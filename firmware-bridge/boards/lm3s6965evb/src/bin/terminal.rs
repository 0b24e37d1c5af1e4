//! The terminal.
#![no_std]
#![no_main]

use cortex_m_rt::{ExceptionFrame, entry, exception};
use mingluo_bridge::provision::Provision;
use mingluo_bridge::station::LineProfile;
use mingluo_lm3s6965evb::{At24c, Card, Lm3s, stop_everything};
use mingluo_terminal_app::{
    App, Board, Core, Line, Parts, SOFTWARE, TextSpace, core, line, provision,
};
use static_cell::StaticCell;

static CORE: StaticCell<Core<At24c>> = StaticCell::new();
static LINE: StaticCell<Line<Card>> = StaticCell::new();
static TEXT: StaticCell<TextSpace> = StaticCell::new();

#[entry]
fn main() -> ! {
    let Some((mut board, parts)) = Lm3s::start() else { stop_everything() };
    let Parts { mut eeprom, blocks } = parts;
    let record = provision(&mut eeprom);
    let line = record.as_ref().and_then(|record| record.line(SOFTWARE));
    let (Some(record), Some(line)) = (record, line) else { wait_for_provisioning(&mut board) };
    let terminal = boot_core(&record, eeprom, board.tick_ms());
    let station = open_line(line, blocks);
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
fn open_line(profile: LineProfile, blocks: Card) -> &'static mut Line<Card> {
    LINE.init_with(|| line(profile, blocks))
}

/// A terminal that does not know who it is stays silent, with its amplifier off.
fn wait_for_provisioning(board: &mut Lm3s) -> ! {
    loop {
        board.relay(false);
        board.feed();
        board.rest();
    }
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    stop_everything()
}

#[exception]
unsafe fn DefaultHandler(_: i16) {
    stop_everything()
}

#[panic_handler]
fn on_panic(_: &core::panic::PanicInfo<'_>) -> ! {
    stop_everything()
}
