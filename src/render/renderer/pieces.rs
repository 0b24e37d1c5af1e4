//! Pieces of messages for terminals that keep them, and messages put together from pieces.

use super::{RenderFault, RenderRequest, Renderer};
use crate::model::{Chime, ClipRef, Codec};
use crate::render::chime::chime;
use crate::render::encode::encode_levelled;
use crate::render::mix::{Mix, Parts, program};
use std::collections::BTreeSet;

/// What the ear hears as a pause and no reader says.
const PAUSES: &str = "。，、；：！？,;:!?…—-()（）“”\"「」《》";

impl Renderer {
    /// A chime alone, with the silence that amplifiers need before it.
    ///
    /// # Errors
    /// [`RenderFault`] when it can't be mixed, encoded or stored; [`Chime::None`] can't.
    pub fn chime_piece(&self, kind: Chime) -> Result<ClipRef, RenderFault> {
        let parts = Parts { before: vec![chime(kind)], ..Parts::default() };
        self.piece(&self.config.mix, &parts)
    }

    /// Words alone, said once: by a recording or a voice. `strict` takes the best alone, because
    /// what another one says would be placed and then replaced again.
    ///
    /// # Errors
    /// Why not exactly these words can be had, or a [`RenderFault`] as text.
    pub fn words_piece(
        &self,
        words: &str,
        recording: Option<&str>,
        strict: bool,
    ) -> Result<ClipRef, String> {
        let request = RenderRequest {
            text: words.to_owned(),
            voice: "default".into(),
            recording: recording.map(str::to_owned),
            fallback_recording: String::new(),
            chime: Chime::None,
            drill: false,
            words_times: Some(1),
            codecs: BTreeSet::new(),
            deadline_ms: None,
            background: true,
        };
        self.way.give(super::WAY_WAIT_MAX);
        let heard = self.heard(&request);
        if heard.parts.words.is_none() || strict && !heard.faults.is_empty() {
            return Err(heard.faults.join("; "));
        }
        let mix = Mix { pre_roll_ms: 0, words_times: 1, ..self.config.mix.clone() };
        let parts = Parts { before: Vec::new(), ..heard.parts };
        self.piece(&mix, &parts).map_err(|fault| fault.to_string())
    }

    fn piece(&self, mix: &Mix, parts: &Parts) -> Result<ClipRef, RenderFault> {
        let sound = program(mix, parts)?;
        let bytes = encode_levelled(&sound, Codec::Adpcm)?;
        Ok(self.clips.put(Codec::Adpcm, &bytes, sound.duration_ms())?)
    }

    /// Which of `pieces` say a text, in order: at each place the longest after which the rest can be
    /// said too. Text and pieces are compared as they are said, without pauses; `None` when not all
    /// of it is covered.
    #[must_use]
    pub fn covered<'a, T>(&self, text: &str, pieces: &'a [(String, T)]) -> Option<Vec<&'a T>> {
        let said = self.script(text).ok()?.said;
        let pieces: Vec<(String, &T)> = pieces
            .iter()
            .filter_map(|(words, piece)| Some((self.script(words).ok()?.said, piece)))
            .map(|(said, piece)| (spoken(&said), piece))
            .filter(|(said, _)| !said.is_empty())
            .collect();
        cover(&spoken(&said), &pieces)
    }

    /// How often a program says its words.
    #[must_use]
    pub fn words_times(&self) -> u8 {
        self.config.mix.words_times
    }
}

fn spoken(said: &str) -> String {
    said.chars().filter(|c| !c.is_whitespace() && !PAUSES.contains(*c)).collect()
}

/// The longest piece at each place, as long as the rest can be covered.
fn cover<'a, T>(said: &str, pieces: &[(String, &'a T)]) -> Option<Vec<&'a T>> {
    // For each byte from which the rest can be said: the longest piece that begins there.
    let mut best: Vec<Option<usize>> = vec![None; said.len()];
    let is_good = |best: &[Option<usize>], at: usize| {
        at == said.len() || best.get(at).is_some_and(Option::is_some)
    };
    for at in (0..said.len()).rev() {
        let Some(rest) = said.get(at..) else { continue };
        let fits = |(place, (words, _)): (usize, &(String, &T))| {
            let end = at + words.len();
            (rest.starts_with(words.as_str()) && is_good(&best, end))
                .then_some((words.len(), place))
        };
        let longest = pieces.iter().enumerate().filter_map(fits).max();
        if let Some(slot) = best.get_mut(at) {
            *slot = longest.map(|(_, place)| place);
        }
    }
    let (mut at, mut found) = (0, Vec::new());
    while at < said.len() {
        let (words, piece) = pieces.get((*best.get(at)?)?)?;
        found.push(*piece);
        at += words.len();
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, pieces: &[&str], expect: Option<&[&str]>) {
        let pieces: Vec<(String, &&str)> =
            pieces.iter().map(|words| ((*words).to_owned(), words)).collect();
        let found = cover(&spoken(said), &pieces);
        let found = found.map(|found| found.into_iter().copied().collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expect, "{said}");
    }

    #[test]
    fn the_longest_piece_is_taken_and_a_rest_that_nothing_says_takes_none() {
        let pieces = ["暴雨", "暴雨红色", "红色预警", "预警", "请立即转移", "请"];
        check("暴雨红色预警，请立即转移。", &pieces, Some(&["暴雨红色", "预警", "请立即转移"]));
        // The longest first piece leaves a rest that nothing says.
        check("暴雨红色预警", &["暴雨", "暴雨红色", "红色预警"], Some(&["暴雨", "红色预警"]));
        check("暴雨橙色预警", &pieces, None);
        check("请 请！请……", &pieces, Some(&["请", "请", "请"]));
        check("今天暴雨", &pieces, None);
        check("暴雨今天", &pieces, None);
        check("", &pieces, None);
        check("，。", &pieces, None);
    }
}
