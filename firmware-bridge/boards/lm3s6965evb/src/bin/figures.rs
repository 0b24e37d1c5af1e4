//! Figures of the processor, told by semihosting: run with `-icount shift=0`, where one instruction
//! takes a nanosecond.
#![no_std]
#![no_main]

use cortex_m_rt::{ExceptionFrame, entry, exception};
use cortex_m_semihosting::{debug, hprintln};
use mingluo_bridge::adpcm::decode_block;
use mingluo_bridge::frame::{Ed25519Verifier, HmacKey, Kind, open};
use mingluo_bridge::message::{Order, Report};
use mingluo_bridge::replay::{Memory, Phase};
use mingluo_lm3s6965evb::{Lm3s, stop_everything};
use mingluo_terminal_app::{Board, Slots};

/// The example of PROTOCOL.md: a cancel order and its public key.
const PUBLIC: [u8; 32] = [
    0xea, 0x4a, 0x6c, 0x63, 0xe2, 0x9c, 0x52, 0x0a, 0xbe, 0xf5, 0x50, 0x7b, 0x13, 0x2e, 0xc5, 0xf9,
    0x95, 0x47, 0x76, 0xae, 0xbe, 0xbe, 0x7b, 0x92, 0x42, 0x1e, 0xea, 0x69, 0x14, 0x46, 0xd2, 0x2c,
];
const ORDER: [u8; 95] = [
    0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0xac, 0x02, 0x01, 0x05, 0x00, 0xe0, 0x8f, 0x92,
    0x98, 0xc4, 0x0c, 0x80, 0xc0, 0xe2, 0x85, 0xe3, 0x68, 0x80, 0xfa, 0x99, 0x89, 0xe3, 0x68, 0x20,
    0x41, 0x3b, 0xd8, 0xa2, 0x4d, 0x30, 0x64, 0x19, 0xe4, 0x7f, 0xbd, 0x37, 0xb9, 0xc6, 0xbe, 0x8e,
    0xaf, 0x3b, 0x7a, 0x5b, 0x11, 0x34, 0x16, 0x53, 0x66, 0x8b, 0x05, 0x1e, 0x3f, 0x69, 0xbd, 0xaa,
    0xc4, 0xca, 0x8d, 0x00, 0xe9, 0x99, 0x30, 0xd1, 0xa1, 0xa2, 0x42, 0x4c, 0x6b, 0x7f, 0x9a, 0x5f,
    0xc3, 0xc7, 0xec, 0x0f, 0x1d, 0x21, 0xad, 0xcf, 0x26, 0x0f, 0x56, 0x1e, 0xc5, 0x36, 0x05,
];

/// Instructions that `work` takes, to the millisecond of ticks: it is done often enough.
fn instructions(board: &mut Lm3s, times: i64, mut work: impl FnMut() -> bool) -> i64 {
    board.feed();
    let from = board.tick_ms();
    for _ in 0..times {
        if !core::hint::black_box(work()) {
            return -1;
        }
        board.feed();
    }
    (board.tick_ms() - from) * 1_000_000 / times
}

/// The example of PROTOCOL.md that is signed with SM2.
#[cfg(feature = "sm2")]
fn sm2(board: &mut Lm3s) -> i64 {
    use mingluo_bridge::gateway_key::GatewayKey;
    const X: [u8; 32] = SM2_X;
    const Y: [u8; 32] = SM2_Y;
    const ORDER: [u8; 95] = SM2_ORDER;
    let Some(verifier) = (GatewayKey::Sm2 { x: X, y: Y }).verifier(1) else { return -1 };
    let verified = instructions(board, 4, || {
        open::<Order>(Kind::Order, core::hint::black_box(&ORDER), &verifier).is_ok()
    });
    hprintln!("instructions: order signed with SM2 opened {}", verified);
    verified
}

#[entry]
fn main() -> ! {
    let Some((mut board, parts)) = Lm3s::start() else { stop_everything() };
    let Some(verifier) = Ed25519Verifier::new(1, &PUBLIC) else { stop_everything() };
    let verify = instructions(&mut board, 20, || {
        open::<Order>(Kind::Order, core::hint::black_box(&ORDER), &verifier).is_ok()
    });
    #[cfg(feature = "sm2")]
    let verified = sm2(&mut board);
    #[cfg(not(feature = "sm2"))]
    let verified = 0;
    let key = HmacKey::new(1, &PUBLIC);
    let hmac = instructions(&mut board, 200, || {
        open::<Report>(Kind::Acknowledgement, core::hint::black_box(&ORDER), &key).is_err()
    });
    let block = core::hint::black_box([0x5A; 256]);
    let adpcm = instructions(&mut board, 400, || {
        let mut sum = 0_i64;
        decode_block(&block, |sample| sum += i64::from(sample));
        core::hint::black_box(sum);
        true
    });
    let mut memory = Memory::load(Slots(parts.eeprom));
    let mut counter = 0;
    let window = instructions(&mut board, 10, || {
        counter += 1;
        memory.remember(counter, [1; 8], Phase::Accepted, &[])
    });
    hprintln!("instructions: order opened {}, wrong seal refused {}", verify, hmac);
    hprintln!("instructions: 505 samples decoded {}, window written {}", adpcm, window);
    let good = [verify, verified, hmac, adpcm, window].iter().all(|figure| *figure >= 0);
    debug::exit(if good { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    stop_everything()
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
