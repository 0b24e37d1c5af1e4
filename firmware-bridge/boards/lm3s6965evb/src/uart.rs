//! UARTs (ARM PL011). UART0 is the line: received by interrupt into a ring, sent by asking. UART2 is the
//! speech chip's: sent by SysTick, so that a frame has no pause in it, received by asking.

use crate::reg::{CLOCK_HZ, Reg};
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

const UART0: usize = 0x4000_C000;
const UART1: usize = 0x4000_D000;
const UART2: usize = 0x4000_E000;
const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const RECEIVE_EMPTY: u32 = 1 << 4;
const SEND_FULL: u32 = 1 << 5;
const BUSY: u32 = 1 << 3;
/// Speed of the line, bit/s.
pub(crate) const LINE_BAUD: u32 = 115_200;
/// Speed towards the converter: 16 bytes a millisecond and room.
const CONVERTER_BAUD: u32 = 460_800;

/// Speed of a speech chip as it starts, bit/s: not quite a byte a millisecond.
const CHIP_BAUD: u32 = 9_600;
/// Bytes that wait for the chip: one frame.
const CHIP_BYTES: usize = 520;
static CHIP: [AtomicU8; CHIP_BYTES] = [const { AtomicU8::new(0) }; CHIP_BYTES];
static CHIP_PUT: AtomicUsize = AtomicUsize::new(0);
static CHIP_TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Bytes that wait. A signature check takes about 50 ms and a write of the replay window 110 ms, in
/// which a line at 115200 brings 1,850 bytes. When it is full what comes is dropped: its frame fails
/// its check sum, and the gateway repeats.
const RING_BYTES: usize = 2_048;
static RING: [AtomicU8; RING_BYTES] = [const { AtomicU8::new(0) }; RING_BYTES];
static PUT: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static HEARD_AT: AtomicU32 = AtomicU32::new(0);

fn start(base: usize, baud: u32, receive_interrupts: bool) {
    // 16 divisions a bit, with six fractional bits (section 12.3.2).
    let divisor = (CLOCK_HZ * 4 + baud / 2) / baud;
    Reg::at(base, 0x30).write(0);
    Reg::at(base, 0x24).write(divisor >> 6);
    Reg::at(base, 0x28).write(divisor & 63);
    // 8N1, FIFOs on.
    Reg::at(base, 0x2C).write(0x70);
    Reg::at(base, 0x38).write(if receive_interrupts { 0x50 } else { 0 });
    Reg::at(base, 0x30).write(0x301);
}

/// Starts all three.
pub(crate) fn start_all() {
    start(UART2, CHIP_BAUD, false);
    start(UART0, LINE_BAUD, true);
    start(UART1, CONVERTER_BAUD, false);
}

/// UART0's interrupt: empties its FIFO.
pub(crate) fn on_receive(tick_ms: u32) {
    let data = Reg::at(UART0, DATA);
    let flags = Reg::at(UART0, FLAGS);
    while flags.read() & RECEIVE_EMPTY == 0 {
        let [byte, ..] = data.read().to_le_bytes();
        let put = PUT.load(Ordering::Relaxed);
        let waiting = put.wrapping_sub(TAKEN.load(Ordering::Acquire));
        match RING.get(put % RING_BYTES) {
            Some(place) if waiting < RING_BYTES => {
                place.store(byte, Ordering::Relaxed);
                PUT.store(put.wrapping_add(1), Ordering::Release);
            }
            Some(_) | None => {}
        }
    }
    HEARD_AT.store(tick_ms, Ordering::Relaxed);
    Reg::at(UART0, 0x44).write(0x50);
}

/// The next byte from the line.
pub(crate) fn line_read() -> Option<u8> {
    let taken = TAKEN.load(Ordering::Relaxed);
    if taken == PUT.load(Ordering::Acquire) {
        return None;
    }
    let byte = RING.get(taken % RING_BYTES)?.load(Ordering::Relaxed);
    TAKEN.store(taken.wrapping_add(1), Ordering::Release);
    Some(byte)
}

/// When the newest byte came, low 32 bits of the milliseconds since boot.
pub(crate) fn line_heard_ms() -> u32 {
    HEARD_AT.load(Ordering::Relaxed)
}

/// Puts a byte on the line; false when the FIFO is full.
pub(crate) fn line_write(byte: u8) -> bool {
    let room = Reg::at(UART0, FLAGS).read() & SEND_FULL == 0;
    if room {
        Reg::at(UART0, DATA).write(u32::from(byte));
    }
    room
}

/// Whether the last stop bit has left.
pub(crate) fn line_sent() -> bool {
    Reg::at(UART0, FLAGS).read() & BUSY == 0
}

/// Takes a frame for the speech chip; false when there is no room for all of it.
pub(crate) fn chip_send(frame: &[u8]) -> bool {
    let put = CHIP_PUT.load(Ordering::Relaxed);
    let waiting = put.wrapping_sub(CHIP_TAKEN.load(Ordering::Acquire));
    if CHIP_BYTES.saturating_sub(waiting) < frame.len() {
        return false;
    }
    for (offset, byte) in frame.iter().enumerate() {
        if let Some(place) = CHIP.get(put.wrapping_add(offset) % CHIP_BYTES) {
            place.store(*byte, Ordering::Relaxed);
        }
    }
    CHIP_PUT.store(put.wrapping_add(frame.len()), Ordering::Release);
    true
}

/// The next byte from the speech chip.
pub(crate) fn chip_read() -> Option<u8> {
    let waits = Reg::at(UART2, FLAGS).read() & RECEIVE_EMPTY == 0;
    waits.then(|| {
        let [byte, ..] = Reg::at(UART2, DATA).read().to_le_bytes();
        byte
    })
}

/// Every millisecond: what the chip's UART takes of what waits.
pub(crate) fn chip_tick() {
    while Reg::at(UART2, FLAGS).read() & SEND_FULL == 0 {
        let taken = CHIP_TAKEN.load(Ordering::Relaxed);
        if taken == CHIP_PUT.load(Ordering::Acquire) {
            return;
        }
        if let Some(place) = CHIP.get(taken % CHIP_BYTES) {
            Reg::at(UART2, DATA).write(u32::from(place.load(Ordering::Relaxed)));
        }
        CHIP_TAKEN.store(taken.wrapping_add(1), Ordering::Release);
    }
}

/// One sample to the converter. It is called with 16 bytes a millisecond, which the FIFO holds.
pub(crate) fn converter_write(sample: i16) {
    for byte in sample.to_le_bytes() {
        Reg::at(UART1, DATA).write(u32::from(byte));
    }
}
