//! The firmware itself, on an emulated Cortex-M3 (QEMU's lm3s6965evb). `.ci/firmware` builds it and
//! says by `MINGLUO_FIRMWARE` where the images are; without it these tests are left out.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]
#![expect(clippy::print_stdout, reason = "figures for whoever looks, with --nocapture")]
#![expect(clippy::wildcard_enum_match_arm, reason = "every other step is a failure")]

#[path = "target/chip.rs"]
mod chip;
#[path = "target/clips.rs"]
mod clips;
#[path = "target/qemu.rs"]
mod qemu;
mod support;

use clips::{Noise, clip_of, decoded, noise};
use ed25519_dalek::SigningKey;
use mingluo_bridge::frame::{
    Ed25519Signer, FRAME_BYTES_MAX, HmacKey, Kind, Sm2Key, Sm2Signer, seal,
};
use mingluo_bridge::line::{ALL, Ask, Chunk, Packet, Progress, tag};
use mingluo_bridge::message::{
    Clip, Codec, Keep, Manifest, Order, PhraseList, Receipt, ReceiptItem, Report, Step, Target,
    TimeSignal,
};
use mingluo_bridge::tts::SpeechChip;
use qemu::{KEY, Terminal, pause};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use support::{TERMINAL, manifest, sealed};

const HOUR_MS: i64 = 3_600_000;
/// 224 bytes a chunk.
const UNITS: u8 = 28;

#[expect(clippy::disallowed_methods, reason = "orders carry the real time")]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the times of another process")]
fn instant() -> Instant {
    Instant::now()
}

fn play(counter: u64, clip: Clip) -> Order {
    let now_ms = now_ms();
    Order::Play(Manifest {
        issued_at_ms: now_ms,
        not_before_ms: now_ms,
        expires_ms: now_ms + HOUR_MS,
        clips: [clip].into_iter().collect(),
        ..manifest(counter, 10)
    })
}

fn time() -> Vec<u8> {
    sealed(&Order::Time(TimeSignal { target: Target::Terminal(TERMINAL), issued_at_ms: now_ms() }))
}

fn receipt(report: &Report) -> Vec<u8> {
    let item =
        ReceiptItem { terminal: TERMINAL, broadcast: report.broadcast, sequence: report.sequence };
    let body = Receipt { items: [item].into_iter().collect(), issued_at_ms: now_ms() };
    let mut out = [0; FRAME_BYTES_MAX];
    let used = seal(Kind::Receipt, &body, &HmacKey::new(1, &KEY), &mut out).unwrap();
    out[..used].to_vec()
}

fn send_content(terminal: &mut Terminal, file: &[u8]) {
    let tag = tag(&clip_of(file, Codec::Adpcm).sha256);
    for (index, bytes) in file.chunks(usize::from(UNITS) * 8).enumerate() {
        let index = u16::try_from(index).unwrap();
        terminal.send(ALL, &Packet::Chunk(Chunk { tag, units: UNITS, index, bytes }));
    }
}

/// What the gateway does when a terminal knows nothing of an order: the time, and the order.
fn order_again(terminal: &mut Terminal, order: &[u8]) {
    terminal.sealed(&time());
    terminal.sealed(order);
}

/// Sends content until the terminal has it; `None` when the power went.
fn bring(
    terminal: &mut Terminal,
    file: &[u8],
    order: &[u8],
    powered: &impl Fn() -> bool,
) -> Option<()> {
    let ask = Ask::Clip(tag(&clip_of(file, Codec::Adpcm).sha256));
    while powered() {
        match terminal.poll_once(ask).and_then(|answer| answer.clip) {
            Some(Progress::Here) => return Some(()),
            Some(Progress::Missing { .. }) => send_content(terminal, file),
            Some(Progress::Checking) | None => {}
            // Its watchdog started it anew since, and took clock and order with it.
            Some(Progress::Unasked) if terminal.restarts => order_again(terminal, order),
            Some(other) => panic!("{other:?}"),
        }
    }
    None
}

/// Polls for reports of a broadcast, receipting each, until its end.
fn end_of(
    terminal: &mut Terminal,
    broadcast: u64,
    powered: &impl Fn() -> bool,
) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while powered() {
        let Some(report) = terminal.poll_once(Ask::Report).and_then(|answer| answer.report())
        else {
            pause(Duration::from_millis(10));
            continue;
        };
        let frame = receipt(&report);
        terminal.sealed(&frame);
        if report.broadcast != broadcast {
            continue;
        }
        if steps.last() != Some(&report.step) {
            steps.push(report.step.clone());
        }
        if report.step.is_end() {
            return Some(steps);
        }
    }
    None
}

/// A minute, which every test stays far below.
fn soon() -> impl Fn() -> bool {
    let from = instant();
    move || {
        assert!(from.elapsed() < Duration::from_secs(60), "it takes too long");
        true
    }
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn an_order_is_played_to_the_last_sample_and_never_again() {
    let samples = 12_345;
    let file = noise(1, samples);
    let mut terminal = Terminal::new("plays");
    let from = instant();
    terminal.boot();
    terminal.poll(Ask::Report);
    println!("boot to the first answer, emulated: {} ms", from.elapsed().as_millis());
    assert!(!terminal.relay(), "open at boot");
    terminal.sealed(&time());
    let clip = clip_of(&file, Codec::Adpcm);
    let order = sealed(&play(5, clip));
    terminal.sealed(&order);
    bring(&mut terminal, &file, &order, &soon()).unwrap();
    while terminal.sounded().is_empty() {
        pause(Duration::from_millis(5));
    }
    assert!(terminal.relay(), "closed while it sounds");
    let steps = end_of(&mut terminal, 5, &soon()).unwrap();
    // Earlier steps go with other answers, or are overtaken by this one on a busy machine.
    assert_eq!(steps.last(), Some(&Step::Played), "{steps:?}");
    assert!(!terminal.relay(), "open when it ended");
    let want = decoded(&file, samples);
    assert_eq!(terminal.sounded().len(), want.len());
    assert!(terminal.sounded() == want, "not the samples another decoder gives");
    let status = terminal.status();
    assert_eq!((status.counter_highest, status.boot_count, status.codecs), (5, 1, 4 | 16));
    assert!((status.clock_ms - now_ms()).abs() < 10_000, "{}", status.clock_ms);

    println!("stack used at most: {} bytes", terminal.stack_used(32 * 1024));
    everything_again(&mut terminal, want.len());
}

/// Everything that was ever said, again: after a second, a day later, after a power cut, and to
/// another terminal.
fn everything_again(terminal: &mut Terminal, sounded: usize) {
    let said = terminal.said.clone();
    pause(Duration::from_secs(1));
    replayed(terminal, &said, sounded);
    let day_ms = 86_400_000;
    let target = Target::Terminal(TERMINAL);
    let tomorrow = TimeSignal { target, issued_at_ms: now_ms() + day_ms };
    terminal.sealed(&sealed(&Order::Time(tomorrow)));
    let clock_ms = terminal.status().clock_ms;
    assert!(clock_ms - now_ms() > day_ms - 10_000, "the day has come: {clock_ms}");
    replayed(terminal, &said, sounded);
    terminal.cut();
    terminal.boot();
    terminal.sealed(&sealed(&Order::Time(tomorrow)));
    replayed(terminal, &said, 0);
    assert_eq!(terminal.status().boot_count, 2);
    let mut other = Terminal::neighbour("neighbour");
    other.boot();
    other.poll(Ask::Report);
    let target = Target::Terminal(TERMINAL + 1);
    other.sealed(&sealed(&Order::Time(TimeSignal { target, issued_at_ms: now_ms() })));
    replayed(&mut other, &said, 0);
    assert_eq!(other.status().counter_highest, 0, "nothing was for it");
}

fn replayed(terminal: &mut Terminal, said: &[Vec<u8>], sounded: usize) {
    for frame in said {
        terminal.raw(frame);
    }
    for _ in 0..5 {
        terminal.poll(Ask::Report);
        pause(Duration::from_millis(100));
    }
    assert_eq!(terminal.sounded().len(), sounded);
    assert!(!terminal.relay());
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn an_order_before_the_time_is_no_refusal_and_plays_once_with_it() {
    let file = noise(4, 800);
    let clip = clip_of(&file, Codec::Adpcm);
    let order = sealed(&play(6, clip));
    let mut terminal = Terminal::new("timeless");
    terminal.boot();
    for _ in 0..3 {
        terminal.sealed(&order);
        let answer = terminal.poll(Ask::Clip(tag(&clip.sha256)));
        assert_eq!((answer.clip, answer.report()), (Some(Progress::Unasked), None));
    }
    assert_eq!(terminal.status().counter_highest, 0, "nothing of it is remembered");
    order_again(&mut terminal, &order);
    bring(&mut terminal, &file, &order, &soon()).unwrap();
    assert_eq!(end_of(&mut terminal, 6, &soon()).unwrap().last(), Some(&Step::Played));
    assert_eq!(terminal.sounded(), decoded(&file, 800));
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn a_terminal_of_sm2_takes_orders_signed_with_it_and_no_others() {
    let key = Sm2Key::from_bytes(&[7; 32]).unwrap();
    let by_sm2 = |order: &Order| {
        let mut out = [0; FRAME_BYTES_MAX];
        let used = seal(Kind::Order, order, &Sm2Signer::new(1, &key), &mut out).unwrap();
        out[..used].to_vec()
    };
    let file = noise(21, 800);
    let clip = clip_of(&file, Codec::Adpcm);
    let mut terminal = Terminal::by_sm2("sm2", &key);
    terminal.boot();
    let target = Target::Terminal(TERMINAL);
    let signal = Order::Time(TimeSignal { target, issued_at_ms: now_ms() });
    terminal.sealed(&by_sm2(&signal));
    terminal.sealed(&sealed(&play(4, clip)));
    send_content(&mut terminal, &file);
    let answer = terminal.poll(Ask::Clip(tag(&clip.sha256)));
    assert_eq!((answer.clip, answer.report()), (Some(Progress::Unasked), None));
    let order = by_sm2(&play(5, clip));
    terminal.sealed(&order);
    bring(&mut terminal, &file, &order, &soon()).unwrap();
    assert_eq!(end_of(&mut terminal, 5, &soon()).unwrap().last(), Some(&Step::Played));
    assert_eq!(terminal.sounded(), decoded(&file, 800));
    assert_eq!(terminal.status().counter_highest, 5);
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn strangers_orders_and_noise_make_no_sound() {
    let file = noise(2, 800);
    let clip = clip_of(&file, Codec::Adpcm);
    let mut terminal = Terminal::new("strangers");
    terminal.boot();
    terminal.sealed(&time());
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let mut forged = [0; FRAME_BYTES_MAX];
    for (key_id, counter) in [(1, 6), (2, 7)] {
        let signer = Ed25519Signer::new(key_id, &stranger);
        let used = seal(Kind::Order, &play(counter, clip), &signer, &mut forged).unwrap();
        terminal.sealed(&forged[..used]);
    }
    let genuine = sealed(&play(8, clip));
    for at in (0..genuine.len()).step_by(7) {
        let mut bad = genuine.clone();
        bad[at] ^= 0x10;
        terminal.sealed(&bad);
        terminal.poll(Ask::Report);
    }
    send_content(&mut terminal, &file);
    let answer = terminal.poll(Ask::Clip(tag(&clip.sha256)));
    assert_eq!((answer.clip, answer.report()), (Some(Progress::Unasked), None));

    let mut random = Noise::new(3);
    for piece in 0..1_000 {
        let bytes: Vec<u8> = (0..100).map(|_| random.byte()).collect();
        terminal.raw(&bytes);
        if piece % 20 == 0 {
            terminal.poll(Ask::Report);
        }
    }
    let status = terminal.status();
    assert_eq!((status.boot_count, status.counter_highest), (1, 0), "no reset, nothing accepted");
    assert_eq!(terminal.sounded(), []);
    assert!(!terminal.relay());
    terminal.sealed(&genuine);
    bring(&mut terminal, &file, &genuine, &soon()).unwrap();
    assert_eq!(end_of(&mut terminal, 8, &soon()).unwrap().last(), Some(&Step::Played));
    assert_eq!(terminal.sounded(), decoded(&file, 800));
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn kept_phrases_sound_in_their_order_after_a_power_cut() {
    let mut terminal = Terminal::new("phrases");
    terminal.boot();
    let files = [(11, noise(11, 900)), (12, noise(12, 1_400))];
    for (number, file) in &files {
        let clip = clip_of(file, Codec::Adpcm);
        let (target, issued_at_ms) = (Target::Area(430_621_000_000), now_ms());
        let expires_ms = issued_at_ms + HOUR_MS;
        let keep = Keep { target, issued_at_ms, expires_ms, clip, phrase: Some(*number) };
        terminal.sealed(&time());
        let keep = sealed(&Order::Keep(keep));
        terminal.sealed(&keep);
        bring(&mut terminal, file, &keep, &soon()).unwrap();
    }
    terminal.cut();
    terminal.boot();
    assert_eq!(terminal.poll_once(Ask::Report).and_then(|answer| answer.report()), None);
    let list = PhraseList { phrases: [12, 11, 12].into_iter().collect() };
    let mut file = [0; 32];
    let file = postcard::to_slice(&list, &mut file).unwrap().to_vec();
    terminal.sealed(&time());
    let order = sealed(&play(9, clip_of(&file, Codec::Phrases)));
    terminal.sealed(&order);
    bring(&mut terminal, &file, &order, &soon()).unwrap();
    assert_eq!(end_of(&mut terminal, 9, &soon()).unwrap().last(), Some(&Step::Played));
    let [eleven, twelve] = [decoded(&files[0].1, 900), decoded(&files[1].1, 1_400)];
    assert_eq!(terminal.sounded(), [twelve.clone(), eleven, twelve].concat());
}

/// An emulated speech chip at the terminal's other line, until it has been idle for long after its
/// last piece. Gives what it spoke.
fn chip_speaks(mut line: UnixStream, kind: SpeechChip) -> String {
    let mut chip = chip::Chip::new(kind, 1);
    let (from, mut frame, mut byte) = (instant(), Vec::new(), [0]);
    let mut idle_since = instant();
    while idle_since.elapsed() < Duration::from_secs(4) || chip.spoken.is_empty() {
        assert!(from.elapsed() < Duration::from_secs(60), "it takes too long");
        // Words at ten times their speed.
        let now_ms = i64::try_from(from.elapsed().as_millis()).unwrap() * 10;
        let mut said = chip.pass(now_ms);
        if line.read(&mut byte).is_ok_and(|n| n == 1) {
            idle_since = instant();
            frame.push(byte[0]);
            let whole = frame.get(1..3).map(|n| usize::from(n[0]) << 8 | usize::from(n[1]));
            if whole.is_some_and(|length| frame.len() == length + 3) {
                said.extend(chip.told(now_ms, &std::mem::take(&mut frame)));
            }
        }
        line.write_all(&said).unwrap();
    }
    assert_eq!(chip.cut_off, 0);
    chip::words(&chip)
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn a_text_is_spoken_by_the_chip() {
    let warning =
        "临湘市气象台发布暴雨红色预警，请低洼地带和山边的群众立即转移到安全地点！".repeat(3);
    for (counter, kind) in [(20, SpeechChip::Syn6288), (21, SpeechChip::Xfs5152ce)] {
        let mut terminal = Terminal::speaking("speaks", kind);
        terminal.boot();
        let line = terminal.chip_line();
        let chip = std::thread::spawn(move || chip_speaks(line, kind));
        terminal.sealed(&time());
        let file = warning.as_bytes();
        let clip = Clip { duration_ms: 60_000, ..clip_of(file, Codec::Text) };
        assert_eq!(terminal.status().codecs, 4 | 16 | 32, "it tells that it has a chip");
        let order = sealed(&play(counter, clip));
        terminal.sealed(&order);
        bring(&mut terminal, file, &order, &soon()).unwrap();
        assert_eq!(end_of(&mut terminal, counter, &soon()).unwrap().last(), Some(&Step::Played));
        assert!(!terminal.relay(), "open when it ended");
        let spoken = chip.join().unwrap();
        let volume = if kind == SpeechChip::Syn6288 { "[v12]" } else { "[v8]" };
        assert_eq!(spoken.replace(volume, ""), warning, "{kind:?}");
        assert_eq!(terminal.sounded(), [], "nothing but the chip sounds");
    }
}

/// How often each sound began; panics at samples that belong to none.
fn begun(sounded: &[i16], sounds: &[Vec<i16>], counts: &mut [u32]) {
    let mut rest = sounded;
    while !rest.is_empty() {
        let length = rest.len().min(16);
        let which = sounds.iter().position(|sound| sound[..length] == rest[..length]);
        let which = which.expect("samples of no broadcast");
        counts[which] += 1;
        let same = sounds[which].iter().zip(rest).take_while(|(a, b)| a == b).count();
        rest = &rest[same..];
    }
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn power_cuts_at_any_point_never_play_twice_and_lose_nothing_that_had_not_begun() {
    let cuts: u64 =
        std::env::var("MINGLUO_POWER_CUTS").map_or(30, |cuts| cuts.parse().expect("a number"));
    let samples = 600;
    let mut random = Noise::new(77);
    let mut terminal = Terminal::new("cuts");
    terminal.restarts = true;
    let files: Vec<Vec<u8>> = (0..cuts).map(|cut| noise(1_000 + cut, samples)).collect();
    let sounds: Vec<Vec<i16>> = files.iter().map(|file| decoded(file, samples)).collect();
    let (mut played, mut interrupted, mut cut_early) = (0, 0, 0);
    for (cut, file) in files.iter().enumerate() {
        let counter = 100 + u64::try_from(cut).unwrap();
        let order = sealed(&play(counter, clip_of(file, Codec::Adpcm)));
        terminal.boot();
        let wait = Duration::from_micros(random.next() % 350_000);
        let power = terminal.cut_after(wait);
        let powered = || !power.is_finished();
        terminal.sealed(&time());
        terminal.sealed(&order);
        let whole = bring(&mut terminal, file, &order, &powered)
            .and_then(|()| end_of(&mut terminal, counter, &powered));
        cut_early += usize::from(whole.is_none());
        power.join().unwrap();
        terminal.cut();
        terminal.boot();
        terminal.sealed(&time());
        terminal.sealed(&order);
        let soon = soon();
        let end = loop {
            // Answers with no content asked for mean that it ended before.
            let asked = terminal.poll(Ask::Clip(tag(&clip_of(file, Codec::Adpcm).sha256)));
            match asked.clip {
                Some(Progress::Missing { .. }) => send_content(&mut terminal, file),
                Some(Progress::Unasked) => order_again(&mut terminal, &order),
                _ => {}
            }
            if let Some(report) = asked.report() {
                let frame = receipt(&report);
                terminal.sealed(&frame);
                if report.broadcast == counter && report.step.is_end() {
                    break report.step;
                }
            }
            assert!(soon());
        };
        let mut counts = vec![0; sounds.len()];
        begun(&terminal.samples(terminal.boots() - 1), &sounds, &mut counts);
        let before = counts[cut];
        begun(&terminal.sounded(), &sounds, &mut counts);
        assert!(counts.iter().enumerate().all(|(n, count)| *count <= u32::from(n == cut)));
        match end {
            Step::Played => {
                assert_eq!(counts[cut], 1, "played");
                played += 1;
            }
            Step::Failed(why) => {
                // On a busy host the watchdog may start it again after the cut: then only the end is known.
                let expected = ["power lost while playing", "failed before"];
                assert!(expected.contains(&why.as_str()), "{counter}: {why}");
                assert_eq!(counts[cut], before, "never begun again");
                interrupted += 1;
            }
            other => panic!("{counter}: {other:?} is neither played nor interrupted"),
        }
        terminal.cut();
    }
    terminal.boot();
    let watchdog = terminal.status().boot_count.saturating_sub(terminal.boots());
    println!(
        "{cuts} cuts, {cut_early} before the end: {played} played, {interrupted} interrupted, {watchdog} \
         starts by the watchdog"
    );
    assert!(played > 0);
}

#[test]
#[ignore = "needs the firmware: run .ci/firmware"]
fn a_fault_opens_the_relay() {
    let mut terminal = Terminal::with_image("fault", qemu::image("fault"));
    terminal.boot();
    let soon = soon();
    while !terminal.relay() {
        assert!(soon());
    }
    while terminal.relay() {
        assert!(soon());
    }
    // The fault asked for a reset, which the emulator was told to stop at.
    assert!(terminal.monitor("info status").contains("paused"));
}
