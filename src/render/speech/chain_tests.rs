//! Who speaks when voices are good, slow, absent, broken.

use super::*;
use std::sync::Mutex;
use std::sync::mpsc::Sender;

/// A voice that gives so many samples, fails, or waits until its sender is dropped.
enum Fake {
    Good(&'static str, usize),
    Bad(&'static str),
    Hangs(&'static str, Mutex<Receiver<()>>),
    Panics(&'static str),
}

impl Speech for Fake {
    fn name(&self) -> String {
        match self {
            Self::Good(name, _) | Self::Bad(name) | Self::Hangs(name, _) | Self::Panics(name) => {
                (*name).to_owned()
            }
        }
    }

    fn speak(&self, _: &str, voice: &str, deadline: Duration) -> Result<Samples, SpeechFault> {
        match self {
            Self::Good(_, n) if voice != "gone" => {
                Ok(Samples { rate_hz: 16_000, mono: vec![0.1; *n] })
            }
            Self::Good(..) | Self::Bad(_) => Err(SpeechFault::Absent("on purpose".to_owned())),
            Self::Hangs(_, until) => {
                let _ended = until.lock().unwrap().recv_timeout(deadline);
                Err(SpeechFault::Late(1))
            }
            Self::Panics(_) => panic!("on purpose"),
        }
    }
}

fn hanging(name: &'static str) -> (Fake, Sender<()>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    (Fake::Hangs(name, Mutex::new(receiver)), sender)
}

fn chain(voices: Vec<Fake>) -> Chain {
    let engine = |voice: Fake| {
        let instant = voice.name() == "bank";
        Engine { speech: Arc::new(voice), instant }
    };
    Chain::new(voices.into_iter().map(engine).collect(), "kokoro:zm_yunjian")
}

fn check(chain: &Chain, wanted: &str, ms: u64, voice: Option<&str>, faults: &[&str]) {
    let deadline = Duration::from_millis(ms);
    let utterance = Utterance { text: "雨", voice: wanted, deadline, background: false };
    let mut told = Vec::new();
    let said = chain.speak(&utterance, &mut told);
    assert_eq!(said.as_ref().map(|said| said.voice.as_str()), voice, "{told:?}");
    assert_eq!(told.len(), faults.len(), "{told:?}");
    for (told, part) in told.iter().zip(faults) {
        assert!(told.contains(part), "{told} lacks {part}");
    }
}

#[test]
fn the_first_good_voice_speaks_and_the_others_tell_why_not() {
    let both = chain(vec![Fake::Good("kokoro", 10), Fake::Good("bank", 20)]);
    check(&both, "default", 1_000, Some("kokoro:zm_yunjian"), &[]);
    check(&both, "", 1_000, Some("kokoro:zm_yunjian"), &[]);
    check(&both, "zf_xiaoxiao", 1_000, Some("kokoro:zf_xiaoxiao"), &[]);
    check(&both, "kokoro:zm_yunxi", 1_000, Some("kokoro:zm_yunxi"), &[]);
    check(&both, "bank", 1_000, Some("bank"), &[]);
    check(&both, "kokoro:gone", 1_000, Some("bank"), &["kokoro: no voice"]);
    check(&both, "espeak:cmn", 1_000, Some("kokoro:zm_yunjian"), &["got `espeak:cmn`"]);
    let broken = chain(vec![Fake::Bad("command"), Fake::Bad("kokoro"), Fake::Good("bank", 1)]);
    check(&broken, "default", 1_000, Some("bank"), &["command:", "kokoro:"]);
    check(&chain(vec![Fake::Bad("kokoro")]), "default", 1_000, None, &["kokoro:"]);
    check(&chain(Vec::new()), "default", 1_000, None, &["no voice is configured"]);
}

#[test]
fn an_instant_voice_is_ready_when_a_slow_one_used_the_deadline_up() {
    let (slow, _keep) = hanging("kokoro");
    check(&chain(vec![slow, Fake::Good("bank", 1)]), "default", 30, Some("bank"), &["kokoro:"]);
    let (first, _keep) = hanging("command");
    let slow = chain(vec![first, Fake::Good("kokoro", 1), Fake::Good("bank", 1)]);
    check(&slow, "default", 30, Some("bank"), &["command:", "kokoro: expected speech within 30"]);
    // Asked for first, it has its grace even without any time left.
    check(&chain(vec![Fake::Good("bank", 1)]), "default", 0, Some("bank"), &[]);
}

#[test]
fn a_panic_beside_is_told_and_its_place_comes_back() {
    let panicking = chain(vec![Fake::Bad("kokoro"), Fake::Panics("bank")]);
    for _ in 0..BESIDE_MAX * 2 {
        check(&panicking, "default", 1_000, None, &["kokoro:", "bank: synthesis ended"]);
        while panicking.beside.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
    }
}
