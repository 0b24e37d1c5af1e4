//! Finds out whether a broker drops waiting messages without a word.
//!
//! Brokers keep a limited number of messages for a client that is slow to acknowledge and drop the
//! rest, QoS 1 or not (mosquitto: 1,000). When a county's terminals answer at once that is where
//! reports vanish. So the gateway publishes a burst to a topic of its own while it holds back its
//! acknowledgements, then acknowledges and counts what comes out.

use super::{MqttConfig, MqttError, options, serve};
use crate::deliver::facts::{BrokerLimits, QueueProbe};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use std::collections::BTreeSet;
use std::time::Duration;

/// Fewest and most messages of the burst.
const MESSAGES: (u32, u32) = (100, 5_000);
/// Unacknowledged messages the broker may send us: the others have to wait in its queue.
const WINDOW: u16 = 10;
/// Requests waiting for the connection.
const REQUESTS_MAX: usize = 64;
/// After so long without anything new, nothing more comes.
const QUIET: Duration = Duration::from_secs(2);
/// The whole probe, at most.
const PROBE_MAX: Duration = Duration::from_secs(60);

/// A probe that can be run once.
pub(super) struct Probe {
    options: MqttOptions,
    topic: String,
    n_messages: u32,
}

/// Connects to the broker, reads its limits and probes its queue; for `mingluo check` and tests.
///
/// # Errors
/// [`MqttError`] when a TLS file can't be used. A broker that can't be reached gives `None` and the
/// reason as [`QueueProbe::Unknown`].
pub async fn examine(config: &MqttConfig) -> Result<(Option<BrokerLimits>, QueueProbe), MqttError> {
    let (limits, queue) = Probe::of(config)?.run().await;
    let limits = limits.map(|limits| BrokerLimits { queue: queue.clone(), ..limits });
    Ok((limits, queue))
}

impl Probe {
    pub(super) fn of(config: &MqttConfig) -> Result<Self, MqttError> {
        let name = format!("{}-probe", config.client_id);
        let mut options = options(&MqttConfig { client_id: name.clone(), ..config.clone() })?;
        options.set_clean_start(true);
        options.set_session_expiry_interval(None);
        options.set_receive_maximum(Some(WINDOW));
        let n_messages = config.queue_wanted.clamp(MESSAGES.0, MESSAGES.1);
        Ok(Self { options, topic: format!("{}/gateway/{name}", config.prefix), n_messages })
    }

    /// Runs it: the limits the broker named, and what became of the burst.
    pub(super) async fn run(self) -> (Option<BrokerLimits>, QueueProbe) {
        let (client, mut events) = AsyncClient::new(self.options.clone(), REQUESTS_MAX);
        let mut burst = Burst::new(client, self.topic, self.n_messages);
        let queue = match tokio::time::timeout(PROBE_MAX, burst.run(&mut events)).await {
            Ok(queue) => queue,
            Err(_) => QueueProbe::Unknown("the probe took too long".into()),
        };
        // The session ends with its connection; nobody misses a goodbye.
        (burst.limits, queue)
    }
}

struct Burst {
    client: AsyncClient,
    topic: String,
    n_messages: u32,
    n_sent: u32,
    n_taken: u32,
    arrived: BTreeSet<u32>,
    held_back: Vec<Publish>,
    limits: Option<BrokerLimits>,
}

impl Burst {
    fn new(client: AsyncClient, topic: String, n_messages: u32) -> Self {
        let (held_back, arrived) = (Vec::new(), BTreeSet::new());
        Self { client, topic, n_messages, n_sent: 0, n_taken: 0, arrived, held_back, limits: None }
    }

    fn is_taken(&self) -> bool {
        self.n_taken == self.n_messages
    }

    async fn run(&mut self, events: &mut EventLoop) -> QueueProbe {
        let mut subscribed = false;
        loop {
            if subscribed {
                self.push();
            }
            let Ok(event) = tokio::time::timeout(QUIET, events.poll()).await else {
                return self.verdict();
            };
            match event {
                Err(fault) => return QueueProbe::Unknown(fault.to_string()),
                Ok(Event::Incoming(Packet::ConnAck(hello))) => {
                    self.limits = Some(serve::limits(&hello));
                    if self.client.try_subscribe(self.topic.clone(), QoS::AtLeastOnce).is_err() {
                        return QueueProbe::Unknown("no room for the subscription".into());
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(answer))) => {
                    let good = |code: &SubscribeReasonCode| {
                        matches!(code, SubscribeReasonCode::Success(QoS::AtLeastOnce))
                    };
                    if !answer.return_codes.iter().all(good) {
                        return QueueProbe::Unknown(self.not_allowed());
                    }
                    subscribed = true;
                }
                Ok(Event::Incoming(Packet::PubAck(_))) => self.n_taken += 1,
                Ok(Event::Incoming(Packet::Publish(message))) => self.keep(message),
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
            }
            if self.is_taken() && self.arrived.len() >= self.n_messages as usize {
                return self.verdict();
            }
        }
    }

    fn keep(&mut self, message: Publish) {
        if let Ok(bytes) = message.payload.as_ref().try_into() {
            let _again = self.arrived.insert(u32::from_be_bytes(bytes));
        }
        self.held_back.push(message);
    }

    /// Sends what there is room for: first the burst, then, once the broker took all of it, the
    /// acknowledgements.
    fn push(&mut self) {
        while self.n_sent < self.n_messages {
            let payload = self.n_sent.to_be_bytes();
            let sent = self.client.try_publish(
                self.topic.clone(),
                QoS::AtLeastOnce,
                false,
                payload.to_vec(),
            );
            if sent.is_err() {
                return;
            }
            self.n_sent += 1;
        }
        while self.is_taken() {
            let Some(message) = self.held_back.pop() else { return };
            if self.client.try_ack(&message).is_err() {
                return self.held_back.push(message);
            }
        }
    }

    fn verdict(&self) -> QueueProbe {
        let arrived = u32::try_from(self.arrived.len()).unwrap_or(u32::MAX);
        if !self.is_taken() {
            let (n_taken, n) = (self.n_taken, self.n_messages);
            return QueueProbe::Unknown(format!("the broker took only {n_taken} of {n} messages"));
        }
        match arrived {
            0 => QueueProbe::Unknown(self.not_allowed()),
            all if all == self.n_messages => QueueProbe::Holds(all),
            arrived => QueueProbe::Drops { sent: self.n_messages, arrived },
        }
    }

    /// Some brokers grant a subscription and then send nothing.
    fn not_allowed(&self) -> String {
        format!("allow the gateway to read and write {}", self.topic)
    }
}
