//! Sentences once, in order, out of the cache, late and broken.

use super::*;
use crate::render::text::Lexicon;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Speaks 10 ms for each symbol; waits for `gate` first, panics for the voice `panic`.
struct Fake {
    asked: Arc<AtomicU32>,
    gate: Arc<Mutex<()>>,
}

impl SentenceModel for Fake {
    fn identity(&self) -> Sha256 {
        Sha256::of(b"fake")
    }

    fn voices(&self) -> Vec<String> {
        vec![VOICE_DEFAULT.to_owned()]
    }

    fn sentence(
        &self,
        symbols: &[i32],
        voice: &str,
        _: f32,
        background: bool,
    ) -> Result<Samples, KokoroFault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert_ne!(voice, "panic", "on purpose");
        if !background {
            drop(self.gate.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
        if voice == VOICE_DEFAULT {
            Ok(Samples { rate_hz: 24_000, mono: vec![0.123_456; symbols.len() * 240] })
        } else {
            Err(KokoroFault::UnknownVoice(voice.to_owned()))
        }
    }
}

fn neural() -> (Neural, Arc<AtomicU32>, Arc<Mutex<()>>) {
    let (asked, gate) = (Arc::default(), Arc::default());
    let fake = Fake { asked: Arc::clone(&asked), gate: Arc::clone(&gate) };
    let front_end = Arc::new(FrontEnd::new(Lexicon::default()));
    let neural = Neural::new(fake, front_end, 1.0, SentenceCache::in_memory(1_000_000));
    (neural.expect("threads"), asked, gate)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn each_sentence_comes_when_it_is_ready_and_is_spoken_once() {
    let (neural, asked, _gate) = neural();
    let text = "暴雨来了。请上山。暴雨来了。";
    let utterance = Utterance { text, voice: "", deadline: LONG, background: false };
    let mut parts = Vec::new();
    let whole = neural.speak_streaming(&utterance, &mut |part| parts.push(part.clone())).unwrap();
    assert_eq!(parts.len(), 3);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "the third sentence is the first one");
    let joined: Vec<f32> = parts.into_iter().flat_map(|part| part.mono).collect();
    assert_eq!(whole.mono, joined);
    assert_eq!(neural.speak(text, "", LONG).unwrap(), whole, "kept or not, it sounds alike");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let background = Utterance { background: true, ..utterance };
    assert_eq!(neural.speak_streaming(&background, &mut |_| {}).unwrap(), whole);
}

#[test]
fn late_sentences_are_given_up_and_previews_do_not_wait_for_warnings() {
    let (neural, asked, gate) = neural();
    let held = gate.lock().unwrap();
    let short = Duration::from_millis(20);
    assert_eq!(neural.speak("洪水。", "", short), Err(SpeechFault::Late(20)));
    assert_eq!(neural.speak("泥石流。", "", short), Err(SpeechFault::Late(20)));
    let preview =
        Utterance { text: "停水通知。", voice: "", deadline: LONG, background: true };
    assert!(neural.speak_streaming(&preview, &mut |_| {}).is_ok());
    drop(held);
    // The first one went on and is kept; the second had not begun and never does.
    assert!(neural.speak("洪水。", "", LONG).is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert!(neural.speak("泥石流。", "", LONG).is_ok());
}

#[test]
fn a_full_queue_and_faults_are_told_at_once() {
    let (neural, asked, gate) = neural();
    std::thread::scope(|threads| {
        let held = gate.lock().unwrap();
        // One that is being spoken keeps the thread from throwing the abandoned ones away.
        let first = threads.spawn(|| neural.speak("先来的话。", "", LONG));
        while asked.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        for n in 0..=SENTENCES_WAITING_MAX {
            let got = neural.speak(&format!("第{n}号洪峰。"), "", Duration::from_millis(1));
            let expected =
                if n < SENTENCES_WAITING_MAX { SpeechFault::Late(1) } else { SpeechFault::Busy };
            assert_eq!(got, Err(expected), "sentence {n}");
        }
        drop(held);
        assert!(first.join().expect("it ends").is_ok());
    });
    let settled = || neural.speak("洪水。", "", LONG);
    while settled() == Err(SpeechFault::Busy) {
        std::thread::yield_now();
    }
    let unknown = neural.speak("雨。", "nobody", LONG);
    assert!(matches!(unknown, Err(SpeechFault::Voice(KokoroFault::UnknownVoice(_)))));
    assert!(matches!(neural.speak("雨。", "panic", LONG), Err(SpeechFault::Broken(_))));
    assert!(neural.speak("雨。", "", LONG).is_ok(), "the thread outlives a panic");
    assert!(matches!(neural.speak("……", "", LONG), Err(SpeechFault::Text(_))));
}
