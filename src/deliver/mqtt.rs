//! An external broker (mosquitto, EMQX, …) over MQTT 5, which lets orders expire in the broker.
//!
//! While the connection is down nothing is taken, and what was under way when it broke is dropped:
//! the schedule sends again what is still valid, so that no order outlives its time or its
//! cancellation in a queue of ours.

mod backoff;
mod probe;
mod serve;
mod tls;

pub use probe::examine;
pub use tls::client_config;

use self::serve::{Accepted, Serving};
use super::facts::{LinkFacts, Noticed};
use super::link::{LinkFault, LinkInput, PACKET_BYTES_MAX, Publish};
use crate::clock;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, RetainForwardRule};
use rumqttc::v5::{AsyncClient, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, watch};

/// Orders waiting for their turn on the connection; a longer queue makes the sender wait.
const QUEUE_MAX: usize = 4_096;
/// How long the sender waits for room before it is told that the queue is full.
const QUEUE_WAIT: Duration = Duration::from_secs(5);
/// Orders in flight to the broker; the protocol's own limit is 65,535.
const INFLIGHT_MAX: u16 = 2_000;
/// Reports in flight from the broker: it keeps the others until these are acknowledged.
const RECEIVE_MAXIMUM: u16 = 1_000;
/// Keep-alive in seconds.
const KEEP_ALIVE_S: u16 = 30;
/// How long connecting may take, seconds.
const CONNECT_S_MAX: u64 = 10;
/// How long the broker keeps our session after a break, seconds: reports wait there meanwhile.
const SESSION_EXPIRY_S: u32 = 3_600;
/// How long taking leave may take.
const CLOSE_WAIT: Duration = Duration::from_secs(3);

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct MqttConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Our client id; no other gateway at that broker may have it.
    pub client_id: String,
    /// User and password, when the broker wants them.
    pub login: Option<(String, String)>,
    /// TLS; `None` = without.
    pub tls: Option<MqttTls>,
    /// Topic prefix.
    pub prefix: String,
    /// Messages the broker should be able to hold for us: as many as there are terminals.
    pub queue_wanted: u32,
}

/// TLS towards the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttTls {
    /// Certificate of the authority that signed the broker's, PEM.
    pub ca_file: PathBuf,
    /// Our own certificate chain and key in PEM, when the broker asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why the link can't start.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// A file of the TLS settings.
    #[error("{}: {why}", path.display())]
    Tls {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// An order and the connection it was accepted for.
type Queued = (u64, Publish);

/// The session with an external broker.
pub struct Mqtt {
    queue: mpsc::Sender<Queued>,
    accepted: watch::Receiver<Option<Accepted>>,
    stop: watch::Sender<bool>,
    facts: Arc<LinkFacts>,
    serving: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Mqtt {
    /// Starts the session; it connects and reconnects by itself, `Up` and `Down` tell.
    ///
    /// # Errors
    /// When a TLS file can't be used.
    pub fn start(config: &MqttConfig, inputs: mpsc::Sender<LinkInput>) -> Result<Self, MqttError> {
        let facts = Arc::new(LinkFacts::default());
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let (accept, accepted) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let serving = Serving::new(
            options(config)?,
            filters(&config.prefix),
            inputs,
            Arc::clone(&facts),
            queued,
            accept,
            stopped,
        );
        let serving = serving.probing(probe::Probe::of(config)?);
        let serving = Mutex::new(Some(tokio::spawn(serving.run())));
        Ok(Self { queue, accepted, stop, facts, serving })
    }

    /// What it noticed since start.
    #[must_use]
    pub fn facts(&self) -> Arc<LinkFacts> {
        Arc::clone(&self.facts)
    }

    /// Hands one message over to the session's queue.
    ///
    /// # Errors
    /// `Expired`, `TooLong`; `Down` while there is no connection; `Full` when there was no room for
    /// some seconds.
    pub async fn publish(&self, publish: Publish) -> Result<(), LinkFault> {
        let Some(accepted) = *self.accepted.borrow() else {
            return Err(LinkFault::Down("no connection to the broker".into()));
        };
        let _still_valid = publish.expiry_s(clock::now_utc())?;
        let bytes = packet_bytes(&publish);
        let bytes_max = accepted.packet_bytes_max;
        if bytes > bytes_max {
            return Err(LinkFault::TooLong { bytes, bytes_max });
        }
        match tokio::time::timeout(QUEUE_WAIT, self.queue.send((accepted.epoch, publish))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(LinkFault::Down("the link is closed".into())),
            Err(_) => Err(LinkFault::Full),
        }
    }

    /// Says goodbye and ends; the broker keeps our session for the next start.
    pub async fn close(&self) {
        let _ended_before = self.stop.send(true);
        if let Some(mut serving) = self.serving.lock().await.take()
            && tokio::time::timeout(CLOSE_WAIT * 2, &mut serving).await.is_err()
        {
            serving.abort();
        }
    }
}

/// Measures how long a connection holds.
fn stopwatch() -> clock::Monotonic {
    clock::Monotonic::start()
}

/// Bytes of the packet around it, at most: headers, packet id, expiry.
fn packet_bytes(publish: &Publish) -> u32 {
    u32::try_from(publish.topic.len() + publish.payload.len() + 32).unwrap_or(u32::MAX)
}

/// Waits for orders and sends them while the connection of `accepted` lives.
async fn send_queued(
    client: &AsyncClient,
    queue: &mut mpsc::Receiver<Queued>,
    mut accepted: watch::Receiver<Option<Accepted>>,
    facts: &LinkFacts,
) {
    let Ok(accepted) = accepted.wait_for(Option::is_some).await.map(|accepted| *accepted) else {
        return;
    };
    let (epoch, qos) = accepted.map_or((0, QoS::AtMostOnce), |now| (now.epoch, now.qos));
    while let Some((of, publish)) = queue.recv().await {
        if of != epoch {
            facts.note(Noticed::OrderLost, &publish.topic);
            continue;
        }
        // It may have waited: only what is left of its time goes along.
        let Ok(left_s) = publish.expiry_s(clock::now_utc()) else {
            facts.note(Noticed::OrderExpired, &publish.topic);
            continue;
        };
        if serve::send(client, publish, qos, left_s).await.is_err() {
            return;
        }
    }
}

fn filters(prefix: &str) -> Vec<Filter> {
    let filter = |leaf: &str| {
        let mut filter = Filter::new(format!("{prefix}/terminal/+/{leaf}"), QoS::AtLeastOnce);
        // What somebody had the broker keep is old, and may be forged by repetition.
        filter.retain_forward_rule = RetainForwardRule::Never;
        filter
    };
    ["acknowledgement", "status"].map(filter).to_vec()
}

fn options(config: &MqttConfig) -> Result<MqttOptions, MqttError> {
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    options.set_keep_alive(Duration::from_secs(u64::from(KEEP_ALIVE_S)));
    options.set_connection_timeout(CONNECT_S_MAX);
    options.set_outgoing_inflight_upper_limit(INFLIGHT_MAX);
    options.set_receive_maximum(Some(RECEIVE_MAXIMUM));
    // The broker keeps longer packets from us; without this one of them would end every connection.
    options.set_max_packet_size(Some(PACKET_BYTES_MAX));
    // A persistent session keeps reports while we restart; terminals repeat what is lost.
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(SESSION_EXPIRY_S));
    options.set_manual_acks(true);
    if let Some((user, password)) = &config.login {
        options.set_credentials(user, password);
    }
    if let Some(tls) = &config.tls {
        let tls = TlsConfiguration::Rustls(tls::client_config(tls)?);
        options.set_transport(Transport::tls_with_config(tls));
    }
    Ok(options)
}
