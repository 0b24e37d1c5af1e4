//! Time and sound: SysTick counts milliseconds and gives the converter its eight samples.

use core::sync::atomic::{AtomicI16, AtomicU32, AtomicUsize, Ordering};

/// Samples of a millisecond.
const SAMPLES_A_TICK: usize = 8;
/// Samples that wait: 256 ms, longer than the longest round of the main loop.
const QUEUE_SAMPLES: usize = 2_048;
static QUEUE: [AtomicI16; QUEUE_SAMPLES] = [const { AtomicI16::new(0) }; QUEUE_SAMPLES];
static PUT: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

static TICKS: AtomicU32 = AtomicU32::new(0);
/// How often the 32 bits above ran over, every 49.7 days.
static OVERRUNS: AtomicU32 = AtomicU32::new(0);

/// SysTick's interrupt.
pub(crate) fn on_tick() {
    let ticks = TICKS.load(Ordering::Relaxed).wrapping_add(1);
    TICKS.store(ticks, Ordering::Relaxed);
    if ticks == 0 {
        OVERRUNS.store(OVERRUNS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
    for _ in 0..SAMPLES_A_TICK {
        let taken = TAKEN.load(Ordering::Relaxed);
        if taken == PUT.load(Ordering::Acquire) {
            return;
        }
        if let Some(place) = QUEUE.get(taken % QUEUE_SAMPLES) {
            crate::uart::converter_write(place.load(Ordering::Relaxed));
        }
        TAKEN.store(taken.wrapping_add(1), Ordering::Release);
    }
}

/// Low 32 bits of the milliseconds since boot.
pub(crate) fn tick_low() -> u32 {
    TICKS.load(Ordering::Relaxed)
}

/// Milliseconds since boot.
pub(crate) fn tick_ms() -> i64 {
    loop {
        let before = OVERRUNS.load(Ordering::Relaxed);
        let ticks = TICKS.load(Ordering::Relaxed);
        if before == OVERRUNS.load(Ordering::Relaxed) {
            return (i64::from(before) << 32) | i64::from(ticks);
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
    // The interrupt is the only other one that moves `TAKEN`.
    cortex_m::interrupt::free(|_| TAKEN.store(PUT.load(Ordering::Relaxed), Ordering::Release));
}
