#![no_std]
#![no_main]
use cortex_m_rt::entry;
#[entry]
fn main() -> ! {
    let _p = embassy_stm32::init(embassy_stm32::Config::default());
    loop {}
}
#[panic_handler]
fn p(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
