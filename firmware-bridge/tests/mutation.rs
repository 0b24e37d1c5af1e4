//! Damaged and invented bytes: never a panic, never a sound. Seeded, so that a failure repeats.
#![expect(clippy::indexing_slicing, reason = "tests index what they made")]

mod support;
use mingluo_bridge::frame::{FRAME_BYTES_MAX, peek};
use mingluo_bridge::intake::ClipStore;
use mingluo_bridge::line::{ALL, Ask, Chunk, GATEWAY, Packet, Poll, encode as packet, tag};
use mingluo_bridge::message::{Clip, Order};
use mingluo_bridge::serial::{Deframer, LINE_BYTES_MAX, encode};
use mingluo_bridge::station::{LineProfile, Station};
use mingluo_bridge::terminal::{Action, Terminal};
use mingluo_bridge::topics;
use support::*;

const FRAMES: u32 = 200_000;
/// Damaged pieces of line; `FUZZ_FRAMES=1000000` for the full number.
const LINE_FRAMES: u32 = 100_000;

/// A small seeded generator.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap_or(1)).unwrap_or(0)
    }
    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

fn damage(dice: &mut Dice, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    match dice.below(5) {
        0 => {
            let length = dice.below(FRAME_BYTES_MAX + 40);
            bytes = (0..length).map(|_| dice.byte()).collect();
        }
        1 => bytes.truncate(dice.below(good.len())),
        2 => bytes.extend((0..=dice.below(40)).map(|_| 0)),
        _ => {
            for _ in 0..=dice.below(4) {
                let place = dice.below(bytes.len());
                bytes[place] = dice.byte();
            }
        }
    }
    bytes
}

/// Stands for a stolen or broken check: what gets in must still never panic.
struct TakesAll;

impl mingluo_bridge::frame::Verifier for TakesAll {
    fn verify(
        &self,
        _: u8,
        _: u32,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), mingluo_bridge::frame::FrameError> {
        Ok(())
    }
}

#[test]
fn no_damaged_frame_sounds() {
    let good = sealed(&Order::Play(manifest(5, 10)));
    let (mut dice, mut refused) = (Dice(1), 0);
    let mut terminal = Terminal::boot(profile(), Cells::default(), NOW);
    for _ in 0..FRAMES {
        let bytes = damage(&mut dice, &good);
        if bytes == good {
            continue;
        }
        let _head = peek(&bytes);
        refused += u32::from(terminal.on_order(NOW, &bytes, &verifier()).is_err());
        let _receipt = terminal.on_receipt(&bytes, &verifier());
        while let Some(action) = terminal.next_action() {
            assert!(
                !matches!(action, Action::Start { .. } | Action::Fetch(_) | Action::Offer(_)),
                "{bytes:02x?}"
            );
        }
    }
    assert!(refused > FRAMES - 100, "only {refused} were refused");
}

#[test]
fn bodies_that_pass_the_check_never_panic() {
    let good = sealed(&Order::Play(manifest(5, 10)));
    let (mut dice, mut taken) = (Dice(2), 0);
    let mut terminal = Terminal::boot(profile(), Cells::default(), NOW);
    for turn in 0..FRAMES / 4 {
        let bytes = damage(&mut dice, &good);
        let now_ms = NOW + i64::from(turn);
        taken += u32::from(terminal.on_order(now_ms, &bytes, &TakesAll).is_ok());
        terminal.on_clip_ready(now_ms, &clip(5).sha256);
        terminal.on_tick(now_ms);
        while terminal.next_action().is_some() {}
    }
    assert!(taken > 1_000, "only {taken} were read: the test tests nothing");
}

#[test]
fn the_line_finds_every_good_frame_after_noise() {
    let mut dice = Dice(3);
    let mut deframer = Deframer::default();
    let mut line = [0; LINE_BYTES_MAX];
    for _ in 0..20_000 {
        for _ in 0..dice.below(60) {
            deframer.push(dice.byte());
        }
        deframer.push(0);
        let frame: Vec<u8> = (0..dice.below(FRAME_BYTES_MAX + 1)).map(|_| dice.byte()).collect();
        let used = encode(&frame, &mut line).unwrap_or(0);
        let mut found = 0;
        for byte in &line[..used] {
            found += usize::from(deframer.push(*byte).is_some_and(|got| got == frame));
        }
        assert_eq!(found, 1, "frame of {} bytes", frame.len());
    }
    assert!(encode(&[1; FRAME_BYTES_MAX + 1], &mut line).is_none());
}

#[test]
fn topics_are_read_back_and_nothing_else_is() {
    let topic = topics::terminal("mingluo/v1", TERMINAL, topics::Leaf::Status);
    assert_eq!(topic.as_deref(), Some("mingluo/v1/terminal/430621100001-001/status"));
    let back = topics::parse_terminal("mingluo/v1", "mingluo/v1/terminal/430621100001-001/status");
    assert_eq!(back, Some((TERMINAL, topics::Leaf::Status)));
    let area = topics::area_order("mingluo/v1", 430_621_100_000);
    assert_eq!(area.as_deref(), Some("mingluo/v1/area/430621100000/order"));
    for bad in ["+30621100001-001/status", "430621100001-+01/status", "430621100001-001/x", ""] {
        let topic = format!("mingluo/v1/terminal/{bad}");
        assert_eq!(topics::parse_terminal("mingluo/v1", &topic), None, "{bad}");
    }
}

/// Flash that believes everything.
struct Flash;

impl ClipStore for Flash {
    fn holds(&mut self, _: &[u8; 32]) -> bool {
        false
    }
    fn begin(&mut self, _: &Clip) -> bool {
        true
    }
    fn write(&mut self, _: u32, _: &[u8]) -> bool {
        true
    }
    fn read(&mut self, _: u32, out: &mut [u8]) -> usize {
        out.len()
    }
    fn keep(&mut self, _: &Clip, _: bool, _: Option<u16>) -> bool {
        true
    }
    fn phrase(&mut self, _: u16) -> Option<[u8; 32]> {
        None
    }
}

/// Valid check sums around damaged and invented packets, and damaged lines: the terminal wants a
/// clip, so that chunks go all the way.
#[test]
fn no_damaged_line_sounds() {
    let software = "test".try_into().unwrap_or_default();
    let line =
        LineProfile { address: 7, key_id: 1, key: [5; 32], verifier: verifier().into(), software };
    let mut station = Station::new(line, Flash);
    let mut terminal = Terminal::boot(profile(), Cells::default(), NOW);
    let order = sealed(&Order::Play(manifest(5, 10)));
    let mut out = [0; LINE_BYTES_MAX];
    let used = packet(ALL, GATEWAY, &Packet::Sealed(&order), &mut out).unwrap_or(0);
    for byte in &out[..used] {
        station.on_byte(NOW, *byte, &mut terminal);
    }
    while station.next_action(NOW, &mut terminal).is_some() {}
    let tag = tag(&clip(5).sha256);
    let bytes = [3; 224];
    let good = [
        Packet::Sealed(&order),
        Packet::Poll(Poll { got: 1, ask: Ask::Clip(tag) }),
        Packet::Chunk(Chunk { tag, units: 28, index: 3, bytes: &bytes }),
    ];
    let frames = std::env::var("FUZZ_FRAMES").ok().and_then(|n| n.parse().ok());
    let mut dice = Dice(4);
    for turn in 0..frames.unwrap_or(LINE_FRAMES) {
        let which = dice.below(good.len());
        let used = packet(if turn % 2 == 0 { ALL } else { 7 }, GATEWAY, &good[which], &mut out)
            .unwrap_or(0);
        let piece = if turn % 4 == 0 {
            damage(&mut dice, &out[..used])
        } else {
            // Damage under a good check sum.
            let mut deframer = Deframer::default();
            let frame =
                out[..used].iter().find_map(|byte| deframer.push(*byte).map(<[u8]>::to_vec));
            let mut frame = damage(&mut dice, &frame.unwrap_or_default());
            frame.truncate(FRAME_BYTES_MAX);
            let used = encode(&frame, &mut out).unwrap_or(0);
            out[..used].to_vec()
        };
        for byte in piece.into_iter().chain([0]) {
            station.on_byte(NOW, byte, &mut terminal);
        }
        let _more = station.work(NOW, &mut terminal);
        let _answer = station.answer();
        while let Some(action) = station.next_action(NOW, &mut terminal) {
            assert!(!matches!(action, Action::Start { .. }), "turn {turn}");
        }
    }
    assert!(
        station.counts.chunks > 1_000 && station.counts.answers > 1_000,
        "{:?}",
        station.counts
    );
}
