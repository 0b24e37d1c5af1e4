//! The link alone with a socket in the hand: what goes over the wire, packet by packet.

use super::{PLATFORM, code};
use mingluo::clock;
use mingluo::deliver::LinkInput;
use mingluo::deliver::national::control::{Control, Heartbeat, State, request};
use mingluo::deliver::national::packet::Packet;
use mingluo::deliver::national::{Found, Member, National, NationalConfig, NationalWord, Stream};
use mingluo::model::{AreaCode, NationalCode, TerminalId, UtcMs};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

pub(super) const AREA: &str = "430621100001";
pub(super) const LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Site {
    pub(super) link: National,
    pub(super) heard: mpsc::Receiver<LinkInput>,
}

impl Site {
    pub(super) fn start() -> Self {
        Self::start_with(clock::now_utc, "http://127.0.0.1:9/clips")
    }

    /// With a clock of the test's own, and clips there.
    pub(super) fn start_with(now: fn() -> UtcMs, clip_url: &str) -> Self {
        let (inputs, heard) = mpsc::channel(1_024);
        let area = AreaCode::parse(AREA).unwrap();
        let id = TerminalId::new(area, 1).unwrap();
        let config = NationalConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            platform: NationalCode::parse(PLATFORM).unwrap(),
            members: [(id, Member { code: code(AREA, 1), area })].into(),
            clip_url: clip_url.into(),
            heartbeat_s: 60,
            silent_s: 200,
            signer: None,
            certificate: [0; 6],
            now,
        };
        Self { link: National::start(config, inputs).unwrap(), heard }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.link.local_addr().unwrap()).await.unwrap()
    }

    pub(super) async fn next(&mut self) -> LinkInput {
        tokio::time::timeout(LIMIT, self.heard.recv()).await.expect("in time").expect("it lives")
    }

    pub(super) async fn noticed(&mut self, expect: &str) {
        let found = self.next().await;
        assert!(matches!(found, LinkInput::Noticed { code } if code == expect), "{found:?}");
    }

    pub(super) async fn presence(&mut self, expect: bool) {
        let found = self.next().await;
        let word = NationalWord::Presence(expect);
        assert!(matches!(&found, LinkInput::National { word: w, .. } if *w == word), "{found:?}");
    }
}

pub(super) fn beat(of: NationalCode, session: u32) -> Vec<u8> {
    let beat = Heartbeat { state: State::Idle, is_first: true, physical_id: vec![1] };
    let packet = request(of, Vec::new(), &Control::Heartbeat(beat));
    Packet { session, ..packet }.encode().unwrap()
}

/// The next packet from the gateway.
pub(super) async fn read(stream: &mut TcpStream) -> Packet {
    let (mut packets, mut bytes, mut found) = (Stream::default(), [0; 1], None);
    while found.is_none() {
        let n_bytes = tokio::time::timeout(LIMIT, stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(n_bytes > 0, "it was closed");
        packets.take(&bytes, |one| found = Some(one));
    }
    let Some(Found::Packet(packet)) = found else { panic!("{found:?}") };
    packet
}

pub(super) async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _reset = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("closed");
}

pub(super) fn result(packet: &Packet) -> (bool, u32, u8) {
    (packet.is_answer, packet.session, packet.body[0])
}
