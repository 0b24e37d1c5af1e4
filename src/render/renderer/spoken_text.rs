//! The words as text, for terminals with a speech chip.

use super::{RenderFault, RenderRequest, Renderer};
use crate::model::{ClipRef, Codec};
use crate::render::speech::expected_ms;

/// Longest text of a terminal, bytes: `SPOKEN_BYTES_MAX` of the wire.
const SPOKEN_BYTES_MAX: usize = 4_000;
/// What frames the words of a drill.
const DRILL: (&str, &str) = ("演练，演练。以下内容是演练。", "演练结束。");
/// Longest time of a chip beside its words, milliseconds: it wakes, and pauses between pieces.
const CHIP_MS: u64 = 5_000;

impl Renderer {
    /// The clip of the words as text; `None` when there is nothing to say but a recording.
    pub(super) fn text_clip(
        &self,
        request: &RenderRequest,
    ) -> Result<Option<ClipRef>, RenderFault> {
        // As the voices would say it: dates, numbers and local words are read by the same rules.
        let said = self.script(&request.text).map(|script| script.said);
        let said = said.unwrap_or_else(|_| request.text.clone());
        let Some(text) = framed(&said, request.drill) else { return Ok(None) };
        // Chips speak slower than our voices.
        let longest_ms = expected_ms(&text, 1.0).saturating_mul(2).saturating_add(CHIP_MS);
        let duration_ms = u32::try_from(longest_ms).unwrap_or(u32::MAX);
        Ok(Some(self.clips.put(Codec::Text, text.as_bytes(), duration_ms)?))
    }
}

/// The text with its frame, cut behind a sentence when a chip's memory is too small for it.
fn framed(said: &str, drill: bool) -> Option<String> {
    let said = said.trim();
    if said.is_empty() {
        return None;
    }
    let (before, after) = if drill { DRILL } else { ("", "") };
    let room = SPOKEN_BYTES_MAX - before.len() - after.len();
    let mut words = said;
    if words.len() > room {
        let end = (0..=room).rev().find(|at| said.is_char_boundary(*at)).unwrap_or(0);
        words = said.get(..end).unwrap_or_default();
        if let Some(stop) = words.rfind(['。', '！', '？', '；']) {
            words = words.get(..stop).unwrap_or(words);
        }
    }
    Some(format!("{before}{words}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_a_chip_and_a_drill_says_so() {
        assert_eq!(framed(" ", false), None);
        assert_eq!(framed("请转移。", false).as_deref(), Some("请转移。"));
        let drill = framed("请转移。", true).expect("words");
        assert!(drill.starts_with("演练") && drill.ends_with("演练结束。"), "{drill}");
        let long = framed(&"请立即转移。".repeat(400), true).expect("words");
        assert!(long.len() <= SPOKEN_BYTES_MAX, "{}", long.len());
        assert!(long.ends_with("请立即转移演练结束。"), "{long}");
        assert!(framed(&"转".repeat(3_000), false).expect("words").len() <= SPOKEN_BYTES_MAX);
    }
}
