//! An external broker (mosquitto, EMQX, …) over MQTT 5, which lets orders expire in the broker.

use super::link::{LINK_INPUTS_MAX, LinkFault, LinkInput, Publish};
use crate::clock;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Requests waiting for the broker.
const REQUESTS_MAX: usize = 4_096;
/// Orders in flight to the broker; the protocol's own limit is 65,535.
const INFLIGHT_MAX: u16 = 2_000;
/// Keep-alive in seconds.
const KEEP_ALIVE_S: u64 = 30;
/// First and longest wait before the next try to connect, seconds.
const RECONNECT_WAIT_S: (u64, u64) = (1, 30);
/// A broker that lets fewer messages be in flight will be slow for a county.
pub(crate) const RECEIVE_MAXIMUM_WANTED: u16 = 100;

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct MqttConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Our client id.
    pub client_id: String,
    /// User and password, when the broker wants them.
    pub login: Option<(String, String)>,
    /// CA certificate in PEM for TLS; `None` = without TLS.
    pub ca_file: Option<PathBuf>,
    /// Topic prefix.
    pub prefix: String,
}

/// The session with an external broker.
pub struct Mqtt {
    client: AsyncClient,
}

impl Mqtt {
    /// Starts the session; it connects and reconnects by itself, `Up` and `Down` tell.
    ///
    /// # Errors
    /// When the CA file can't be read.
    pub fn start(config: &MqttConfig, inputs: mpsc::Sender<LinkInput>) -> std::io::Result<Self> {
        let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
        options.set_keep_alive(Duration::from_secs(KEEP_ALIVE_S));
        options.set_outgoing_inflight_upper_limit(INFLIGHT_MAX);
        // A persistent session keeps reports while we restart. The broker's acknowledgements are
        // answered in bunches by the event loop itself: what counts is the receipt after the commit,
        // until which a terminal repeats its report.
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(3_600));
        if let Some((user, password)) = &config.login {
            options.set_credentials(user, password);
        }
        if let Some(file) = &config.ca_file {
            let ca = std::fs::read(file)?;
            let tls = TlsConfiguration::Simple { ca, alpn: None, client_auth: None };
            options.set_transport(Transport::tls_with_config(tls));
        }
        let (client, events) = AsyncClient::new(options, REQUESTS_MAX);
        tokio::spawn(serve(events, client.clone(), config.prefix.clone(), inputs));
        Ok(Self { client })
    }

    /// Hands one message over to the session's queue.
    ///
    /// # Errors
    /// `Full` when it does not take more.
    pub async fn publish(&self, publish: Publish) -> Result<(), LinkFault> {
        let now = clock::now_utc();
        let expires_in_s = publish
            .expires_at
            .map(|at| u32::try_from(at.since_ms(now).max(1_000) / 1000).unwrap_or(u32::MAX));
        let properties = PublishProperties {
            message_expiry_interval: expires_in_s,
            ..PublishProperties::default()
        };
        let payload = bytes::Bytes::copy_from_slice(&publish.payload);
        self.client
            .publish_bytes_with_properties(
                publish.topic,
                QoS::AtLeastOnce,
                false,
                payload,
                properties,
            )
            .await
            .map_err(|fault| LinkFault::Down(fault.to_string()))
    }

    /// Says goodbye.
    pub async fn close(&self) {
        // The session may be down already; then there is nobody to take leave of.
        let _down = self.client.disconnect().await;
    }
}

async fn serve(
    mut events: EventLoop,
    client: AsyncClient,
    prefix: String,
    inputs: mpsc::Sender<LinkInput>,
) {
    let mut up = false;
    let mut wait_s = RECONNECT_WAIT_S.0;
    while !inputs.is_closed() {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(hello))) => {
                up = true;
                wait_s = RECONNECT_WAIT_S.0;
                if let Some(most) = hello.properties.and_then(|limits| limits.receive_max)
                    && most < RECEIVE_MAXIMUM_WANTED
                {
                    tracing::warn!(
                        receive_maximum = most,
                        "the broker lets few messages be in flight; raise max_inflight_messages"
                    );
                }
                let filters = ["acknowledgement", "status"].map(|leaf| {
                    Filter::new(format!("{prefix}/terminal/+/{leaf}"), QoS::AtLeastOnce)
                });
                // Waiting here for room in the request queue would stop the loop that makes room.
                let client = client.clone();
                tokio::spawn(async move { client.subscribe_many(filters).await });
                if inputs.send(LinkInput::Up).await.is_err() {
                    return;
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                let payload = publish.payload.to_vec();
                if inputs.send(LinkInput::Message { topic, payload, from: None }).await.is_err() {
                    return;
                }
            }
            Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
            Err(ConnectionError::RequestsDone) => return,
            Err(fault) => {
                if up {
                    up = false;
                    let down = LinkInput::Down { why: fault.to_string() };
                    if inputs.send(down).await.is_err() {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_secs(wait_s)).await;
                wait_s = (wait_s * 2).min(RECONNECT_WAIT_S.1);
            }
        }
    }
}

/// A queue for what a link brings.
#[must_use]
pub fn link_inputs() -> (mpsc::Sender<LinkInput>, mpsc::Receiver<LinkInput>) {
    mpsc::channel(LINK_INPUTS_MAX)
}
