//! What is heard when things go right, late and wrong.

use super::*;
use crate::render::encode::encode;
use crate::render::samples::{Samples, narrow};
use crate::render::speech::{Engine, Speech};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

fn tone(ms: u32) -> Samples {
    let mono = (0..ms * 16).map(|n| narrow((f64::from(n) * 0.3).sin() * 0.2));
    Samples { rate_hz: 16_000, mono: mono.collect() }
}

/// Speaks one second, or fails.
struct Fake(Option<SpeechFault>, Arc<AtomicU32>);

impl Speech for Fake {
    fn name(&self) -> String {
        "kokoro".to_owned()
    }

    fn speak(&self, _: &str, _: &str, _: Duration) -> Result<Samples, SpeechFault> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.clone().map_or_else(|| Ok(tone(1_000)), Err)
    }
}

/// A renderer over a fresh directory with `files` recorded, and how often its voice was asked.
fn renderer(fault: Option<SpeechFault>, files: &[&str]) -> (Renderer, Arc<AtomicU32>) {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("mingluo-render-{}-{n}", std::process::id()));
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).expect("temporary directory");
    for file in files {
        let bytes = encode(&tone(2_000), Codec::Wav).expect("encodes");
        std::fs::write(dir.join(format!("{file}.wav")), bytes).expect("writable");
    }
    let asked = Arc::new(AtomicU32::new(0));
    let config = RenderConfig::new(dir.clone(), Path::new(&dir).join("clips"));
    let speech = Arc::new(Fake(fault, Arc::clone(&asked)));
    let engines = vec![Engine { speech, instant: false }];
    let chain = Chain::new(engines, "kokoro:zm_yunjian");
    let front_end = Arc::new(LazyFrontEnd::new(Lexicon::default()));
    (Renderer::with_chain(config, chain, front_end).expect("opens"), asked)
}

fn request() -> RenderRequest {
    RenderRequest {
        text: "暴雨红色预警。".to_owned(),
        voice: "default".to_owned(),
        recording: None,
        fallback_recording: "rainstorm-red".to_owned(),
        chime: Chime::Red,
        drill: false,
        words_times: None,
        codecs: BTreeSet::new(),
        deadline_ms: None,
        background: false,
    }
}

fn check(renderer: &Renderer, request: &RenderRequest, voice: &str, reason: bool) -> Rendered {
    let out = renderer.render(request).expect("renders");
    assert_eq!(out.spoken.voice, voice, "{:?}", out.spoken);
    assert_eq!(out.spoken.fallback_reason.is_some(), reason, "{:?}", out.spoken);
    for clip in &out.clips {
        assert!(renderer.clips().read(clip.sha256).is_ok());
    }
    out
}

#[test]
fn no_voice_is_asked_for_an_order_of_a_recording_alone() {
    let (renderer, asked) = renderer(Some(SpeechFault::Late(3_000)), &["rainstorm-red"]);
    let missing = Some("flood-red".to_owned());
    let order = RenderRequest { text: " ".to_owned(), recording: missing, ..request() };
    let out = check(&renderer, &order, "recorded:rainstorm-red", true);
    assert_eq!(
        out.spoken.fallback_reason.as_deref(),
        Some("expected recording `flood-red`, got none")
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_voice_speaks_once_and_is_remembered() {
    let (renderer, asked) = renderer(None, &[]);
    let first = check(&renderer, &request(), "kokoro:zm_yunjian", false);
    let again = check(&renderer, &request(), "kokoro:zm_yunjian", false);
    assert_eq!((first.clips, asked.load(Ordering::Relaxed)), (again.clips, 1));
}

#[test]
fn all_codecs_have_one_length() {
    let (renderer, _) = renderer(None, &[]);
    let codecs = BTreeSet::from([Codec::Opus, Codec::Mp3, Codec::Adpcm, Codec::Wav]);
    let out = check(&renderer, &RenderRequest { codecs, ..request() }, "kokoro:zm_yunjian", false);
    assert_eq!(out.clips.len(), 4);
    let first = &out.clips[0];
    assert!(out.clips.iter().all(|clip| clip.duration_ms == first.duration_ms));
    for clip in &out.clips {
        let sound =
            crate::render::recording::decode(&renderer.clips().read(clip.sha256).expect("there"));
        let ms = sound.expect("decodes").duration_ms();
        // MP3 has no way to say where its padding begins: up to two frames and the delay.
        assert!(
            ms.abs_diff(clip.duration_ms) <= 160,
            "{:?}: {ms} of {}",
            clip.codec,
            clip.duration_ms
        );
    }
}

#[test]
fn a_late_or_absent_voice_plays_the_recorded_warning_then_the_level_then_the_chime() {
    let late = Some(SpeechFault::Late(5));
    let (with_named, asked) = renderer(late.clone(), &["rainstorm-red", "general-red"]);
    drop(check(&with_named, &request(), "recorded:rainstorm-red", true));
    drop(check(&with_named, &request(), "recorded:rainstorm-red", true));
    assert_eq!(asked.load(Ordering::Relaxed), 2, "a fallback is not remembered");
    let (with_level, _) = renderer(late.clone(), &["general-red"]);
    drop(check(&with_level, &request(), "recorded:general-red", true));
    let (with_nothing, _) = renderer(late, &[]);
    drop(check(&with_nothing, &request(), "chime", true));
    let silent = RenderRequest { chime: Chime::None, ..request() };
    drop(check(&with_nothing, &silent, "chime", true));
}

#[test]
fn a_recording_is_played_as_asked_and_its_loss_is_told() {
    let (renderer, asked) = renderer(None, &["evening-notice", "rainstorm-red"]);
    let named = RenderRequest { recording: Some("evening-notice".to_owned()), ..request() };
    drop(check(&renderer, &named, "recorded:evening-notice", false));
    let voice = RenderRequest { voice: "recorded".to_owned(), ..request() };
    drop(check(&renderer, &voice, "recorded:rainstorm-red", false));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    for name in ["gone", "../rainstorm-red", "", "a/b"] {
        let lost = RenderRequest { recording: Some(name.to_owned()), ..request() };
        drop(check(&renderer, &lost, "kokoro:zm_yunjian", true));
    }
}

#[test]
fn a_drill_is_framed_or_only_the_notice_chime_sounds() {
    let drill = RenderRequest { drill: true, ..request() };
    let (framed, _) = renderer(None, &["drill-before", "drill-after"]);
    let live = check(&framed, &request(), "kokoro:zm_yunjian", false);
    let long = check(&framed, &drill, "kokoro:zm_yunjian", false);
    assert!(long.clips[0].duration_ms > live.clips[0].duration_ms + 4_000);
    let (bare, _) = renderer(None, &["drill-before"]);
    let chime_only = check(&bare, &drill, "chime", true);
    assert!(chime_only.clips[0].duration_ms < 3_000);
}

#[test]
fn a_replaced_recording_is_not_answered_from_memory() {
    let (renderer, _) = renderer(None, &["notice"]);
    let named = RenderRequest { recording: Some("notice".to_owned()), ..request() };
    let first = check(&renderer, &named, "recorded:notice", false);
    let bytes = encode(&tone(3_000), Codec::Wav).expect("encodes");
    std::fs::write(renderer.config.audio_dir.join("notice.wav"), bytes).expect("writable");
    let second = check(&renderer, &named, "recorded:notice", false);
    assert_ne!(first.clips, second.clips);
}

#[test]
fn a_countys_own_recording_is_played_and_its_damage_is_told() {
    let (mut renderer, _) = renderer(Some(SpeechFault::Late(5)), &["rainstorm-red"]);
    let own = renderer.config.audio_dir.join("own/岳阳县");
    std::fs::create_dir_all(&own).expect("directory");
    renderer.shelf =
        Shelf::new(vec![renderer.config.audio_dir.join("own"), renderer.config.audio_dir.clone()]);
    let shipped = check(&renderer, &request(), "recorded:rainstorm-red", true);
    let bytes = encode(&tone(3_000), Codec::Wav).expect("encodes");
    std::fs::write(own.join("rainstorm-red.wav"), bytes).expect("writable");
    let local = check(&renderer, &request(), "recorded:rainstorm-red", true);
    assert_eq!(local.clips[0].duration_ms, shipped.clips[0].duration_ms + 1_000);
    std::fs::write(own.join("rainstorm-red.wav"), b"broken").expect("writable");
    let back = check(&renderer, &request(), "recorded:rainstorm-red", true);
    assert_eq!(back.clips, shipped.clips);
    assert!(
        back.spoken.fallback_reason.is_some_and(|why| why.contains("recording `rainstorm-red`"))
    );
}

#[test]
fn words_said_too_often_for_a_program_are_said_once() {
    let (renderer, _) = renderer(None, &["long"]);
    let bytes = encode(&tone(200_000), Codec::Wav).expect("encodes");
    std::fs::write(renderer.config.audio_dir.join("long.wav"), bytes).expect("writable");
    let long = RenderRequest {
        recording: Some("long".to_owned()),
        words_times: Some(4),
        codecs: BTreeSet::from([Codec::Adpcm]),
        ..request()
    };
    let once = check(&renderer, &long, "recorded:long", true);
    assert!(once.clips[0].duration_ms < 210_000);
    let twice = RenderRequest { words_times: Some(2), ..request() };
    let twice = check(&renderer, &twice, "kokoro:zm_yunjian", false);
    let single = check(&renderer, &request(), "kokoro:zm_yunjian", false);
    assert_eq!(twice.clips[0].duration_ms - single.clips[0].duration_ms, 2_500);
}

#[test]
fn a_preview_waits_while_a_warning_is_rendered() {
    let (renderer, asked) = renderer(None, &[]);
    let preview = RenderRequest { background: true, text: "试听".to_owned(), ..request() };
    std::thread::scope(|scope| {
        let warning = renderer.way.first();
        let running = scope.spawn(|| renderer.render(&preview).map(|done| done.spoken.voice));
        let nothing = std::sync::mpsc::channel::<()>();
        let _elapsed = nothing.1.recv_timeout(Duration::from_millis(50));
        assert_eq!(asked.load(Ordering::Relaxed), 0, "it waits");
        drop(warning);
        assert_eq!(running.join().expect("no panic").expect("renders"), "kokoro:zm_yunjian");
    });
}

#[test]
fn the_voices_have_three_seconds_and_the_length_of_the_words() {
    let (renderer, _) = renderer(None, &[]);
    let ms = |request: &RenderRequest| renderer.voices_deadline(request).as_millis();
    assert_eq!(ms(&request()), 3_000 + 6 * 240);
    assert_eq!(ms(&RenderRequest { deadline_ms: Some(2_000), ..request() }), 2_000);
    assert_eq!(ms(&RenderRequest { deadline_ms: Some(60_000), ..request() }), 3_000 + 6 * 240);
}
