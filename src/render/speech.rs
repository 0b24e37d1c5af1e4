//! Who speaks: the seam between the renderer and its voices.
//!
//! `chain` tries voices in their configured order, each within what is left of the deadline. `neural`
//! speaks with the installed model, sentence by sentence and out of a cache; `command` asks a program of
//! the county; `lazy` lets a voice load while the gateway already runs; `open` puts them together.

pub mod cache;
mod chain;
pub mod command;
mod deadline;
mod lazy;
pub mod neural;
mod open;
mod priority;

pub use chain::{Chain, Engine, Said};
pub use command::{CommandConfig, CommandVoice};
pub use deadline::Deadline;
pub use lazy::{Lazy, LazyFrontEnd};
pub use neural::Neural;
pub use open::{ENGINES, SpeechConfig, open};
pub use priority::lowest_priority;

use super::kokoro::KokoroFault;
use super::samples::Samples;
use super::text::TextFault;
use std::time::Duration;
use thiserror::Error;

/// Expected length of one spoken character in milliseconds at normal speed.
const MS_PER_CHAR: u64 = 240;
/// Characters beyond this no longer add to it; texts are shorter.
const CHARS_MAX: usize = 100_000;

/// Why nobody spoke.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpeechFault {
    /// No voice is installed.
    #[error("no voice: {0}")]
    Absent(String),
    /// Not done in time.
    #[error("expected speech within {0} ms, got none")]
    Late(u64),
    /// Too many texts wait for this voice.
    #[error("expected a free voice, got too many texts waiting for it")]
    Busy,
    /// The text can't be spoken.
    #[error(transparent)]
    Text(#[from] TextFault),
    /// The neural voice failed.
    #[error(transparent)]
    Voice(#[from] KokoroFault),
    /// A synthesis thread could not start or panicked.
    #[error("synthesis ended without a result: {0}")]
    Broken(String),
    /// Another voice failed, in its own words.
    #[error("{0}")]
    Failed(String),
}

/// What is to be spoken, by whom, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub struct Utterance<'a> {
    /// The words.
    pub text: &'a str,
    /// The voice's name within its engine; empty = the engine's own choice.
    pub voice: &'a str,
    /// Time from now until the whole must be ready.
    pub deadline: Duration,
    /// Whether it may wait for everything else (a preview).
    pub background: bool,
}

/// A voice that turns text into sound.
pub trait Speech: Send + Sync {
    /// What goes into the record before the voice's name, such as `kokoro`.
    fn name(&self) -> String;

    /// Speaks `text` with `voice` within `deadline`; blocks the calling thread no longer than that.
    ///
    /// # Errors
    /// [`SpeechFault`]; the caller then tries the next voice.
    fn speak(&self, text: &str, voice: &str, deadline: Duration) -> Result<Samples, SpeechFault>;

    /// The same, and gives each sentence (with the pause after it) to `each` as soon as it is ready. A
    /// voice that knows no sentences gives all at once.
    ///
    /// # Errors
    /// As [`Self::speak`]; sentences given before a fault stay good.
    fn speak_streaming(
        &self,
        utterance: &Utterance<'_>,
        each: &mut dyn FnMut(&Samples),
    ) -> Result<Samples, SpeechFault> {
        let whole = self.speak(utterance.text, utterance.voice, utterance.deadline)?;
        each(&whole);
        Ok(whole)
    }

    /// Names of its voices as one may ask for them; empty when it has only one.
    fn voices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Why it can't speak now; `None` = it can.
    fn fault(&self) -> Option<SpeechFault> {
        None
    }
}

/// Expected length of `text` when spoken at `speed`, in milliseconds: 240 ms for each character that is
/// said.
#[must_use]
pub fn expected_ms(text: &str, speed: f32) -> u64 {
    let chars = text.chars().filter(|c| c.is_alphanumeric()).count();
    let chars = u32::try_from(chars.min(CHARS_MAX)).unwrap_or(0);
    let span = Duration::from_millis(MS_PER_CHAR) * chars;
    u64::try_from(span.div_f64(f64::from(speed.clamp(0.5, 2.0))).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_take_no_time_and_speed_counts() {
        assert_eq!(expected_ms("暴雨，红色。", 1.0), 960);
        assert_eq!(expected_ms("暴雨，红色。", 2.0), 480);
        assert_eq!(expected_ms("……", 1.0), 0);
    }
}
