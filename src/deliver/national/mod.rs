//! Terminals that follow the national protocol (GD/J 089-2018): they connect to us by TCP, take
//! starts and stops by annex D and return their words by annex E, on the same or a second connection
//! to the same address.
//!
//! `packet`, `stream`, `control`, `returned`, `ebm` are the protocol, `ledger` what it proves: all
//! pure. `desk` sends, `session` is one connection. Nothing a terminal says here is sealed: whoever
//! can connect can speak in the name of any code, so that this listener belongs on a closed network.

mod bytes;
pub mod control;
mod desk;
mod ebm;
mod ledger;
pub mod packet;
pub mod returned;
mod session;
mod silent;
mod stream;

pub use desk::Taken;
pub use ebm::EbmId;
pub use stream::{Found, Stream};

use self::desk::Desk;
use self::ledger::Why;
use super::link::{LinkInput, Outgoing};
use crate::model::{
    Acknowledgement, AreaCode, Finding, Health, NationalCode, SilentTestId, TerminalId, UtcMs,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, mpsc};

/// Connections a terminal may have: orders on one, its returns on another.
const CONNECTIONS_PER_TERMINAL: usize = 2;
/// Connections of whom nobody knows yet who they are; beyond it new ones are closed at once.
const STRANGERS_MAX: usize = 1_024;
/// Sockets waiting to be accepted.
const BACKLOG: u32 = 4_096;
/// How often it is looked what is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Wait after a connection could not be accepted, such as without free file handles.
const ACCEPT_WAIT: Duration = Duration::from_millis(200);

/// One terminal of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its resource code.
    pub code: NationalCode,
    /// Where it stands.
    pub area: AreaCode,
}

/// Signs the bytes it is given: 64 bytes, `r` and `s`; `None` when that fails.
pub type OrderSigner = Arc<dyn Fn(&[u8]) -> Option<[u8; 64]> + Send + Sync>;

/// How the link is set up.
#[derive(Clone)]
pub struct NationalConfig {
    /// Where terminals connect; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Our own resource code.
    pub platform: NationalCode,
    /// The terminals.
    pub members: BTreeMap<TerminalId, Member>,
    /// Base of the addresses of clips, as terminals reach it.
    pub clip_url: String,
    /// How often terminals are told to send a heartbeat, seconds.
    pub heartbeat_s: u32,
    /// Silence after which a terminal counts as gone, seconds.
    pub silent_s: u32,
    /// Signs orders; `None` = they go unsigned.
    pub signer: Option<OrderSigner>,
    /// Number of the certificate by which terminals verify that.
    pub certificate: [u8; 6],
    /// The time.
    pub now: fn() -> UtcMs,
}

/// A word of a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NationalWord {
    /// Its session came up or went down.
    Presence(bool),
    /// How far it is with a broadcast.
    Report(Acknowledgement),
    /// How it is.
    Health(Box<Health>),
    /// What it found when it was tested in silence.
    Tested {
        /// By which test.
        test: SilentTestId,
        /// What.
        finding: Finding,
        /// Number of its packet.
        sequence: u32,
    },
}

/// The link.
pub struct National {
    desk: Option<Arc<Desk>>,
    local: Option<SocketAddr>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl National {
    /// A link that is switched off.
    #[must_use]
    pub fn off() -> Self {
        Self { desk: None, local: None, tasks: Vec::new() }
    }

    /// Listens. What terminals say comes out at `inputs`.
    ///
    /// # Errors
    /// When the address can't be had.
    pub fn start(config: NationalConfig, inputs: mpsc::Sender<LinkInput>) -> std::io::Result<Self> {
        let v4 = config.listen.is_ipv4();
        let socket = if v4 { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(config.listen)?;
        let listener = socket.listen(BACKLOG)?;
        let local = Some(listener.local_addr()?);
        let desk = Arc::new(Desk::new(config, inputs));
        let tasks = vec![
            tokio::spawn(accept(listener, Arc::clone(&desk))),
            tokio::spawn(end_what_is_over(Arc::clone(&desk))),
        ];
        Ok(Self { desk: Some(desk), local, tasks })
    }

    /// Where it listens; `None` when it is off.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Sends a batch of orders to the sessions that are up; waits for none.
    pub async fn deliver(&self, batch: &Outgoing) -> Taken {
        match &self.desk {
            Some(desk) => desk.deliver(batch).await,
            None => Taken { to: Vec::new(), n_refused: batch.to.len() },
        }
    }

    /// How many terminals have a session.
    #[must_use]
    pub fn n_online(&self) -> usize {
        self.desk.as_ref().map_or(0, |desk| desk.state().sessions.len())
    }

    /// Ends all sessions.
    pub fn close(&self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(desk) = &self.desk {
            // Without its queue a session ends.
            desk.state().sessions.clear();
        }
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let connections_max = desk.config.members.len() * CONNECTIONS_PER_TERMINAL + STRANGERS_MAX;
    let places = Arc::new(Semaphore::new(connections_max));
    let mut sessions = tokio::task::JoinSet::new();
    let mut number = 0_u64;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(fault) => {
                tracing::warn!(%fault, "a national terminal could not connect");
                tokio::time::sleep(ACCEPT_WAIT).await;
                continue;
            }
        };
        while sessions.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%peer, connections_max, "too many national sessions; one was closed");
            continue;
        };
        number += 1;
        let desk = Arc::clone(&desk);
        sessions.spawn(async move {
            session::run(desk, stream, peer, number).await;
            drop(place);
        });
    }
}

/// These terminals keep no signed validity of ours: what is over is stopped besides.
async fn end_what_is_over(desk: Arc<Desk>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let over = desk.state().ledger.over((desk.config.now)());
        for (broadcast, terminals) in over {
            desk.stop(broadcast, &terminals, Why::Over).await;
        }
    }
}
