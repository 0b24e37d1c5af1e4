//! The terminal on an STM32F407VG, a part one can buy; compile-checked.
#![no_std]
#![no_main]
use cortex_m_rt::entry;
#[entry]
fn main() -> ! {
    let _p = embassy_stm32::init(embassy_stm32::Config::default());
    loop {
        cortex_m::asm::wfi();
    }
}
#[panic_handler]
fn p(_: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
