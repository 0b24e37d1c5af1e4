//! Time and sound: 8,000 SysTicks a second, one sample each.

use core::sync::atomic::{AtomicI16, AtomicU32, AtomicUsize, Ordering};
use cortex_m_rt::exception;

/// The converter's channel 1, 12 bits at the left.
const CONVERTER: usize = 0x4000_740C;
/// SysTicks of a millisecond.
pub(crate) const TICKS_A_MS: u32 = 8;
/// Samples that wait: 256 ms, longer than the longest round of the main loop.
const QUEUE_SAMPLES: usize = 2_048;
static QUEUE: [AtomicI16; QUEUE_SAMPLES] = [const { AtomicI16::new(0) }; QUEUE_SAMPLES];
static PUT: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// Part of the millisecond that runs.
static PART: AtomicU32 = AtomicU32::new(0);
static MS: AtomicU32 = AtomicU32::new(0);
static OVERRUNS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    let part = (PART.load(Ordering::Relaxed) + 1) % TICKS_A_MS;
    PART.store(part, Ordering::Relaxed);
    if part == 0 {
        let ms = MS.load(Ordering::Relaxed).wrapping_add(1);
        MS.store(ms, Ordering::Relaxed);
        if ms == 0 {
            OVERRUNS.store(OVERRUNS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }
    let taken = TAKEN.load(Ordering::Relaxed);
    if taken != PUT.load(Ordering::Acquire)
        && let Some(place) = QUEUE.get(taken % QUEUE_SAMPLES)
    {
        // The converter's zero is half of its range.
        let level = place.load(Ordering::Relaxed).cast_unsigned() ^ 0x8000;
        let to = core::ptr::with_exposed_provenance_mut::<u32>(CONVERTER);
        // SAFETY: DAC_DHR12L1 (RM0090, section 14.5.4) is always mapped and aligned; the driver
        // that switched the converter on does not write it any more.
        unsafe { to.write_volatile(u32::from(level)) };
        TAKEN.store(taken.wrapping_add(1), Ordering::Release);
    }
}

/// Milliseconds since boot.
pub(crate) fn tick_ms() -> i64 {
    loop {
        let before = OVERRUNS.load(Ordering::Relaxed);
        let ms = MS.load(Ordering::Relaxed);
        if before == OVERRUNS.load(Ordering::Relaxed) {
            return (i64::from(before) << 32) | i64::from(ms);
        }
    }
}

/// How many samples fit now.
pub(crate) fn room() -> usize {
    let waiting = PUT.load(Ordering::Relaxed).wrapping_sub(TAKEN.load(Ordering::Acquire));
    QUEUE_SAMPLES.saturating_sub(waiting)
}

/// Puts a sample into the queue; one too many is dropped.
pub(crate) fn put(sample: i16) {
    let put = PUT.load(Ordering::Relaxed);
    if room() > 0
        && let Some(place) = QUEUE.get(put % QUEUE_SAMPLES)
    {
        place.store(sample, Ordering::Relaxed);
        PUT.store(put.wrapping_add(1), Ordering::Release);
    }
}

/// Whether samples wait.
pub(crate) fn waits() -> bool {
    room() < QUEUE_SAMPLES
}

/// Drops what waits.
pub(crate) fn stop() {
    cortex_m::interrupt::free(|_| TAKEN.store(PUT.load(Ordering::Relaxed), Ordering::Release));
}
