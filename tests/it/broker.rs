//! The embedded broker over real sockets, with clients that do what terminals must not.

mod late;
mod life;
mod rights;
mod sessions;

use crate::wire::{Login, Wire, next_input};
use mingluo::deliver::{
    Broker, BrokerConfig, BrokerError, KeyRing, LinkInput, Noticed, Publish, TerminalAccess,
    link_inputs,
};
use mingluo::model::{AreaCode, Codec, LinkKind, Network, Terminal, TerminalId, UtcMs};
use rumqttc::mqttbytes::v4::ConnectReturnCode;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The terminal of most tests, its neighbour, and one of another township.
pub(crate) const OWN: &str = "430621100001-001";
pub(crate) const NEIGHBOUR: &str = "430621100001-002";
pub(crate) const FAR: &str = "430621104004-001";

/// A broker with three registered terminals.
pub(crate) struct Site {
    pub(crate) broker: Broker,
    pub(crate) inputs: mpsc::Receiver<LinkInput>,
    pub(crate) keys: Arc<KeyRing>,
}

fn network() -> Network {
    let terminal = |name: &str| {
        let id = TerminalId::parse(name).unwrap();
        let terminal = Terminal {
            id,
            name: name.into(),
            area: AreaCode::parse(&name[..12]).unwrap(),
            position: None,
            codecs: vec![Codec::Opus],
            links: vec![LinkKind::Mqtt],
            volume_percent: 80,
            national: None,
        };
        (id, terminal)
    };
    Network { terminals: [OWN, NEIGHBOUR, FAR].map(terminal).into(), ..Network::default() }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), None).await.expect("the broker starts")
    }

    pub(crate) async fn start_at(
        listen: SocketAddr,
        tls: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, BrokerError> {
        let keys = Arc::new(KeyRing::new(&[1; 32], [2; 32]));
        let access = TerminalAccess::new(Arc::clone(&keys), "m/v1".into(), &network());
        let (sender, mut inputs) = link_inputs();
        let config = BrokerConfig { listen, tls, connections_max: 100 };
        let broker = Broker::start(config, Arc::new(access), sender).await?;
        assert_eq!(next_input(&mut inputs).await, LinkInput::Up);
        Ok(Self { broker, inputs, keys })
    }

    pub(crate) fn login(&self, terminal: &str) -> Login {
        let id = TerminalId::parse(terminal).unwrap();
        Login::of(terminal, &self.keys.terminal_password(id))
    }

    /// A terminal that is in, and the gateway knows it.
    pub(crate) async fn terminal(&mut self, terminal: &str) -> Wire {
        let (broker, login) = (self.broker.local_addr(), self.login(terminal));
        let wire = loop {
            match Wire::connect(broker, &login).await {
                Ok(wire) => break wire,
                // For a moment after a session's end its name is not free yet: terminals try again.
                Err(Some(ConnectReturnCode::ServiceUnavailable)) => tokio::task::yield_now().await,
                Err(other) => panic!("{terminal} is refused: {other:?}"),
            }
        };
        self.expect_connected(terminal).await;
        wire
    }

    pub(crate) async fn expect_connected(&mut self, terminal: &str) {
        let connected = LinkInput::Connected { client_id: terminal.to_owned() };
        assert_eq!(next_input(&mut self.inputs).await, connected);
    }

    pub(crate) async fn expect_disconnected(&mut self, terminal: &str) {
        let gone = LinkInput::Disconnected { client_id: terminal.to_owned() };
        assert_eq!(next_input(&mut self.inputs).await, gone);
    }

    pub(crate) fn count(&self, what: Noticed) -> u64 {
        self.broker.facts().count(what)
    }

    /// Waits until that was noticed so often.
    pub(crate) async fn noticed(&self, what: Noticed, at_least: u64) {
        for _ in 0..200 {
            if self.count(what) >= at_least {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what:?}: expected {at_least}, got {}", self.count(what));
    }

    pub(crate) async fn order(&self, topic: &str, payload: &[u8], expires_at: UtcMs) -> bool {
        let expires_at = Some(expires_at);
        let publish = Publish { topic: topic.into(), payload: payload.into(), expires_at };
        self.broker.publish(publish).await.is_ok()
    }
}

/// A topic of a terminal.
pub(crate) fn topic(terminal: &str, leaf: &str) -> String {
    format!("m/v1/terminal/{terminal}/{leaf}")
}

/// In so many seconds from now.
pub(crate) fn in_s(seconds: i64) -> UtcMs {
    mingluo::clock::now_utc().plus_s(seconds)
}
