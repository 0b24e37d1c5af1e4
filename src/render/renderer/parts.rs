//! What will be heard: words out of a recording or by a voice, with their frame.

use super::{RenderRequest, Renderer};
use crate::model::Chime;
use crate::render::chime::chime;
use crate::render::mix::Parts;
use crate::render::samples::Samples;
use crate::render::speech::Utterance;

/// A voice that says nothing: what follows is spoken by a person.
const CHIME_ALONE: &str = "chime";

/// The program's parts, who spoke, and what went wrong, one sentence each.
pub(super) struct Heard {
    pub(super) parts: Parts,
    pub(super) voice: String,
    pub(super) faults: Vec<String>,
}

/// Words found for a request.
struct Words {
    sound: Option<Samples>,
    voice: String,
    faults: Vec<String>,
}

impl Renderer {
    /// The parts of the program in order, who spoke, and what went wrong.
    pub(super) fn heard(&self, request: &RenderRequest) -> Heard {
        let Words { sound, voice, mut faults } = self.words(request);
        // With nothing to say a chime must sound at least.
        let kind = match (request.chime, &sound) {
            (Chime::None, None) => Chime::Notice,
            (kind, _) => kind,
        };
        if !request.drill {
            let parts = Parts { before: vec![chime(kind)], words: sound, after: Vec::new() };
            return Heard { parts, voice, faults };
        }
        match (
            self.recorded("drill-before", &mut faults),
            self.recorded("drill-after", &mut faults),
        ) {
            // The frame comes before the alarm signal, so that nobody starts up at a siren.
            (Some(before), Some(after)) => {
                let before = vec![chime(Chime::Notice), before, chime(kind)];
                Heard { parts: Parts { before, words: sound, after: vec![after] }, voice, faults }
            }
            // A drill that can't be told from an alarm must not sound like one.
            _ => {
                let told = "drill wording is missing, so only the notice chime plays";
                faults.push(told.to_owned());
                let before = vec![chime(Chime::Notice)];
                let parts = Parts { before, ..Parts::default() };
                Heard { parts, voice: "chime".to_owned(), faults }
            }
        }
    }

    /// A recording; what was wrong with it, or with a better one of the same name, goes to `faults`.
    fn recorded(&self, name: &str, faults: &mut Vec<String>) -> Option<Samples> {
        match self.shelf.load(name) {
            Ok(found) => {
                faults.extend(found.fault);
                Some(found.sound)
            }
            Err(fault) => {
                faults.push(fault);
                None
            }
        }
    }

    fn words(&self, request: &RenderRequest) -> Words {
        let mut faults = Vec::new();
        let wanted = match (&request.recording, request.voice.as_str()) {
            (Some(name), _) => Some(name.clone()),
            (None, "recorded") => Some(request.fallback_recording.clone()),
            (None, _) => None,
        };
        if let Some(name) = wanted
            && let Some(sound) = self.recorded(&name, &mut faults)
        {
            return Words { sound: Some(sound), voice: format!("recorded:{name}"), faults };
        }
        if request.voice == CHIME_ALONE {
            return Words { sound: None, voice: "chime".to_owned(), faults };
        }
        // Without words, as in an order of a recording alone, no voice is worth its time.
        if request.voice != "recorded" && !request.text.trim().is_empty() {
            let utterance = Utterance {
                text: &request.text,
                voice: &request.voice,
                deadline: self.voices_deadline(request),
                background: request.background,
            };
            if let Some(said) = self.chain.speak(&utterance, &mut faults) {
                return Words { sound: Some(said.sound), voice: said.voice, faults };
            }
        }
        for name in fallbacks(request) {
            if let Some(sound) = self.recorded(&name, &mut faults) {
                return Words { sound: Some(sound), voice: format!("recorded:{name}"), faults };
            }
        }
        Words { sound: None, voice: "chime".to_owned(), faults }
    }
}

/// Recordings to try when nobody speaks: the named one, then those of the level alone.
fn fallbacks(request: &RenderRequest) -> Vec<String> {
    let named = request.fallback_recording.as_str();
    let level = ["red", "orange", "yellow", "blue"]
        .into_iter()
        .find(|level| named.ends_with(&format!("-{level}")))
        .or(match request.chime {
            Chime::Red => Some("red"),
            Chime::Orange => Some("orange"),
            Chime::Yellow => Some("yellow"),
            Chime::Blue => Some("blue"),
            Chime::Notice | Chime::None => None,
        });
    let by_level = level.map(|level| [format!("fallback-{level}"), format!("general-{level}")]);
    let named = (!named.is_empty()).then(|| named.to_owned());
    named.into_iter().chain(by_level.into_iter().flatten()).collect()
}
