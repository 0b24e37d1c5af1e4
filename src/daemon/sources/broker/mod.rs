//! Where sources publish to us over MQTT: an address of its own, with the same broker library behind it as the
//! terminals have, and nothing else in common with theirs. Nobody subscribes here and nothing is passed on, so no
//! source can reach a terminal or hear another one; what it publishes goes to the record and nowhere else.

mod access;
mod door;
mod hooks;
mod pace;

use self::door::{Door, Place};
use self::hooks::Hooks;
use super::{Intake, SourceDesk};
use crate::config::MqttSettings;
use crate::console::KnownKeys;
use crate::daemon::serve::stopped;
use crate::daemon::{CoreHandle, Metrics, StationDesk};
use crate::deliver::{LinkFacts, Listening, bind_broker};
use rmqtt::context::ServerContext;
use rmqtt::net::{Builder, Listener};
use rmqtt::types::QoS;
use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Sessions of all sources together, and logins at the same time.
const SESSIONS_MAX: u16 = 1_024;
const LOGINS_AT_ONCE_MAX: usize = 64;
/// Sockets waiting to be accepted.
const BACKLOG: i32 = 256;
/// How long a connection may take for its login.
const LOGIN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a packet beyond its payload, for topic and properties. A payload that is longer than an alert may be
/// is on record as a rejection as long as its packet fits; a longer packet ends the session.
const PACKET_SPARE_BYTES: u32 = 65_536;
/// Longest keep-alive a source may ask for, seconds: half-open sessions end after 1.5 times that.
const KEEP_ALIVE_S_MAX: u16 = 3_600;
/// Messages of QoS 2 that one session may have begun and not ended.
const IN_FLIGHT_MAX: NonZeroU16 = NonZeroU16::MIN.saturating_add(1_023);
/// Longest client id, bytes: the name of the key and what follows it.
const CLIENT_ID_BYTES_MAX: usize = 128;
/// Longest life of a session after its connection: nothing waits for a source. The library reads zero as
/// "without end".
const AWAY_MAX: Duration = Duration::from_millis(1);

/// The address, taken.
pub(in crate::daemon) struct SourceListener(Listener);

impl SourceListener {
    /// Takes it, when there is one.
    ///
    /// # Errors
    /// When the address or the certificate can't be used.
    pub(in crate::daemon) fn bind(
        mqtt: &MqttSettings,
        bytes_max: u32,
    ) -> anyhow::Result<Option<Self>> {
        let Some(listen) = mqtt.sources_listen else { return Ok(None) };
        let text = |file: &Path| file.display().to_string();
        let (certificate, key) =
            (mqtt.tls_certificate_file.as_deref(), mqtt.tls_key_file.as_deref());
        let builder = Builder::new()
            .name("mingluo-sources")
            .laddr(listen)
            .backlog(BACKLOG)
            .reuseaddr(Some(true))
            .max_connections(usize::from(SESSIONS_MAX))
            .max_handshaking_limit(LOGINS_AT_ONCE_MAX)
            .handshake_timeout(LOGIN_WAIT_MAX)
            .max_packet_size(bytes_max.saturating_add(PACKET_SPARE_BYTES))
            .allow_anonymous(false)
            .allow_zero_keepalive(false)
            .max_keepalive(KEEP_ALIVE_S_MAX)
            .max_clientid_len(CLIENT_ID_BYTES_MAX)
            .max_inflight(IN_FLIGHT_MAX)
            .max_subscriptions(1)
            .max_mqueue_len(1)
            .max_qos_allowed(QoS::ExactlyOnce)
            .session_expiry_interval(Duration::ZERO)
            .max_session_expiry_interval(AWAY_MAX)
            .tls_cert(certificate.map(text))
            .tls_key(key.map(text));
        let (listener, local) = bind_broker(builder, certificate.is_some())?;
        tracing::info!(%local, "sources may publish here");
        Ok(Some(Self(listener)))
    }
}

/// What the broker of the sources works with.
pub(super) struct Ways {
    pub(super) keys: Arc<KnownKeys>,
    pub(super) stations: Option<StationDesk>,
    pub(super) facts: Arc<LinkFacts>,
    pub(super) metrics: Arc<Metrics>,
}

/// Serves the sources that publish here until the daemon stops.
pub(super) fn serve(
    listener: SourceListener,
    desk: &Arc<SourceDesk>,
    core: &CoreHandle,
    bytes_max: usize,
    ways: Ways,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let Ways { keys, stations, facts, metrics } = ways;
    let places: BTreeMap<String, Place> = desk
        .published()
        .into_iter()
        .map(|(at, name)| {
            let intake = Intake { desk: Arc::clone(desk), at, core: core.clone(), bytes_max };
            (name, Place::new(intake))
        })
        .collect();
    let door = Arc::new(Door::new(places, keys, stations, stop.clone()));
    tokio::spawn(async move {
        let most = isize::try_from(SESSIONS_MAX).unwrap_or(isize::MAX);
        let context = ServerContext::new().mqtt_max_sessions(most).busy_check_enable(false);
        let context = context.build().await;
        Hooks { door: Arc::clone(&door), facts }.register(&context).await;
        let listening = Listening::serve(context, listener.0, move |_| async move {
            metrics.alarm("source_broker_ended");
            door.hinder_all("our broker for sources ended; restart the gateway");
        });
        stopped(&mut stop).await;
        listening.close().await;
    })
}
