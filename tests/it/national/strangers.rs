//! Whoever connects: noise, foreign codes, a terminal that breaks the protocol, one that is there
//! twice. Everything is counted, nothing panics, and the rest is served on.

use super::{PLATFORM, code};
use mingluo::clock;
use mingluo::deliver::LinkInput;
use mingluo::deliver::national::control::{Control, Heartbeat, State, request};
use mingluo::deliver::national::packet::Packet;
use mingluo::deliver::national::{Found, Member, National, NationalConfig, NationalWord, Stream};
use mingluo::model::{AreaCode, NationalCode, TerminalId};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const AREA: &str = "430621100001";
const LIMIT: Duration = Duration::from_secs(30);

struct Site {
    link: National,
    heard: mpsc::Receiver<LinkInput>,
}

impl Site {
    fn start() -> Self {
        let (inputs, heard) = mpsc::channel(1_024);
        let area = AreaCode::parse(AREA).unwrap();
        let id = TerminalId::new(area, 1).unwrap();
        let config = NationalConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            platform: NationalCode::parse(PLATFORM).unwrap(),
            members: [(id, Member { code: code(AREA, 1), area })].into(),
            clip_url: "http://127.0.0.1:9/clips".into(),
            heartbeat_s: 60,
            silent_s: 200,
            signer: None,
            certificate: [0; 6],
            now: clock::now_utc,
        };
        Self { link: National::start(config, inputs).unwrap(), heard }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.link.local_addr().unwrap()).await.unwrap()
    }

    async fn next(&mut self) -> LinkInput {
        tokio::time::timeout(LIMIT, self.heard.recv()).await.expect("in time").expect("it lives")
    }

    async fn noticed(&mut self, expect: &str) {
        let found = self.next().await;
        assert!(matches!(found, LinkInput::Noticed { code } if code == expect), "{found:?}");
    }

    async fn presence(&mut self, expect: bool) {
        let found = self.next().await;
        let word = NationalWord::Presence(expect);
        assert!(matches!(&found, LinkInput::National { word: w, .. } if *w == word), "{found:?}");
    }
}

fn beat(of: NationalCode, session: u32) -> Vec<u8> {
    let beat = Heartbeat { state: State::Idle, is_first: true, physical_id: vec![1] };
    let packet = request(of, Vec::new(), &Control::Heartbeat(beat));
    Packet { session, ..packet }.encode().unwrap()
}

/// The next packet from the gateway.
async fn read(stream: &mut TcpStream) -> Packet {
    let (mut packets, mut bytes, mut found) = (Stream::default(), [0; 1], None);
    while found.is_none() {
        let n_bytes = tokio::time::timeout(LIMIT, stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(n_bytes > 0, "it was closed");
        packets.take(&bytes, |one| found = Some(one));
    }
    let Some(Found::Packet(packet)) = found else { panic!("{found:?}") };
    packet
}

async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _reset = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("closed");
}

fn result(packet: &Packet) -> (bool, u32, u8) {
    (packet.is_answer, packet.session, packet.body[0])
}

#[tokio::test]
async fn a_foreign_code_is_answered_59_counted_and_closed() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    stream.write_all(&beat(code(AREA, 9), 77)).await.unwrap();
    assert_eq!(result(&read(&mut stream).await), (true, 77, 59));
    closed(&mut stream).await;
    site.noticed("national_foreign_code").await;
    site.noticed("national_session_closed").await;
    assert_eq!(site.link.n_online(), 0);
}

#[tokio::test]
async fn noise_is_skipped_up_to_a_limit_and_a_packet_behind_it_is_read() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    stream.write_all(&beat(code(AREA, 1), 5)).await.unwrap();
    assert_eq!(result(&read(&mut stream).await), (true, 5, 0));
    site.noticed("national_bad_bytes").await;
    site.presence(true).await;
    // One that goes on like this is closed.
    let mut bad = beat(code(AREA, 1), 6);
    let last = bad.len() - 1;
    bad[last] ^= 1;
    for _ in 0..40 {
        // It may be closed already.
        let _closed = stream.write_all(&bad).await;
    }
    for _ in 0..16 {
        site.noticed("national_bad_bytes").await;
    }
    site.noticed("national_session_closed").await;
    site.presence(false).await;
    closed(&mut stream).await;
}

#[tokio::test]
async fn who_connects_anew_takes_the_place_and_the_old_end_is_no_absence() {
    let mut site = Site::start();
    let mut old = site.connect().await;
    old.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    site.presence(true).await;
    let mut new = site.connect().await;
    new.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    site.presence(true).await;
    closed(&mut old).await;
    assert_eq!(site.link.n_online(), 1);
    drop(new);
    site.presence(false).await;
    assert_eq!(site.link.n_online(), 0);
}

#[tokio::test]
async fn clock_and_period_are_set_and_answers_nobody_asked_for_prove_nothing() {
    let mut site = Site::start();
    let mut stream = site.connect().await;
    stream.write_all(&beat(code(AREA, 1), 1)).await.unwrap();
    assert_eq!(result(&read(&mut stream).await), (true, 1, 0));
    let set = read(&mut stream).await;
    let Ok(Control::Set(settings)) = Control::decode(set.kind, false, &set.body) else {
        panic!("{set:?}")
    };
    assert_eq!(settings.len(), 2);
    let query = read(&mut stream).await;
    assert!(matches!(Control::decode(query.kind, false, &query.body), Ok(Control::Query(_))));
    site.presence(true).await;
    let own = code(AREA, 1);
    let answer = Control::Answer { to: 1, result: 0, text: String::new() };
    let packet =
        Packet { session: 4_000_000_000, is_answer: true, ..request(own, Vec::new(), &answer) };
    stream.write_all(&packet.encode().unwrap()).await.unwrap();
    site.noticed("national_unasked_answer").await;
}
