//! The bank as a voice of the renderer.

use super::plan::{Step, steps};
use super::{Bank, BankFault, join};
use crate::render::samples::Samples;
use crate::render::speech::{Speech, SpeechFault};
use crate::render::text::{FrontEnd, Script};
use std::sync::Arc;
use std::time::Duration;

impl Bank {
    /// Speaks `script` `speed` times as fast as normal (0.5 to 2), at [`super::RATE_HZ`]. Characters without a
    /// reading are short silences.
    ///
    /// # Errors
    /// [`BankFault::Silent`] when nothing can be said, [`BankFault::Sound`] when the bank is damaged.
    pub fn speak(&self, script: &Script, speed: f32) -> Result<Samples, BankFault> {
        let mut all = Vec::new();
        for chunk in &script.chunks {
            all.extend(steps(self, &chunk.pieces));
            if !matches!(all.last(), Some(Step::Pause(_)) | None) {
                all.push(Step::Pause(chunk.pause_ms));
            }
        }
        while matches!(all.last(), Some(Step::Pause(_))) {
            all.pop();
        }
        Ok(super::tempo::changed(&join::joined(self, &all)?, speed.clamp(0.5, 2.0)))
    }
}

/// The built-in voice: needs no installation and a hundredth of the time of the neural one.
pub struct BankVoice {
    bank: Bank,
    front_end: Arc<FrontEnd>,
    speed: f32,
}

impl BankVoice {
    /// A voice of `bank` at normal speed.
    #[must_use]
    pub fn new(bank: Bank, front_end: Arc<FrontEnd>) -> Self {
        Self { bank, front_end, speed: 1.0 }
    }

    /// The same, `speed` times as fast (0.5 to 2).
    #[must_use]
    pub fn at_speed(mut self, speed: f32) -> Self {
        self.speed = speed;
        self
    }
}

impl Speech for BankVoice {
    fn name(&self) -> String {
        "bank".to_owned()
    }

    /// The bank has one voice and takes milliseconds, so that neither the name nor the deadline matters.
    fn speak(&self, text: &str, _: &str, _: Duration) -> Result<Samples, SpeechFault> {
        let script = self.front_end.script(text)?;
        self.bank.speak(&script, self.speed).map_err(|e| SpeechFault::Broken(e.to_string()))
    }
}
