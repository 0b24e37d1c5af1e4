//! The driver on pseudo-terminals: a port as the product opens it, and real time. Limits are wide:
//! the machine may be busy.

use super::world::content;
use mingluo::deliver::serial::{
    Contents, Direction, LineConfig, LineMember, LineSetup, LineWord, SerialLines,
};
use mingluo::deliver::{KeyRing, LinkFault, LinkInput, Publish, order_topic};
use mingluo::model::{Address, AreaCode, Codec, Sha256, TerminalId, UtcMs};
use mingluo::simulate::{FleetTerminal, LineTrouble, SerialFleet, SimulatedLine, SimulatedLines};
use mingluo_bridge::message::{self as wire, Class, Clip, Manifest, Order, Step, Target};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(super) const AREA: u64 = 430_621_100_001;
const BAUD: u32 = 115_200;
const N_TERMINALS: u8 = 3;
const LIMIT: Duration = Duration::from_secs(60);

fn ids() -> Vec<(u8, TerminalId)> {
    (1..=N_TERMINALS)
        .map(|at| (at, TerminalId::from_number(AREA * 1_000 + u64::from(at)).unwrap()))
        .collect()
}

pub(super) fn keys() -> KeyRing {
    KeyRing::new(&[7; 32], [9; 32])
}

fn fleet(path: &Path) -> SerialFleet {
    let area = AreaCode::from_number(AREA).unwrap();
    let terminals = ids()
        .into_iter()
        .map(|(at, id)| {
            (at, FleetTerminal { id: id.number(), area, codecs: 4, volume_percent: 80 })
        })
        .collect();
    let keys = keys();
    let config = SimulatedLines {
        master: [9; 32],
        gateway_key: keys.gateway_key(),
        key_id: keys.key_id(),
        time_scale: 50,
        seed: 1,
    };
    let trouble = LineTrouble { flips_per_million: 100, ..LineTrouble::default() };
    let (path, guests) = (path.to_owned(), Vec::new());
    let line = SimulatedLine { path, baud: BAUD, terminals, guests, trouble };
    SerialFleet::start(&config, vec![line]).unwrap()
}

fn lines(
    path: &Path,
    direction: Direction,
    bytes: &[u8],
    inputs: mpsc::Sender<LinkInput>,
) -> SerialLines {
    let mut setup = LineSetup::of(BAUD);
    (setup.answer_wait_us, setup.watch_poll_us) = (2_000_000, 200_000);
    let members = ids().into_iter().map(|(address, terminal)| LineMember {
        address,
        terminal,
        area: AreaCode::from_number(AREA).unwrap(),
        codecs: vec![Codec::Adpcm],
        preferred: true,
    });
    let config = LineConfig {
        path: path.display().to_string(),
        setup,
        direction,
        clip_s_max: 300,
        clip_soon_s: 300,
        members: members.collect(),
    };
    let bytes: Arc<[u8]> = bytes.into();
    let contents: Contents = Arc::new(move |_| Some(Arc::clone(&bytes)));
    SerialLines::start(vec![config], "t".into(), contents, inputs)
}

/// An order for the area to play one ADPCM clip.
pub(super) fn play_adpcm(counter: u64, bytes: &[u8], duration_ms: u32, now: UtcMs) -> Order {
    let clip = Clip {
        codec: wire::Codec::Adpcm,
        sha256: Sha256::of(bytes).0,
        clip_bytes: u32::try_from(bytes.len()).unwrap(),
        duration_ms,
    };
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
        clips: [clip].into_iter().collect(),
    })
}

/// An order as the core hands it over, to the area.
pub(super) fn publish(order: &Order, now: UtcMs) -> Publish {
    let area = AreaCode::from_number(AREA).unwrap();
    let order = mingluo::deliver::aimed(order, Address::Area(area), &[], None);
    let topic = order_topic("t", Address::Area(area));
    let payload = keys().seal_order(&order).unwrap();
    Publish { topic, payload, expires_at: Some(UtcMs(now.0 + 3_600_000)) }
}

/// Waits until this many terminals have reported a broadcast as played.
pub(super) async fn played(heard: &mut mpsc::Receiver<LinkInput>, counter: u64, wanted: usize) {
    let mut done = std::collections::BTreeSet::new();
    let all = async {
        while done.len() < wanted {
            let input = heard.recv().await.expect("the driver lives");
            let LinkInput::Serial { terminal, word: LineWord::Frame(frame) } = input else {
                continue;
            };
            if let Ok(report) = keys().open_report(terminal, &frame)
                && report.broadcast == counter
                && report.step == Step::Played
            {
                done.insert(terminal);
            }
        }
    };
    timeout(LIMIT, all).await.unwrap_or_else(|_| panic!("{wanted} wanted"));
}

/// Hands the order over as soon as the port is open.
pub(super) async fn send(lines: &SerialLines, publish: &Publish, now: UtcMs) {
    let open = async {
        while lines.publish(publish, now).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, open).await.expect("the port opens");
}

pub(super) fn line_path(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("mingluo-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir.join("line")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_plays_is_locked_and_comes_back_after_it_was_pulled() {
    let path = line_path("pty");
    let bytes = content(6_000);
    let (inputs, mut heard) = mpsc::channel(256);
    let lines = lines(&path, Direction::Automatic, &bytes, inputs);
    let now = mingluo::clock::now_utc();
    let publish = publish(&play_adpcm(7, &bytes, 5_000, now), now);
    let closed = lines.publish(&publish, now).await;
    assert!(matches!(closed, Err(LinkFault::Down(_))), "{closed:?}");
    let first = fleet(&path);
    send(&lines, &publish, now).await;
    played(&mut heard, 7, 3).await;
    let second = tokio_serial::new(path.display().to_string(), BAUD);
    let second = tokio_serial::SerialPortBuilderExt::open_native_async(second);
    assert!(second.is_err(), "a second gateway can't have the port");
    let tally = first.stats.tally_of(7);
    assert_eq!(tally.sounded.values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    // The adapter is pulled and put back: new terminals, new pseudo-terminal, same path.
    first.stop().await;
    let again = fleet(&path);
    let publish = self::publish(&play_adpcm(8, &bytes, 5_000, now), now);
    send(&lines, &publish, now).await;
    played(&mut heard, 8, 3).await;
    again.stop().await;
    lines.close();
}

/// A pseudo-terminal has no RTS, and no driver that could turn it: a port that is to be turned by
/// either never talks, says that it is down, and leaves the others on the bus alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_nobody_turns_is_down_and_not_talked_into() {
    not_talked_into("rts", Direction::Rts).await;
    not_talked_into("kernel", Direction::Kernel { before_ms: 1, after_ms: 0 }).await;
}

async fn not_talked_into(name: &str, direction: Direction) {
    let path = line_path(name);
    let fleet = fleet(&path);
    let (inputs, mut heard) = mpsc::channel(256);
    let lines = lines(&path, direction, &content(500), inputs);
    let now = mingluo::clock::now_utc();
    let publish = publish(&play_adpcm(7, &content(500), 5_000, now), now);
    for _ in 0..20 {
        let told = lines.publish(&publish, now).await;
        assert!(matches!(told, Err(LinkFault::Down(_))), "{told:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(fleet.carried[0].lock().unwrap().bytes, 0, "not a byte");
    assert!(heard.try_recv().is_err(), "nobody is called online");
    lines.close();
    fleet.stop().await;
}
