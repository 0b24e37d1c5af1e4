//! The life of the link: connect, listen, break, wait, connect again.
//!
//! Every connection gets a fresh state of the MQTT library. Its old one would carry over packet
//! numbers and collisions that a broker with smaller limits never resolves, and orders of long ago.

use super::backoff::BackOff;
use super::probe::Probe;
use super::{CLOSE_WAIT, KEEP_ALIVE_S, Queued, SESSION_EXPIRY_S};
use crate::deliver::facts::{BrokerLimits, LinkFacts, Noticed, QueueProbe};
use crate::deliver::link::{LinkInput, PAYLOAD_BYTES_MAX, Publish};
use futures_util::FutureExt;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Filter, Packet, PubAckReason, Publish as Incoming,
    PublishProperties, SubAck, SubscribeReasonCode,
};
use rumqttc::v5::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, MqttOptions, StateError,
};
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Requests in the library's hands, beside those in flight: few, because it can't take them back.
const REQUESTS_IN_HAND: usize = 64;
/// Messages read and not yet handed over. When it is full, reading waits, and so does the broker:
/// not every broker keeps to the receive maximum (mosquitto 2.0 sends two for one acknowledged).
const ARRIVED_MAX: usize = 2_000;
/// A connection that held so long is steady.
const STEADY: Duration = Duration::from_secs(30);

/// What the broker of the present connection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Which connection.
    pub(super) epoch: u64,
    /// Longest packet, bytes.
    pub(super) packet_bytes_max: u32,
    /// QoS 1, or 0 when it allows no more.
    pub(super) qos: QoS,
}

/// How a connection ended.
enum End {
    /// We were told to stop.
    Stopped,
    /// It broke or never came up.
    Broke {
        why: String,
        /// Only a person can help.
        refused: bool,
    },
}

/// What was read, in the order it came.
enum Arrived {
    Up,
    Message(Box<Incoming>),
    /// No word of a terminal: acknowledged and forgotten.
    Odd(Box<Incoming>),
}

/// The link's own task.
pub(super) struct Serving {
    options: MqttOptions,
    filters: Vec<Filter>,
    inputs: mpsc::Sender<LinkInput>,
    facts: Arc<LinkFacts>,
    queue: mpsc::Receiver<Queued>,
    accept: watch::Sender<Option<Accepted>>,
    stop: watch::Receiver<bool>,
    epoch: u64,
    probe: Option<Probe>,
    probing: JoinSet<()>,
}

impl Serving {
    pub(super) fn new(
        options: MqttOptions,
        filters: Vec<Filter>,
        inputs: mpsc::Sender<LinkInput>,
        facts: Arc<LinkFacts>,
        queue: mpsc::Receiver<Queued>,
        accept: watch::Sender<Option<Accepted>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (epoch, probe, probing) = (0, None, JoinSet::new());
        Self { options, filters, inputs, facts, queue, accept, stop, epoch, probe, probing }
    }

    /// Looks at the broker's queue once, when the first connection is up.
    pub(super) fn probing(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Serves until told to stop.
    pub(super) async fn run(mut self) {
        let mut back_off = BackOff::default();
        let mut told = None;
        loop {
            let held = super::stopwatch();
            // A broker's odd packet must not end the link for ever.
            let end = AssertUnwindSafe(self.connection()).catch_unwind().await;
            let end = end.unwrap_or_else(|_| End::Broke {
                why: "the MQTT library panicked".into(),
                refused: false,
            });
            let was_up = self.accept.send_replace(None).is_some();
            self.drop_queued();
            let End::Broke { why, refused } = end else { return };
            self.facts.note(Noticed::ConnectFailed, &why);
            if was_up || told.as_ref() != Some(&why) {
                told = Some(why.clone());
                if self.inputs.send(LinkInput::Down { why }).await.is_err() {
                    return;
                }
            }
            let steady = was_up && held.elapsed() >= STEADY;
            let wait = back_off.wait(refused, steady, getrandom::u32().unwrap_or(0));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
                () = self.inputs.closed() => return,
            }
        }
    }

    /// What waited for the broken connection; the schedule sends again what is still valid.
    fn drop_queued(&mut self) {
        while let Ok((_, publish)) = self.queue.try_recv() {
            self.facts.note(Noticed::OrderLost, &publish.topic);
        }
    }

    /// One connection from its first byte to its end.
    async fn connection(&mut self) -> End {
        let (client, mut events) = AsyncClient::new(self.options.clone(), REQUESTS_IN_HAND);
        let (arrive, arrived) = mpsc::channel(ARRIVED_MAX);
        // The protocol ends it: no more than 65,535 packets can be unacknowledged.
        let (owe, owed) = mpsc::unbounded_channel();
        self.epoch = self.epoch.wrapping_add(1);
        let mut stop = self.stop.clone();
        let accepted = self.accept.subscribe();
        let mut reader = Reader {
            client: &client,
            filters: &self.filters,
            facts: &self.facts,
            accept: &self.accept,
            arrive,
            epoch: self.epoch,
            hello: None,
            probe: &mut self.probe,
            probing: &mut self.probing,
        };
        let end = tokio::select! {
            end = reader.read(&mut events) => end,
            () = hand_over(arrived, &self.inputs, owe) => End::Stopped,
            () = acknowledge(&client, owed) => End::Stopped,
            () = super::send_queued(&client, &mut self.queue, accepted, &self.facts) => End::Stopped,
            _ = stop.wait_for(|stop| *stop) => End::Stopped,
        };
        if matches!(end, End::Stopped) {
            take_leave(&client, &mut events).await;
        } else {
            note_lost(&mut events, &self.facts);
        }
        end
    }
}

/// Counts the orders that were in the library's hands.
fn note_lost(events: &mut EventLoop, facts: &LinkFacts) {
    events.clean();
    for request in &events.pending {
        if let rumqttc::v5::Request::Publish(publish) = request {
            facts.note(Noticed::OrderLost, &String::from_utf8_lossy(&publish.topic));
        }
    }
}

async fn take_leave(client: &AsyncClient, events: &mut EventLoop) {
    if client.try_disconnect().is_err() {
        return;
    }
    // Nobody may answer; then the broker finds out by itself.
    let _late = tokio::time::timeout(CLOSE_WAIT, async {
        while let Ok(event) = events.poll().await {
            if event == Event::Outgoing(Outgoing::Disconnect) {
                return;
            }
        }
    })
    .await;
}

/// Hands what was read to the gateway; only then its acknowledgement is owed to the broker. Never
/// waits for the connection, which may be waiting for this. Ends when nobody listens any more.
async fn hand_over(
    mut arrived: mpsc::Receiver<Arrived>,
    inputs: &mpsc::Sender<LinkInput>,
    owe: mpsc::UnboundedSender<Box<Incoming>>,
) {
    while let Some(next) = arrived.recv().await {
        let (input, answered) = match next {
            Arrived::Up => (LinkInput::Up, None),
            Arrived::Message(mut message) => {
                let topic = String::from_utf8_lossy(&message.topic).into_owned();
                let payload = std::mem::take(&mut message.payload).to_vec();
                (LinkInput::Message { topic, payload, from: None }, Some(message))
            }
            Arrived::Odd(message) => {
                let _ended = owe.send(message);
                continue;
            }
        };
        if inputs.send(input).await.is_err() {
            return;
        }
        // Only a connection that ends does not take it; then the broker sends the message again.
        let _ended = answered.map(|message| owe.send(message));
    }
}

/// Pays what is owed.
async fn acknowledge(client: &AsyncClient, mut owed: mpsc::UnboundedReceiver<Box<Incoming>>) {
    while let Some(message) = owed.recv().await {
        if client.ack(&message).await.is_err() {
            return;
        }
    }
    // Handing over has ended, and ends the connection.
    std::future::pending::<()>().await;
}

/// Sends one order; `left_s` is what is left of its time.
pub(super) async fn send(
    client: &AsyncClient,
    publish: Publish,
    qos: QoS,
    left_s: Option<NonZeroU32>,
) -> Result<(), ClientError> {
    let properties = PublishProperties {
        message_expiry_interval: left_s.map(NonZeroU32::get),
        ..PublishProperties::default()
    };
    let payload = bytes::Bytes::copy_from_slice(&publish.payload);
    client.publish_bytes_with_properties(publish.topic, qos, false, payload, properties).await
}

/// Reads the connection. While it waits for the gateway to take reports, nothing is sent either; so
/// nothing the gateway waits for may depend on it.
struct Reader<'a> {
    client: &'a AsyncClient,
    filters: &'a [Filter],
    facts: &'a Arc<LinkFacts>,
    accept: &'a watch::Sender<Option<Accepted>>,
    arrive: mpsc::Sender<Arrived>,
    epoch: u64,
    hello: Option<BrokerLimits>,
    probe: &'a mut Option<Probe>,
    probing: &'a mut JoinSet<()>,
}

impl Reader<'_> {
    async fn read(&mut self, events: &mut EventLoop) -> End {
        loop {
            let event = match events.poll().await {
                Ok(Event::Incoming(packet)) => packet,
                Ok(Event::Outgoing(_)) => continue,
                Err(fault) => return broke(&fault),
            };
            match event {
                Packet::ConnAck(hello) => self.greeted(events, &hello),
                Packet::SubAck(answer) => {
                    self.subscribed(&answer);
                    if self.arrive.send(Arrived::Up).await.is_err() {
                        return End::Stopped;
                    }
                }
                Packet::Publish(message) => {
                    let arrived = self.judged(message);
                    if self.arrive.send(arrived).await.is_err() {
                        return End::Stopped;
                    }
                }
                Packet::PubAck(answer) => {
                    use PubAckReason::{NoMatchingSubscribers, Success};
                    if !matches!(answer.reason, Success | NoMatchingSubscribers) {
                        self.facts.note(Noticed::OrderRefused, &format!("{:?}", answer.reason));
                    }
                }
                Packet::Auth(_)
                | Packet::Connect(..)
                | Packet::PubRec(_)
                | Packet::PubRel(_)
                | Packet::PubComp(_)
                | Packet::Subscribe(_)
                | Packet::Unsubscribe(_)
                | Packet::UnsubAck(_)
                | Packet::PingReq(_)
                | Packet::PingResp(_)
                | Packet::Disconnect(_) => {}
            }
        }
    }

    fn greeted(&mut self, events: &mut EventLoop, hello: &ConnAck) {
        let keep_alive_s = hello.properties.as_ref().and_then(|limits| limits.server_keep_alive);
        if keep_alive_s == Some(0) {
            // Zero means that the broker does not care; the library would ping without a pause.
            events.options.set_keep_alive(Duration::from_secs(u64::from(KEEP_ALIVE_S)));
        }
        let limits = limits(hello);
        self.hello = Some(limits.clone());
        self.facts.found_limits(limits);
        // The library's queue is empty here, because nothing is sent before the answer to this.
        if self.client.try_subscribe_many(self.filters.iter().cloned()).is_err() {
            tracing::error!("the subscription at the broker found no room");
        }
    }

    fn subscribed(&mut self, answer: &SubAck) {
        use SubscribeReasonCode::Success;
        let good = |code: &SubscribeReasonCode| {
            matches!(code, Success(QoS::AtLeastOnce | QoS::ExactlyOnce))
        };
        if !answer.return_codes.iter().all(good) {
            self.facts.warn(format!(
                "the broker does not let the gateway listen to its terminals ({:?}): allow it to \
                 read {}",
                answer.return_codes,
                self.filters.iter().map(|f| f.path.as_str()).collect::<Vec<_>>().join(" and ")
            ));
        }
        let Some(limits) = &self.hello else { return };
        self.accept.send_replace(Some(Accepted {
            epoch: self.epoch,
            packet_bytes_max: limits.packet_bytes_max.unwrap_or(u32::MAX),
            qos: if limits.qos_max == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce },
        }));
        if let Some(probe) = self.probe.take() {
            let facts = Arc::clone(self.facts);
            let _handle = self.probing.spawn(async move { facts.found_queue(probe.run().await.1) });
        }
    }

    fn judged(&self, message: Incoming) -> Arrived {
        let odd = if message.retain {
            Noticed::RetainedIgnored
        } else if message.payload.len() > PAYLOAD_BYTES_MAX {
            Noticed::PayloadTooLong
        } else {
            return Arrived::Message(Box::new(message));
        };
        self.facts.note(odd, &String::from_utf8_lossy(&message.topic));
        Arrived::Odd(Box::new(message))
    }
}

/// What the broker named; what it leaves out is as the protocol says.
pub(super) fn limits(hello: &ConnAck) -> BrokerLimits {
    let named = hello.properties.as_ref();
    let yes = |flag: Option<u8>| flag != Some(0);
    BrokerLimits {
        receive_maximum: named.and_then(|named| named.receive_max).unwrap_or(u16::MAX),
        packet_bytes_max: named.and_then(|named| named.max_packet_size),
        qos_max: named.and_then(|named| named.max_qos).unwrap_or(2),
        retain_available: yes(named.and_then(|named| named.retain_available)),
        wildcard_available: yes(named.and_then(|named| named.wildcard_subscription_available)),
        session_expiry_s: named
            .and_then(|named| named.session_expiry_interval)
            .unwrap_or(SESSION_EXPIRY_S),
        queue: QueueProbe::NotRun,
    }
}

/// The fault in words, and whether only a person can help.
fn broke(fault: &ConnectionError) -> End {
    use ConnectReturnCode::{
        BadAuthenticationMethod, BadClientId, BadUserNamePassword, Banned,
        ClientIdentifierNotValid, NotAuthorized, RefusedProtocolVersion,
        UnsupportedProtocolVersion,
    };
    let refused = |what: &str, code: &ConnectReturnCode| End::Broke {
        why: format!("the broker refuses {what} ({code:?})"),
        refused: true,
    };
    match fault {
        ConnectionError::ConnectionRefused(
            code @ (BadUserNamePassword | NotAuthorized | Banned | BadAuthenticationMethod),
        ) => refused("the login: check mqtt.user, mqtt.password_file and its access list", code),
        ConnectionError::ConnectionRefused(code @ (BadClientId | ClientIdentifierNotValid)) => {
            refused("the gateway's client id: check its access list", code)
        }
        ConnectionError::ConnectionRefused(
            code @ (RefusedProtocolVersion | UnsupportedProtocolVersion),
        ) => refused("MQTT 5, which the gateway needs", code),
        ConnectionError::Tls(why) => End::Broke {
            why: format!("TLS with the broker failed: check mqtt.url and mqtt.tls_ca_file ({why})"),
            refused: false,
        },
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            End::Broke {
                why: format!("the broker ended the session: {reason_code:?}"),
                refused: false,
            }
        }
        ConnectionError::MqttState(_)
        | ConnectionError::Timeout(_)
        | ConnectionError::Io(_)
        | ConnectionError::ConnectionRefused(_)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::RequestsDone => End::Broke { why: fault.to_string(), refused: false },
    }
}
