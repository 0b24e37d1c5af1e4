//! Listens to a topic of a broker: every message is an alert. A message is acknowledged to the broker
//! only when it is on record, so that nothing is lost between the two.

use super::Intake;
use crate::config::SourceSettings;
use crate::daemon::CoreFault;
use crate::daemon::serve::stopped;
use crate::deliver::{MqttTls, client_config};
use anyhow::{Context, ensure};
use rumqttc::{
    AsyncClient, Event, Incoming, MqttOptions, Publish, QoS, TlsConfiguration, Transport,
};
use std::time::Duration;
use tokio::sync::watch;

/// Requests of ours waiting for the connection: a subscription and acknowledgements.
const REQUESTS_MAX: usize = 64;
/// Messages the broker may send before one is acknowledged.
const IN_FLIGHT_MAX: u16 = 20;
/// Seconds between two signs of life.
const KEEP_ALIVE_S: u64 = 30;
/// First wait after a broken connection, seconds; it doubles.
const BACK_OFF_S_MIN: u64 = 1;
/// Longest wait, seconds.
const BACK_OFF_S_MAX: u64 = 60;
/// Wait when the core is full, seconds.
const FULL_WAIT_S: u64 = 1;

/// Listens to one source.
pub(super) struct Subscriber {
    intake: Intake,
    options: MqttOptions,
    topic: String,
}

impl Subscriber {
    /// A subscriber for a source with `url` and `topic`.
    ///
    /// # Errors
    /// When the address is none, or a file can't be read.
    pub(super) fn new(settings: &SourceSettings, intake: Intake) -> anyhow::Result<Self> {
        let (host, port, tls) = crate::daemon::external::broker_address(&settings.url)?;
        let digest = crate::model::Sha256::of(settings.name.as_bytes()).to_string();
        let client_id = format!("mingluo-source-{}", digest.get(..12).unwrap_or_default());
        let mut options = MqttOptions::new(client_id, host, port);
        options.set_keep_alive(Duration::from_secs(KEEP_ALIVE_S));
        // The broker keeps for us what comes while we are away.
        options.set_clean_session(false).set_manual_acks(true).set_inflight(IN_FLIGHT_MAX);
        options.set_max_packet_size(intake.bytes_max.saturating_add(1_024), 1_024);
        if let Some((user, file)) = settings.user.as_ref().zip(settings.password_file.as_ref()) {
            let password = std::fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?;
            options.set_credentials(user, password.trim());
        }
        if tls {
            let ca_file = settings.ca_file.clone().context("mqtts:// needs ca_file")?;
            let config = client_config(&MqttTls { ca_file, identity: None })?;
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
        }
        ensure!(!settings.topic.is_empty(), "topic: expected a topic filter");
        Ok(Self { intake, options, topic: settings.topic.clone() })
    }

    /// Listens until the daemon stops.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut wait_s = BACK_OFF_S_MIN;
        loop {
            let ended = tokio::select! {
                () = stopped(&mut stop) => return,
                ended = self.connection(&mut wait_s) => ended,
            };
            let source = self.intake.origin().by;
            match ended {
                Ok(()) => return,
                Err(why) => {
                    tracing::warn!(%source, %why, wait_s, "the broker of a source is away");
                    self.intake.desk.hindered(self.intake.at, &why);
                }
            }
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = tokio::time::sleep(Duration::from_secs(wait_s)) => {}
            }
            wait_s = wait_s.saturating_mul(2).min(BACK_OFF_S_MAX);
        }
    }

    /// One connection; `Ok` = the core is gone.
    async fn connection(&self, wait_s: &mut u64) -> Result<(), String> {
        let (client, mut events) = AsyncClient::new(self.options.clone(), REQUESTS_MAX);
        loop {
            match events.poll().await.map_err(|fault| fault.to_string())? {
                Event::Incoming(Incoming::ConnAck(_)) => {
                    let asked = client.try_subscribe(&self.topic, QoS::AtLeastOnce);
                    asked.map_err(|fault| fault.to_string())?;
                }
                Event::Incoming(Incoming::SubAck(ack)) => {
                    let refused = |code: &rumqttc::SubscribeReasonCode| {
                        matches!(code, rumqttc::SubscribeReasonCode::Failure)
                    };
                    if ack.return_codes.iter().any(refused) {
                        return Err(format!("the broker refuses the topic {}", self.topic));
                    }
                    *wait_s = BACK_OFF_S_MIN;
                }
                Event::Incoming(Incoming::Publish(message)) => {
                    if !self.take(&message).await {
                        return Ok(());
                    }
                    client.try_ack(&message).map_err(|fault| fault.to_string())?;
                }
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
    }

    /// Brings a message to the record; false = the core is gone. When the core is full the message
    /// waits here, and the broker behind it.
    async fn take(&self, message: &Publish) -> bool {
        self.intake.desk.heard(self.intake.at);
        if crate::ingest::is_heartbeat(&message.payload) {
            return true;
        }
        // A retained message is of any age; the alert's own times say whether it is still of use.
        loop {
            match self.intake.take(message.payload.to_vec(), None).await {
                Ok(_) => return true,
                Err(CoreFault::Gone) => return false,
                Err(CoreFault::Full | CoreFault::Unanswered) => {
                    tokio::time::sleep(Duration::from_secs(FULL_WAIT_S)).await;
                }
            }
        }
    }
}
