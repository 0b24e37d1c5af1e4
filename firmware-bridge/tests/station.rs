//! A terminal on a serial line: orders, content in chunks, polls; with loss, damage and strangers.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::frame::{HmacKey, Kind, open};
use mingluo_bridge::intake::ClipStore;
use mingluo_bridge::line::{
    ALL, Answer, Ask, Chunk, GATEWAY, Packet, Poll, Progress, encode, read, tag,
};
use mingluo_bridge::message::{
    Clip, Codec, Keep, Manifest, Order, PhraseList, Report, Status, Step, Target,
};
use mingluo_bridge::serial::{Deframer, LINE_BYTES_MAX};
use mingluo_bridge::station::{LineProfile, Station};
use mingluo_bridge::terminal::{Action, Terminal};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use support::*;

const ADDRESS: u8 = 7;
const KEY: [u8; 32] = [5; 32];

/// Flash in memory; content by digest.
#[derive(Debug, Default)]
struct Flash {
    staged: Vec<u8>,
    kept: BTreeMap<[u8; 32], Vec<u8>>,
    phrases: BTreeMap<u16, [u8; 32]>,
    refuses: bool,
}

impl ClipStore for Flash {
    fn holds(&mut self, sha256: &[u8; 32]) -> bool {
        self.kept.contains_key(sha256)
    }
    fn begin(&mut self, clip: &Clip) -> bool {
        self.staged = vec![0xEE; usize::try_from(clip.clip_bytes).unwrap()];
        !self.refuses
    }
    fn write(&mut self, offset: u32, bytes: &[u8]) -> bool {
        let at = usize::try_from(offset).unwrap();
        self.staged[at..at + bytes.len()].copy_from_slice(bytes);
        true
    }
    fn read(&mut self, offset: u32, out: &mut [u8]) -> usize {
        let at = usize::try_from(offset).unwrap();
        let length = out.len().min(self.staged.len() - at);
        out[..length].copy_from_slice(&self.staged[at..at + length]);
        length
    }
    fn keep(&mut self, clip: &Clip, _pinned: bool, phrase: Option<u16>) -> bool {
        self.kept.entry(clip.sha256).or_insert_with(|| self.staged.clone());
        if let Some(number) = phrase {
            self.phrases.insert(number, clip.sha256);
        }
        true
    }
    fn phrase(&mut self, number: u16) -> Option<[u8; 32]> {
        self.phrases.get(&number).copied()
    }
}

struct Bench {
    station: Station<Flash>,
    terminal: Terminal<Cells>,
    now_ms: i64,
}

/// An answer with its bytes.
struct Answered {
    clip: Option<Progress>,
    missing: Vec<u8>,
    number: u8,
    sealed: Vec<u8>,
    waiting: u8,
}

impl Answered {
    fn report(&self) -> Report {
        open(Kind::Acknowledgement, &self.sealed, &HmacKey::new(1, &KEY)).unwrap()
    }
}

impl Bench {
    fn new() -> Self {
        let verifier = verifier().into();
        let software = "test".try_into().unwrap();
        let profile = LineProfile { address: ADDRESS, key_id: 1, key: KEY, verifier, software };
        let mut own = support::profile();
        own.codecs |= Codec::Phrases.bit() | Codec::Text.bit();
        let terminal = Terminal::boot(own, Cells::default(), NOW);
        Self { station: Station::new(profile, Flash::default()), terminal, now_ms: NOW }
    }
    fn hear(&mut self, bytes: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        for byte in bytes {
            self.station.on_byte(self.now_ms, *byte, &mut self.terminal);
            while let Some(action) = self.station.next_action(self.now_ms, &mut self.terminal) {
                actions.push(action);
            }
        }
        while self.station.work(self.now_ms, &mut self.terminal) {}
        while let Some(action) = self.station.next_action(self.now_ms, &mut self.terminal) {
            actions.push(action);
        }
        actions
    }
    fn packet(&mut self, to: u8, packet: &Packet<'_>) -> Vec<Action> {
        let mut line = [0; LINE_BYTES_MAX];
        let used = encode(to, GATEWAY, packet, &mut line).unwrap();
        self.hear(&line[..used])
    }
    fn order(&mut self, order: &Order) -> Vec<Action> {
        self.packet(ALL, &Packet::Sealed(&sealed(order)))
    }
    fn poll(&mut self, got: u8, ask: Ask) -> Answered {
        self.packet(ADDRESS, &Packet::Poll(Poll { got, ask }));
        let line = self.station.answer().expect("a poll is answered").to_vec();
        let mut deframer = Deframer::default();
        for byte in line {
            if let Some(frame) = deframer.push(byte) {
                let addressed = read(frame).unwrap();
                assert_eq!((addressed.to, addressed.from), (GATEWAY, ADDRESS));
                let Packet::Answer(Answer { clip, missing, number, sealed, waiting, .. }) =
                    addressed.packet
                else {
                    panic!("{addressed:?}")
                };
                let (missing, sealed) = (missing.to_vec(), sealed.to_vec());
                return Answered { clip, missing, number, sealed, waiting };
            }
        }
        panic!("no frame in the answer")
    }
    fn chunk(&mut self, content: &[u8], units: u8, index: u16) -> Vec<Action> {
        let size = usize::from(units) * 8;
        let at = usize::from(index) * size;
        let bytes = &content[at..content.len().min(at + size)];
        let tag = tag(&clip_of(content, Codec::Adpcm).sha256);
        self.packet(ALL, &Packet::Chunk(Chunk { tag, units, index, bytes }))
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * at) >> 3).to_le_bytes()[0]).collect()
}

fn clip_of(content: &[u8], codec: Codec) -> Clip {
    let clip_bytes = u32::try_from(content.len()).unwrap();
    Clip { codec, sha256: Sha256::digest(content).into(), clip_bytes, duration_ms: 1_000 }
}

fn play(counter: u64, clip: Clip) -> Order {
    Order::Play(Manifest { clips: [clip].into_iter().collect(), ..manifest(counter, 10) })
}

#[test]
fn content_comes_in_any_order_and_what_is_missing_is_told() {
    let content = content(10_000);
    let mut bench = Bench::new();
    let clip = clip_of(&content, Codec::Adpcm);
    let ask = Ask::Clip(tag(&clip.sha256));
    assert_eq!(bench.poll(0, ask).clip, Some(Progress::Unasked));
    // Content nobody ordered is dropped.
    bench.chunk(&content, 28, 0);
    bench.order(&play(5, clip));
    assert_eq!(bench.poll(0, ask).clip, Some(Progress::Missing { first: 0, count: u16::MAX }));
    for index in (0..45).rev().filter(|index| ![3, 17, 18, 44].contains(index)) {
        bench.chunk(&content, 28, index);
    }
    let answered = bench.poll(0, ask);
    assert_eq!(answered.clip, Some(Progress::Missing { first: 3, count: 4 }));
    assert_eq!(answered.missing, [1, 0b1100_0000, 0, 0, 0, 0b10]);
    let mut started = Vec::new();
    for index in [44, 3, 18, 3, 17] {
        started.extend(starts(&bench.chunk(&content, 28, index)));
    }
    assert_eq!(started, [5]);
    let answered = bench.poll(0, ask);
    assert_eq!((answered.clip, answered.missing.len()), (Some(Progress::Here), 0));
    assert_eq!(answered.report().step, Step::Received);
    assert_eq!(bench.station.intake.clips.kept[&clip.sha256], content);
}

#[test]
fn spoilt_content_is_begun_anew_and_never_sounds() {
    let content = content(2_000);
    let mut bench = Bench::new();
    let clip = clip_of(&content, Codec::Adpcm);
    bench.order(&play(5, clip));
    let forged = Chunk { tag: tag(&clip.sha256), units: 125 - 5, index: 0, bytes: &[1; 960] };
    bench.packet(ALL, &Packet::Chunk(forged));
    for index in 1..3 {
        assert_eq!(starts(&bench.chunk(&content, 120, index)), []);
    }
    assert_eq!(bench.station.intake.spoilt, 1);
    let started: Vec<u64> =
        (0..3).flat_map(|index| starts(&bench.chunk(&content, 120, index))).collect();
    assert_eq!(started, [5]);
}

#[test]
fn chunks_that_do_not_fit_are_dropped() {
    let content = content(1_000);
    let mut bench = Bench::new();
    let clip = clip_of(&content, Codec::Adpcm);
    bench.order(&play(5, clip));
    let tag = tag(&clip.sha256);
    for (units, index, bytes) in [
        (0, 0, &content[..8]),
        (28, 0, &content[..223]),
        (28, 5, &content[..224]),
        (28, u16::MAX, &content[..224]),
        (28, 4, &content[..224]),
        (121, 0, &content[..968]),
    ] {
        bench.packet(ALL, &Packet::Chunk(Chunk { tag, units, index, bytes }));
        let clip = bench.poll(0, Ask::Clip(tag)).clip;
        assert_eq!(clip, Some(Progress::Missing { first: 0, count: u16::MAX }), "{units} {index}");
    }
}

#[test]
fn a_report_is_told_until_its_number_comes_back() {
    let mut bench = Bench::new();
    let clip = clip_of(&content(8), Codec::Adpcm);
    bench.order(&play(5, clip));
    assert_eq!(bench.poll(0, Ask::Report).waiting, 0);
    bench.chunk(&content(8), 28, 0);
    let first = bench.poll(0, Ask::Report);
    assert_eq!((first.report().step, first.waiting), (Step::Received, 1));
    // The answer was lost: the same again, under the same number.
    let again = bench.poll(0, Ask::Report);
    assert_eq!((again.number, again.sealed), (first.number, first.sealed));
    // News while it was on its way: told next, even though the old one is confirmed now.
    bench.terminal.on_playback_started(NOW + 5, 5);
    bench.hear(&[]);
    let news = bench.poll(again.number, Ask::Report);
    assert_eq!(news.report().step, Step::Playing);
    assert_ne!(news.number, first.number);
    let none = bench.poll(news.number, Ask::Report);
    assert_eq!((none.waiting, none.number, none.sealed.len()), (0, 0, 0));
    let status: Status =
        open(Kind::Status, &bench.poll(0, Ask::Status).sealed, &HmacKey::new(1, &KEY)).unwrap();
    assert_eq!((status.terminal, status.software.as_str()), (TERMINAL, "test"));
}

#[test]
fn nobody_else_is_answered_or_believed() {
    let mut bench = Bench::new();
    let poll = Packet::Poll(Poll { got: 0, ask: Ask::Report });
    for (to, from) in [(ALL, GATEWAY), (ADDRESS + 1, GATEWAY), (ADDRESS, ADDRESS), (ADDRESS, 9)] {
        let mut line = [0; LINE_BYTES_MAX];
        let used = encode(to, from, &poll, &mut line).unwrap();
        bench.hear(&line[..used]);
        assert_eq!(bench.station.answer(), None, "{to} {from}");
    }
    // An order that another terminal puts on the line is not even looked at.
    let mut line = [0; LINE_BYTES_MAX];
    let order = sealed(&play(5, clip(5)));
    let used = encode(ALL, 9, &Packet::Sealed(&order), &mut line).unwrap();
    bench.hear(&line[..used]);
    assert_eq!(bench.terminal.memory().counter_highest(), 0);
}

#[test]
fn kept_content_sounds_at_once_by_digest_and_by_number() {
    let mut bench = Bench::new();
    let content = content(3_000);
    let clip = clip_of(&content, Codec::Adpcm);
    let target = Target::Area(430_621_100_000);
    let (issued_at_ms, expires_ms, phrase) = (NOW, NOW + HOUR, Some(300));
    let keep = Order::Keep(Keep { target, issued_at_ms, expires_ms, clip, phrase });
    bench.order(&keep);
    for index in 0..14 {
        assert_eq!(starts(&bench.chunk(&content, 28, index)), []);
    }
    assert_eq!(bench.poll(0, Ask::Clip(tag(&clip.sha256))).clip, Some(Progress::Here));
    assert_eq!(starts(&bench.order(&play(5, clip))), [5]);
    bench.terminal.on_playback_finished(NOW, 5, false);
    for (counter, number, sounds) in [(6, 300, true), (7, 301, false)] {
        let list = PhraseList { phrases: [300, number].into_iter().collect() };
        let mut out = [0; 64];
        let bytes = postcard::to_slice(&list, &mut out).unwrap().to_vec();
        let clip = clip_of(&bytes, Codec::Phrases);
        assert_eq!(starts(&bench.order(&play(counter, clip))), []);
        let chunk = Chunk { tag: tag(&clip.sha256), units: 28, index: 0, bytes: &bytes };
        let started = bench.packet(ALL, &Packet::Chunk(chunk));
        assert_eq!(starts(&started), if sounds { vec![counter] } else { vec![] });
        bench.terminal.on_playback_finished(NOW, counter, false);
    }
}

#[test]
fn of_several_contents_the_one_that_is_named_or_comes_sounds() {
    let mut bench = Bench::new();
    let [words, stored, absent] = [content(8_000), content(3_000), content(4_000)];
    let text = "请立即转移。".as_bytes();
    let clip = clip_of(&stored, Codec::Adpcm);
    let target = Target::Area(430_621_100_000);
    let (issued_at_ms, expires_ms, phrase) = (NOW, NOW + HOUR, None);
    bench.order(&Order::Keep(Keep { target, issued_at_ms, expires_ms, clip, phrase }));
    for index in 0..14 {
        bench.chunk(&stored, 28, index);
    }
    let order = |counter, last: &[u8]| {
        let clips = [
            clip_of(&words, Codec::Adpcm),
            clip_of(text, Codec::Text),
            clip_of(last, Codec::Adpcm),
        ];
        let clips = clips.into_iter().collect();
        Order::Play(Manifest { clips, ..manifest(counter, 10) })
    };
    let named = |of: &[u8]| {
        Packet::Poll(Poll { got: 0, ask: Ask::Clip(tag(&clip_of(of, Codec::Adpcm).sha256)) })
    };
    // What no order named can't be named, and what is not here makes no sound.
    assert_eq!(starts(&bench.packet(ALL, &named(&stored))), []);
    assert_eq!(starts(&bench.order(&order(5, &stored))), [], "the words may still come");
    assert_eq!(starts(&bench.packet(ALL, &named(&absent))), []);
    let begun = bench.packet(ALL, &named(&stored));
    let sounds = Action::Start { broadcast: 5, clip, volume_percent: 60 };
    assert!(begun.contains(&sounds), "{begun:?}");
    assert!(bench.station.answer().is_none(), "nobody answers what is sent to all");
    // Once it sounds it is too late for another content.
    for index in 0..36 {
        assert_eq!(starts(&bench.chunk(&words, 28, index)), []);
    }
    bench.terminal.on_playback_finished(NOW, 5, false);
    // Another one: its text comes by the line.
    let clip = clip_of(text, Codec::Text);
    assert_eq!(starts(&bench.order(&order(6, &absent))), [6], "its words came a moment ago");
    bench.terminal.on_playback_finished(NOW, 6, false);
    let other = content(9_000);
    let clips = [clip_of(&other, Codec::Adpcm), clip].into_iter().collect();
    let third = Order::Play(Manifest { clips, ..manifest(7, 10) });
    assert_eq!(starts(&bench.order(&third)), []);
    let chunk = Chunk { tag: tag(&clip.sha256), units: 28, index: 0, bytes: text };
    let begun = bench.packet(ALL, &Packet::Chunk(chunk));
    let sounds = Action::Start { broadcast: 7, clip, volume_percent: 60 };
    assert!(begun.contains(&sounds), "{begun:?}");
}

#[test]
fn flash_without_room_says_so() {
    let mut bench = Bench::new();
    bench.station.intake.clips.refuses = true;
    let content = content(100);
    let clip = clip_of(&content, Codec::Adpcm);
    bench.order(&play(5, clip));
    bench.chunk(&content, 28, 0);
    assert_eq!(bench.poll(0, Ask::Clip(tag(&clip.sha256))).clip, Some(Progress::Impossible));
}

#[test]
fn both_links_of_one_terminal_bring_one_play() {
    let content = content(3_000);
    let clip = clip_of(&content, Codec::Adpcm);
    let order = play(5, clip);
    let mut bench = Bench::new();
    // By the network first, with the area as target; content comes by the line.
    bench.terminal.on_order(NOW, &sealed(&order), &verifier()).unwrap();
    bench.hear(&[]);
    let mut started = starts(&bench.order(&order));
    for index in 0..14 {
        started.extend(starts(&bench.chunk(&content, 28, index)));
    }
    bench.terminal.on_playback_finished(NOW + 1_000, 5, true);
    started.extend(starts(&bench.order(&order)));
    bench.terminal.on_order(NOW + 2_000, &sealed(&order), &verifier()).unwrap();
    started.extend(starts(&bench.hear(&[])));
    assert_eq!(started, [5]);
    assert_eq!(bench.poll(0, Ask::Report).report().step, Step::Played);
}

#[test]
fn a_recording_of_the_line_makes_no_sound_when_played_back() {
    let content = content(2_000);
    let order = play(5, clip_of(&content, Codec::Adpcm));
    let mut captured = Vec::new();
    let mut line = [0; LINE_BYTES_MAX];
    let frame = sealed(&order);
    let used = encode(ALL, GATEWAY, &Packet::Sealed(&frame), &mut line).unwrap();
    captured.extend(&line[..used]);
    let tag = tag(&clip_of(&content, Codec::Adpcm).sha256);
    for (index, bytes) in (0_u16..).zip(content.chunks(224)) {
        let chunk = Packet::Chunk(Chunk { tag, units: 28, index, bytes });
        let used = encode(ALL, GATEWAY, &chunk, &mut line).unwrap();
        captured.extend(&line[..used]);
    }
    let mut bench = Bench::new();
    assert_eq!(starts(&bench.hear(&captured)), [5]);
    bench.terminal.on_playback_finished(NOW + 1_000, 5, true);
    // After a second, after a day, after a reboot; the flash still holds the content.
    for later_ms in [1_000, 24 * HOUR] {
        bench.now_ms = NOW + later_ms;
        assert_eq!(starts(&bench.hear(&captured)), []);
    }
    bench.now_ms = NOW + 2_000;
    let mut own = support::profile();
    own.codecs |= Codec::Phrases.bit();
    let store = std::mem::replace(&mut bench.terminal, Terminal::boot(own, Cells::default(), NOW));
    bench.terminal = Terminal::boot(support::profile(), store.into_store(), bench.now_ms);
    assert_eq!(starts(&bench.hear(&captured)), []);
    // On another terminal: not its order.
    let mut other = support::profile();
    other.id += 1;
    bench.terminal = Terminal::boot(other, Cells::default(), bench.now_ms);
    assert_eq!(starts(&bench.hear(&captured)), []);
}

#[test]
fn power_cut_at_any_byte_of_the_line_loses_nothing_and_plays_nothing_twice() {
    let content = content(2_000);
    let order = play(5, clip_of(&content, Codec::Adpcm));
    let tag = tag(&clip_of(&content, Codec::Adpcm).sha256);
    let mut captured = Vec::new();
    let mut line = [0; LINE_BYTES_MAX];
    let frame = sealed(&order);
    let mut packets = vec![Packet::Sealed(&frame)];
    for (index, bytes) in (0_u16..).zip(content.chunks(224)) {
        packets.push(Packet::Chunk(Chunk { tag, units: 28, index, bytes }));
    }
    for packet in &packets {
        let used = encode(ALL, GATEWAY, packet, &mut line).unwrap();
        captured.extend(&line[..used]);
    }
    for cut in (0..=captured.len()).step_by(2) {
        let mut bench = Bench::new();
        let before = starts(&bench.hear(&captured[..cut])).len();
        let old = std::mem::replace(
            &mut bench.terminal,
            Terminal::boot(support::profile(), Cells::default(), NOW),
        );
        // The staged content is gone, what was kept stays; the gateway sends order and content again.
        bench.terminal = Terminal::boot(support::profile(), old.into_store(), NOW + 1_000);
        let kept = std::mem::take(&mut bench.station.intake.clips);
        let again = Bench::new();
        bench.station = again.station;
        bench.station.intake.clips = kept;
        let after = starts(&bench.hear(&captured)).len();
        assert_eq!(before + after, 1, "cut at byte {cut}: {before} before, {after} after");
    }
}
