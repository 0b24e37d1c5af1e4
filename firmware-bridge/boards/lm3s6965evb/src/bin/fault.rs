//! For the test of the relay: closes it, waits, and panics.
#![no_std]
#![no_main]

use cortex_m_rt::{ExceptionFrame, entry, exception};
use mingluo_lm3s6965evb::{Lm3s, stop_everything};
use mingluo_terminal_app::Board;

#[entry]
fn main() -> ! {
    let Some((mut board, _)) = Lm3s::start() else { stop_everything() };
    board.relay(true);
    // The watchdog is not fed from here on: a loop that hangs ends the same way after 2 s.
    while board.tick_ms() < 1_000 {
        board.rest();
    }
    overflow(0);
    stop_everything()
}

/// Grows the stack until its end faults.
#[expect(unconditional_recursion, reason = "that is the fault")]
fn overflow(depth: u32) -> u32 {
    let block = core::hint::black_box([depth; 64]);
    overflow(depth.wrapping_add(1)).wrapping_add(block.iter().sum())
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
