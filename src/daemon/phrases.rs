//! The phrases that serial terminals keep, and messages put together from them.

use crate::deliver;
use crate::deliver::serial::{CHIMES_KEPT, Kept};
use crate::gateway::RenderOrder;
use crate::model::{Chime, ClipRef, Codec, Phrase};
use crate::render::Renderer;
use mingluo_bridge::message::{CLIPS_MAX, PHRASES_MAX};
use mingluo_bridge::phrases::{PHRASES_BYTES_MAX, write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Chimes with their numbers; a message of phrases begins with its own.
const CHIMES: [(Chime, u16); CHIMES_KEPT] = [
    (Chime::Notice, Phrase::NUMBER_MAX + 1),
    (Chime::Blue, Phrase::NUMBER_MAX + 2),
    (Chime::Yellow, Phrase::NUMBER_MAX + 3),
    (Chime::Orange, Phrase::NUMBER_MAX + 4),
    (Chime::Red, Phrase::NUMBER_MAX + 5),
];
/// A phrase as it sounds.
#[derive(Debug, Clone)]
struct Piece {
    number: u16,
    clip: ClipRef,
}

/// The pieces that could be had.
#[derive(Debug, Clone, Default)]
struct Pieces {
    words: Vec<(String, Piece)>,
    chimes: Vec<(Chime, Piece)>,
}

/// The phrases of a configuration.
#[derive(Debug, Default)]
pub(super) struct PhraseBook {
    phrases: Vec<Phrase>,
    pieces: Mutex<Pieces>,
}

impl PhraseBook {
    /// Without any piece yet.
    pub(super) fn new(phrases: Vec<Phrase>) -> Self {
        Self { phrases, pieces: Mutex::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.phrases.is_empty()
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        // Only whole values are written under this lock.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renders all of them: what terminals should keep, and whether none is missing. A message with a
    /// missing one is not offered as phrases. `strict` takes the best voice alone.
    pub(super) fn render(&self, renderer: &Renderer, strict: bool) -> (Vec<Kept>, bool) {
        let (mut pieces, mut kept, mut is_whole) = (Pieces::default(), Vec::new(), true);
        if self.is_empty() {
            return (kept, is_whole);
        }
        for (chime, number) in CHIMES {
            match renderer.chime_piece(chime) {
                Ok(clip) => {
                    kept.extend(keep(renderer, &clip, number, &[]));
                    pieces.chimes.push((chime, Piece { number, clip }));
                }
                Err(fault) => {
                    tracing::warn!(?chime, %fault, "chime not kept in terminals");
                    is_whole = false;
                }
            }
        }
        for phrase in &self.phrases {
            match renderer.words_piece(&phrase.words, phrase.recording.as_deref(), strict) {
                Ok(clip) => {
                    let number = phrase.number;
                    kept.extend(keep(renderer, &clip, number, &phrase.areas));
                    pieces.words.push((phrase.words.clone(), Piece { number, clip }));
                }
                Err(why) => {
                    let (number, words) = (phrase.number, &phrase.words);
                    tracing::warn!(number, %words, %why, "phrase not kept in terminals");
                    is_whole = false;
                }
            }
        }
        *self.pieces() = pieces;
        (kept, is_whole)
    }

    /// The words of an order as a list of phrases; `None` when they are not all covered by them, or
    /// the order has no room for a list beside its recorded warning.
    pub(super) fn list(
        &self,
        renderer: &Renderer,
        order: &RenderOrder,
        n_clips: usize,
    ) -> Option<ClipRef> {
        let asked = order.stored && !order.drill && order.codecs.contains(&Codec::Phrases);
        if !asked || order.message.recording.is_some() || n_clips + 2 > CLIPS_MAX {
            return None;
        }
        let Pieces { words, chimes } = self.pieces().clone();
        let said = renderer.covered(&order.message.text, &words)?;
        let wanted = order.chime;
        let chime = chimes.iter().find(|(chime, _)| *chime == wanted).map(|(_, piece)| piece);
        if chime.is_none() && wanted != Chime::None {
            return None;
        }
        // Said as often as a program says its words, or once when that is too long for a list.
        let times = usize::from(renderer.words_times());
        let fits = said.len() * times + usize::from(chime.is_some()) <= PHRASES_MAX;
        let said = said.repeat(if fits { times } else { 1 });
        let list: Vec<&Piece> = chime.into_iter().chain(said).collect();
        let mut bytes = [0; PHRASES_BYTES_MAX];
        let meant = list.iter().map(|piece| (piece.number, piece.clip.sha256.0));
        let used = write(meant, &mut bytes)?;
        let duration_ms = list.iter().map(|piece| piece.clip.duration_ms).sum();
        let kept = renderer.clips().put(Codec::Phrases, bytes.get(..used)?, duration_ms);
        kept.inspect_err(|fault| tracing::error!(%fault, "phrase list can't be stored")).ok()
    }
}

fn keep(
    renderer: &Renderer,
    clip: &ClipRef,
    number: u16,
    areas: &[crate::model::AreaCode],
) -> Option<Kept> {
    let bytes = renderer.clips().read(clip.sha256);
    let bytes = bytes.inspect_err(|fault| tracing::warn!(number, %fault, "phrase can't be read"));
    let (bytes, areas) = (bytes.ok()?.into(), areas.to_vec());
    Some(Kept { clip: deliver::wire_clip(clip), bytes, phrase: Some(number), areas })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BroadcastId, Message};
    use crate::render::RenderConfig;
    use crate::render::speech::SpeechConfig;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    fn renderer() -> Renderer {
        let dir = std::env::temp_dir().join(format!("mingluo-phrases-{}", std::process::id()));
        let audio = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples");
        let engines = vec!["bank".to_owned()];
        let speech =
            SpeechConfig { engines, default_voice: "bank".into(), ..SpeechConfig::default() };
        let config = RenderConfig { speech, ..RenderConfig::new(audio, dir.join("clips")) };
        Renderer::new(config).expect("opens")
    }

    fn book() -> PhraseBook {
        let words = ["岳阳县", "发布", "暴雨红色预警", "请立即转移"];
        let phrase = |(number, words): (u16, &str)| Phrase {
            number,
            words: words.to_owned(),
            recording: None,
            areas: Vec::new(),
        };
        PhraseBook::new((1..).zip(words).map(phrase).collect())
    }

    fn order(text: &str) -> RenderOrder {
        RenderOrder {
            broadcast: BroadcastId(1),
            message: Message {
                text: text.to_owned(),
                voice: "default".into(),
                recording: None,
                fallback_recording: "general-red".into(),
            },
            chime: Chime::Red,
            drill: false,
            codecs: BTreeSet::from([Codec::Adpcm, Codec::Phrases]),
            stored: true,
        }
    }

    #[test]
    fn words_that_phrases_cover_become_a_list_and_others_do_not() {
        let (renderer, book) = (renderer(), book());
        let covered = order("岳阳县发布暴雨红色预警，请立即转移！请立即转移！");
        assert_eq!(book.list(&renderer, &covered, 2), None, "nothing is rendered yet");
        let (kept, is_whole) = book.render(&renderer, true);
        assert!(is_whole);
        assert_eq!(kept.len(), 4 + CHIMES.len());
        let list = book.list(&renderer, &covered, 2).expect("a list");
        let digests: BTreeMap<u16, [u8; 32]> =
            kept.iter().map(|kept| (kept.phrase.expect("a number"), kept.clip.sha256)).collect();
        let bytes = renderer.clips().read(list.sha256).expect("kept");
        let numbers = mingluo_bridge::phrases::open(&bytes, |number| digests.get(&number).copied());
        let red = Phrase::NUMBER_MAX + 5;
        assert_eq!(numbers.expect("proven")[..], [red, 1, 2, 3, 4, 4]);
        assert!(list.clip_bytes < 64 && list.duration_ms > 5_000, "{list:?}");
        let stays = |change: &dyn Fn(&mut RenderOrder), n_clips| {
            let mut order = covered.clone();
            change(&mut order);
            assert_eq!(book.list(&renderer, &order, n_clips), None, "{order:?}");
        };
        stays(&|order| order.message.text.push_str("明天"), 2);
        stays(&|order| order.message.text = "岳阳县发布暴雨橙色预警".into(), 2);
        stays(&|order| order.drill = true, 2);
        stays(&|order| order.stored = false, 2);
        stays(&|order| order.message.recording = Some("flood-red".into()), 2);
        stays(&|order| order.codecs = BTreeSet::from([Codec::Adpcm]), 2);
        stays(&|_| (), CLIPS_MAX - 1);
    }
}
