//! What goes to a terminal on a slow line: the words when they are there soon, else their text to a
//! speech chip, else a warning it keeps. By the driver on pseudo-terminals, in real time.

use super::pty::{AREA, keys, line_path, played, publish, send};
use super::world::content;
use mingluo::deliver::serial::{
    Contents, Direction, Kept, LineConfig, LineMember, LineSetup, SerialLines,
};
use mingluo::deliver::{LinkInput, aimed, keep_order};
use mingluo::model::{Address, AreaCode, Codec, Sha256, TerminalId, UtcMs};
use mingluo::simulate::{FleetTerminal, LineTrouble, SerialFleet, SimulatedLine, SimulatedLines};
use mingluo_bridge::message::{self as wire, Class, Clip, Manifest, Order, Target};
use mingluo_bridge::phrases::{PHRASES_BYTES_MAX, write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const BAUD: u32 = 115_200;
const N_TERMINALS: u8 = 3;
/// Words too long to be there soon: two seconds of line time.
const WORDS_BYTES: usize = 24_000;

struct Offered {
    codec: wire::Codec,
    bytes: Vec<u8>,
}

impl Offered {
    fn clip(&self) -> Clip {
        Clip {
            codec: self.codec,
            sha256: Sha256::of(&self.bytes).0,
            clip_bytes: u32::try_from(self.bytes.len()).unwrap(),
            duration_ms: 5_000,
        }
    }
}

fn id(address: u8) -> TerminalId {
    TerminalId::from_number(AREA * 1_000 + u64::from(address)).unwrap()
}

fn area() -> AreaCode {
    AreaCode::from_number(AREA).unwrap()
}

fn fleet(path: &Path) -> SerialFleet {
    let all = [wire::Codec::Adpcm, wire::Codec::Text, wire::Codec::Phrases];
    let codecs = all.into_iter().fold(0, |set, codec| set | codec.bit());
    let known =
        |at| FleetTerminal { id: id(at).number(), area: area(), codecs, volume_percent: 80 };
    let terminal = |at| (at, known(at));
    let line = SimulatedLine {
        path: path.to_owned(),
        baud: BAUD,
        terminals: (1..=N_TERMINALS).map(terminal).collect(),
        guests: Vec::new(),
        trouble: LineTrouble::default(),
    };
    let (gateway_key, key_id) = (keys().gateway_key(), keys().key_id());
    let config = SimulatedLines { master: [9; 32], gateway_key, key_id, time_scale: 50, seed: 1 };
    SerialFleet::start(&config, vec![line]).unwrap()
}

fn lines(
    path: &Path,
    codecs: &[Codec],
    offered: &[Offered],
    inputs: mpsc::Sender<LinkInput>,
) -> SerialLines {
    let mut setup = LineSetup::of(BAUD);
    (setup.answer_wait_us, setup.watch_poll_us) = (2_000_000, 200_000);
    let member = |address| LineMember {
        address,
        terminal: id(address),
        area: area(),
        codecs: codecs.to_vec(),
        preferred: true,
    };
    let config = LineConfig {
        path: path.display().to_string(),
        setup,
        direction: Direction::Automatic,
        clip_s_max: 300,
        clip_soon_s: 1,
        members: (1..=N_TERMINALS).map(member).collect(),
    };
    let store: Vec<(Clip, Arc<[u8]>)> =
        offered.iter().map(|one| (one.clip(), one.bytes.clone().into())).collect();
    let contents: Contents = Arc::new(move |clip| {
        store
            .iter()
            .find(|(known, _)| known.sha256 == clip.sha256)
            .map(|(_, bytes)| Arc::clone(bytes))
    });
    SerialLines::start(vec![config], "t".into(), contents, inputs)
}

fn order(counter: u64, offered: &[Offered], now: UtcMs) -> Order {
    Order::Play(Manifest {
        counter,
        class: Class::Live,
        drill_armed: false,
        priority: 10,
        target: Target::Area(AREA),
        issued_at_ms: now.0,
        not_before_ms: now.0,
        expires_ms: now.0 + 3_600_000,
        volume_percent: None,
        repeats: 1,
        interval_s: 0,
        stagger_ms: 0,
        clips: offered.iter().map(Offered::clip).collect(),
    })
}

/// Bytes of the bus until every terminal has played an order with these contents.
async fn carried(
    name: &str,
    codecs: &[Codec],
    offered: &[Offered],
    kept: Option<(&Offered, Option<u16>)>,
) -> u64 {
    let path = line_path(name);
    let (inputs, mut heard) = mpsc::channel(256);
    let lines = lines(&path, codecs, offered, inputs);
    let fleet = fleet(&path);
    let now = mingluo::clock::now_utc();
    let first = [Offered { codec: wire::Codec::Adpcm, bytes: content(500) }];
    send(&lines, &publish(&order(6, &first, now), now), now).await;
    if let Some((kept, phrase)) = kept {
        place(&lines, kept, phrase, &fleet).await;
    }
    let before = fleet.carried[0].lock().unwrap().bytes;
    let now = mingluo::clock::now_utc();
    send(&lines, &publish(&order(7, offered, now), now), now).await;
    played(&mut heard, 7, usize::from(N_TERMINALS)).await;
    let bytes = fleet.carried[0].lock().unwrap().bytes - before;
    let tally = fleet.stats.tally_of(7);
    assert_eq!(tally.sounded.values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    lines.close();
    fleet.stop().await;
    println!("{name}: {bytes} bytes on the bus");
    bytes
}

/// Places a warning: asked for without sending it, nobody gets it; sent, all have it, and nobody is
/// asked again.
async fn place(lines: &SerialLines, kept: &Offered, phrase: Option<u16>, fleet: &SerialFleet) {
    let bytes = kept.bytes.clone().into();
    let all = [Kept { clip: kept.clip(), bytes, phrase, areas: Vec::new() }];
    let keep = |send| {
        let now = mingluo::clock::now_utc();
        let seal = |kept: &Kept, valid_ms| {
            let order = keep_order(kept.clip, kept.phrase, now, valid_ms);
            let order = aimed(&order, Address::Area(area()), &[], None);
            keys().seal_order(&order).ok()
        };
        lines.keep(&all, area(), send, now, &seal)
    };
    let bus = || fleet.carried[0].lock().unwrap().bytes;
    let from = bus();
    assert_eq!(keep(false), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(bus() - from < u64::try_from(kept.bytes.len()).unwrap(), "only asked");
    assert_eq!(keep(false), 0, "asked a moment ago");
    assert_eq!(keep(true), 1);
    let limit = mingluo::clock::Monotonic::start();
    while bus() - from < u64::try_from(kept.bytes.len()).unwrap() {
        assert!(limit.elapsed() < Duration::from_secs(60), "the warning goes out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(keep(true), 0, "all have it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_take_too_long_give_way_to_a_text_or_a_kept_warning() {
    let words = || Offered { codec: wire::Codec::Adpcm, bytes: content(WORDS_BYTES) };
    let text = || Offered {
        codec: wire::Codec::Text,
        bytes: "请立即转移。".repeat(16).into_bytes(),
    };
    let stored = || Offered { codec: wire::Codec::Adpcm, bytes: content(9_000) };
    let (sound, both) = ([Codec::Adpcm], [Codec::Adpcm, Codec::Text]);
    let long = u64::try_from(WORDS_BYTES).unwrap();
    // Nothing else is there: the words, although they take their time.
    assert!(carried("words", &sound, &[words()], None).await > long);
    // 288 bytes of text for terminals with a chip.
    assert!(carried("text", &both, &[words(), text(), stored()], None).await < long / 3);
    let kept = stored();
    assert!(
        carried("kept", &sound, &[words(), text(), stored()], Some((&kept, None))).await < long / 3
    );
}

/// A list of these phrases, each a number with what it means.
fn list(phrases: &[(u16, &Offered)]) -> Offered {
    let mut bytes = [0; PHRASES_BYTES_MAX];
    let meant = phrases.iter().map(|(number, phrase)| (*number, phrase.clip().sha256));
    let used = write(meant, &mut bytes).unwrap();
    Offered { codec: wire::Codec::Phrases, bytes: bytes[..used].to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phrases_go_where_all_of_them_are_kept_and_nowhere_else() {
    let words = || Offered { codec: wire::Codec::Adpcm, bytes: content(WORDS_BYTES) };
    let phrase = Offered { codec: wire::Codec::Adpcm, bytes: content(9_000) };
    let other = Offered { codec: wire::Codec::Adpcm, bytes: content(9_001) };
    let knows = [Codec::Adpcm, Codec::Phrases];
    let long = u64::try_from(WORDS_BYTES).unwrap();
    let placed = Some((&phrase, Some(7)));
    let good = || list(&[(7, &phrase), (7, &phrase)]);
    assert!(carried("phrases", &knows, &[words(), good()], placed).await < long / 3);
    // One that is not kept, one under whose number something else is kept, a terminal that knows no
    // lists, phrases kept as plain warnings: the words, although they take their time.
    let lacking = list(&[(7, &phrase), (8, &other)]);
    assert!(carried("lacking", &knows, &[words(), lacking], placed).await > long);
    let mistaken = list(&[(7, &other)]);
    assert!(carried("mistaken", &knows, &[words(), mistaken], placed).await > long);
    assert!(carried("simple", &[Codec::Adpcm], &[words(), good()], None).await > long);
    assert!(carried("plain", &knows, &[words(), good()], Some((&phrase, None))).await > long);
}
