//! The end of a broadcast at the socket: it is stopped there, until the terminal says that it stopped,
//! and nothing of it starts any more, neither on the same connection nor on another.

use super::code;
use super::site::{AREA, LIMIT, Site, beat, read, result};
use mingluo::deliver::national::control::{Control, Start, request};
use mingluo::deliver::national::packet::{Form, Packet};
use mingluo::deliver::national::returned::{Played, Returned};
use mingluo::deliver::national::{Found, NationalWord, Stream};
use mingluo::deliver::{KeyRing, LinkInput, Outgoing, Publish};
use mingluo::model::{
    Address, AreaCode, BroadcastId, HazardCode, LinkKind, NationalCode, OrderKind, Step,
    TerminalId, UtcMs,
};
use mingluo_bridge::message::{Class, Clip, Codec, Manifest, Order, Query, Target};
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// 2026-07-12 00:00:00 in Beijing, when each test begins.
const BEGAN: UtcMs = UtcMs(1_783_785_600_000);
/// Orders that wait for one terminal.
const QUEUE: usize = 32;

/// Clocks that stand until their test sets them.
static FIRST: AtomicI64 = AtomicI64::new(BEGAN.0);
static SECOND: AtomicI64 = AtomicI64::new(BEGAN.0);

fn first() -> UtcMs {
    UtcMs(FIRST.load(Ordering::Relaxed))
}

fn second() -> UtcMs {
    UtcMs(SECOND.load(Ordering::Relaxed))
}

fn set(clock: &AtomicI64, s: i64) {
    clock.store(BEGAN.plus_s(s).0, Ordering::Relaxed);
}

/// A batch for the one terminal.
pub(super) fn batch(number: u64, order: &Order) -> Outgoing {
    let payload = KeyRing::new(&[1; 32], [2; 32]).seal_order(order).unwrap();
    let id = TerminalId::new(AreaCode::parse(AREA).unwrap(), 1).unwrap();
    Outgoing {
        broadcast: BroadcastId(number),
        kind: OrderKind::Play,
        link: LinkKind::National,
        hazard: HazardCode::parse("11A51"),
        to: vec![Address::Terminal(id)],
        publishes: vec![Publish { topic: String::new(), payload, expires_at: None }],
    }
}

fn play(number: u64, valid_s: i64, repeats: u8) -> Outgoing {
    let clip = Clip { codec: Codec::Mp3, sha256: [7; 32], clip_bytes: 9, duration_ms: 9 };
    let order = Order::Play(Manifest {
        counter: number,
        class: Class::Live,
        drill_armed: false,
        priority: 200,
        target: Target::Area(430_621_000_000),
        issued_at_ms: BEGAN.0,
        not_before_ms: BEGAN.0,
        expires_ms: BEGAN.plus_s(valid_s).0,
        volume_percent: None,
        repeats,
        interval_s: 0,
        stagger_ms: 0,
        clips: [clip].into_iter().collect(),
    });
    batch(number, &order)
}

fn query(number: u64) -> Outgoing {
    let (issued_at_ms, expires_ms) = (BEGAN.0, BEGAN.plus_s(9_999).0);
    let target = Target::Area(430_621_000_000);
    let order = Query { counter: number, broadcast: number, target, issued_at_ms, expires_ms };
    batch(number, &Order::Query(order))
}

pub(super) fn control(packet: &Packet) -> Control {
    Control::decode(packet.kind, packet.is_answer, &packet.body).unwrap()
}

/// The terminal's answer to a request.
pub(super) async fn answer(stream: &mut TcpStream, to: &Packet, code: u8) {
    let control = Control::Answer { to: to.kind, result: code, text: String::new() };
    let packet = request(self::code(AREA, 1), vec![to.source], &control);
    let packet = Packet { session: to.session, is_answer: true, ..packet };
    stream.write_all(&packet.encode().unwrap()).await.unwrap();
}

/// What the terminal returns by annex E.
pub(super) async fn say(stream: &mut TcpStream, said: &Returned, session: u32) {
    let (kind, body) = said.encode();
    let platform = NationalCode::parse(super::PLATFORM).unwrap();
    let packet = Packet::request(code(AREA, 1), vec![platform], kind, body);
    let packet = Packet { form: Form::Return, session, ..packet };
    stream.write_all(&packet.encode().unwrap()).await.unwrap();
}

/// Takes what a gateway sends to who comes: answer, clock, questions.
pub(super) async fn greeted(site: &mut Site, stream: &mut TcpStream) {
    stream.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    assert_eq!(result(&read(stream).await), (true, 1, 0));
    assert!(matches!(control(&read(stream).await), Control::Set(_)));
    assert!(matches!(control(&read(stream).await), Control::Query(_)));
    site.presence(true).await;
}

async fn reported(site: &mut Site) -> Step {
    let input = site.next().await;
    let LinkInput::National { word: NationalWord::Report(report), .. } = input else {
        panic!("{input:?}")
    };
    report.step
}

#[tokio::test]
async fn what_plays_is_stopped_at_its_end_until_it_says_so() {
    let mut site = Site::start_with(first, "http://127.0.0.1:9/clips");
    let mut stream = site.connect().await;
    greeted(&mut site, &mut stream).await;
    let id = u64::try_from(BEGAN.0).unwrap();
    assert_eq!(site.link.deliver(&play(id, 60, 1)).await.to.len(), 1);
    let packet = read(&mut stream).await;
    let Control::Start(Start { ebm, event, start_s, end_s, .. }) = control(&packet) else {
        panic!("{packet:?}")
    };
    let seconds = |s: i64| u32::try_from(BEGAN.plus_s(s).as_s()).unwrap();
    assert_eq!((start_s, end_s, &event), (seconds(0), seconds(60), b"11A51"));
    answer(&mut stream, &packet, 0).await;
    assert_eq!(reported(&mut site).await, Step::Received);
    let begins = Returned::Switch { begins: true, source: 1, ebm, at_s: seconds(1) };
    say(&mut stream, &begins, 7).await;
    assert_eq!(reported(&mut site).await, Step::Playing);
    // Whatever comes next on the wire is the stop, and again, until it is answered.
    for s in [60, 70] {
        set(&FIRST, s);
        assert_eq!(control(&read(&mut stream).await), Control::Stop(ebm), "after {s} s");
    }
    drop(stream);
    site.presence(false).await;
    // Who lost its connection is stopped when it is back; what is over starts nowhere any more.
    set(&FIRST, 80);
    let mut stream = site.connect().await;
    greeted(&mut site, &mut stream).await;
    let packet = read(&mut stream).await;
    assert_eq!(control(&packet), Control::Stop(ebm));
    answer(&mut stream, &packet, 0).await;
    let text = "stopped".to_owned();
    let (from_s, until_s) = (seconds(1), seconds(80));
    let ended = Returned::Result {
        ebm,
        played: Played::Failed,
        text,
        from_s,
        until_s,
        plays: 0,
        at_s: until_s,
    };
    say(&mut stream, &ended, 8).await;
    assert_eq!(reported(&mut site).await, Step::Expired);
    let taken = site.link.deliver(&play(id, 60, 1)).await;
    assert_eq!((taken.to.len(), taken.n_refused), (0, 1), "it is over");
    // Orders go out in turn: before this one there was none.
    site.link.deliver(&query(id)).await;
    assert!(matches!(control(&read(&mut stream).await), Control::Query(_)));
}

#[tokio::test]
async fn a_start_that_waited_beyond_its_end_is_not_sent() {
    // Long starts, and a terminal that does not read: they wait here.
    let long = format!("http://127.0.0.1:9/{}", "c".repeat(600));
    let mut site = Site::start_with(second, &long);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(site.link.local_addr().unwrap()).await.unwrap();
    greeted(&mut site, &mut stream).await;
    let mut n_taken = 0_usize;
    loop {
        let number = u64::try_from(BEGAN.plus_s(9 * i64::try_from(n_taken).unwrap()).0).unwrap();
        let taken = site.link.deliver(&play(number, 600, 20)).await;
        if taken.n_refused == 1 {
            break;
        }
        n_taken += 1;
        assert!(n_taken < 9_000, "its queue fills up");
    }
    set(&SECOND, 600);
    let (mut packets, mut bytes) = (Stream::default(), vec![0; 65_536]);
    let (mut n_started, mut n_over) = (0, 0);
    let whole = async {
        while n_started + n_over < n_taken {
            tokio::select! {
                n_bytes = stream.read(&mut bytes) => {
                    let n_bytes = n_bytes.unwrap();
                    assert!(n_bytes > 0, "it was closed");
                    packets.take(&bytes[..n_bytes], |one| {
                        let Found::Packet(packet) = one else { panic!("{one:?}") };
                        let is_start = matches!(control(&packet), Control::Start(_));
                        n_started += usize::from(is_start);
                    });
                }
                input = site.heard.recv() => {
                    let is_over = matches!(input, Some(LinkInput::Noticed { code: "national_start_over" }));
                    assert!(is_over, "{input:?}");
                    n_over += 1;
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, whole).await.expect("all are sent or counted");
    assert_eq!((n_over, n_started), (QUEUE, n_taken - QUEUE), "what waited is counted, not sent");
}
