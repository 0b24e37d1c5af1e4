//! Who speaks: the seam between the renderer and a voice, and the neural voice behind it.

use super::kokoro::{Kokoro, KokoroFault};
use super::samples::Samples;
use super::text::{FrontEnd, TextFault};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use thiserror::Error;

/// Syntheses that may run at once. One that nobody waits for any more ends at its next chunk (at most
/// about 20 s of speech); the second place keeps it from blocking the next broadcast. When both are
/// taken, the recorded warning plays at once.
pub const SYNTHESES_MAX: usize = 2;

/// Why nobody spoke.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpeechFault {
    /// No voice is installed.
    #[error("no voice: {0}")]
    Absent(String),
    /// Not done in time.
    #[error("expected speech within {0} ms, got none")]
    Late(u64),
    /// [`SYNTHESES_MAX`] syntheses run already.
    #[error("expected a free voice, got {SYNTHESES_MAX} syntheses still running")]
    Busy,
    /// The text can't be spoken.
    #[error(transparent)]
    Text(#[from] TextFault),
    /// The voice failed.
    #[error(transparent)]
    Voice(#[from] KokoroFault),
    /// The synthesis thread could not start or panicked.
    #[error("synthesis ended without a result: {0}")]
    Broken(String),
}

/// A voice that turns text into sound.
pub trait Speech: Send + Sync {
    /// What goes into the record before the voice's name, such as `kokoro`.
    fn name(&self) -> String;

    /// Speaks `text` with `voice` within `deadline`; blocks the calling thread no longer than that.
    ///
    /// # Errors
    /// [`SpeechFault`]; the caller then plays a recorded warning.
    fn speak(&self, text: &str, voice: &str, deadline: Duration) -> Result<Samples, SpeechFault>;
}

/// The Kokoro voice, resident, one thread for each synthesis.
pub struct Neural {
    kokoro: Arc<Kokoro>,
    front_end: Arc<FrontEnd>,
    speed: f32,
    running: Arc<AtomicUsize>,
}

impl Neural {
    /// A voice that speaks `speed` times as fast as normal (0.5 to 2).
    #[must_use]
    pub fn new(kokoro: Kokoro, front_end: Arc<FrontEnd>, speed: f32) -> Self {
        let running = Arc::new(AtomicUsize::new(0));
        Self { kokoro: Arc::new(kokoro), front_end, speed: speed.clamp(0.5, 2.0), running }
    }
}

/// One of the [`SYNTHESES_MAX`] places; given back when dropped, after a panic too.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(running: &Arc<AtomicUsize>) -> Option<Self> {
        let free = |n| (n < SYNTHESES_MAX).then_some(n + 1);
        running.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
        Some(Self(Arc::clone(running)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs `work` in its own thread and waits no longer than `deadline`; sets `work`'s flag when it gives
/// up on it.
fn within<W>(
    running: &Arc<AtomicUsize>,
    deadline: Duration,
    work: W,
) -> Result<Samples, SpeechFault>
where
    W: FnOnce(&AtomicBool) -> Result<Samples, SpeechFault> + Send + 'static,
{
    let place = Place::take(running).ok_or(SpeechFault::Busy)?;
    let abandoned = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&abandoned);
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new()
        .name("speech".to_owned())
        .spawn(move || {
            let _place = place;
            let result = work(&flag);
            // The receiver may have given up; then the result is of no use to anybody.
            drop(sender.try_send(result));
        })
        .map_err(|e| SpeechFault::Broken(e.to_string()))?;
    match receiver.recv_timeout(deadline) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            abandoned.store(true, Ordering::Relaxed);
            Err(SpeechFault::Late(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)))
        }
        Err(RecvTimeoutError::Disconnected) => Err(SpeechFault::Broken("it panicked".to_owned())),
    }
}

impl Speech for Neural {
    fn name(&self) -> String {
        "kokoro".to_owned()
    }

    fn speak(&self, text: &str, voice: &str, deadline: Duration) -> Result<Samples, SpeechFault> {
        let script = self.front_end.script(text)?;
        let (kokoro, voice, speed) = (Arc::clone(&self.kokoro), voice.to_owned(), self.speed);
        within(&self.running, deadline, move |abandoned| {
            Ok(kokoro.speak(&script, &voice, speed, abandoned)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(
        until: std::sync::mpsc::Receiver<()>,
    ) -> impl FnOnce(&AtomicBool) -> Result<Samples, SpeechFault> {
        move |_| {
            let _ = until.recv();
            Ok(Samples::silence(16_000, 10))
        }
    }

    #[test]
    fn late_work_is_given_up_and_never_blocks_for_good() {
        let running = Arc::new(AtomicUsize::new(0));
        let mut holds = Vec::new();
        for _ in 0..SYNTHESES_MAX {
            let (hold, until) = sync_channel(0);
            let got = within(&running, Duration::from_millis(5), slow(until));
            assert_eq!(got, Err(SpeechFault::Late(5)));
            holds.push(hold);
        }
        let quick = |_: &AtomicBool| Ok(Samples::silence(16_000, 10));
        assert_eq!(within(&running, Duration::from_secs(5), quick), Err(SpeechFault::Busy));
        holds.clear();
        while running.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
        assert!(within(&running, Duration::from_secs(5), quick).is_ok());
    }

    #[test]
    fn a_panic_gives_its_place_back() {
        let running = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let got = within(&running, Duration::from_secs(5), |_| panic!("on purpose"));
            assert!(matches!(got, Err(SpeechFault::Broken(_) | SpeechFault::Busy)));
        }
        while running.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
    }
}
