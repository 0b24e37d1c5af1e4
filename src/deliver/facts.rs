//! What a link noticed about itself since start: counts for the metrics, the limits an external
//! broker named, and warnings for people.

use super::link::ORDER_PACKET_BYTES;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// In-flight messages a broker should allow one client; fewer make a county slow.
pub(super) const RECEIVE_MAXIMUM_WANTED: u16 = 100;

/// One kind of thing a link counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// A login that was refused.
    LoginRefused,
    /// A login refused for its last will: a foreign topic, retained, or too long.
    WillRefused,
    /// A publish to a topic that is not the terminal's own, or a retained one.
    PublishRefused,
    /// A publish longer than any frame.
    PayloadTooLong,
    /// A subscription to a topic that does not concern the terminal.
    SubscribeRefused,
    /// A terminal connected again while its old session was up.
    SessionTakeover,
    /// A session that ended because the terminal broke the protocol or its limits.
    ProtocolFault,
    /// An order dropped for one terminal: its queue was full or its session ended first.
    OrderDropped,
    /// An order that expired before it left.
    OrderExpired,
    /// An order that was on its way to the broker when the connection broke.
    OrderLost,
    /// An order the broker refused.
    OrderRefused,
    /// A retained message on a terminal's topic, which is never believed.
    RetainedIgnored,
    /// A try to reach the broker that failed.
    ConnectFailed,
}

impl Noticed {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::LoginRefused,
        Self::WillRefused,
        Self::PublishRefused,
        Self::PayloadTooLong,
        Self::SubscribeRefused,
        Self::SessionTakeover,
        Self::ProtocolFault,
        Self::OrderDropped,
        Self::OrderExpired,
        Self::OrderLost,
        Self::OrderRefused,
        Self::RetainedIgnored,
        Self::ConnectFailed,
    ];

    /// Stable name, for metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoginRefused => "login_refused",
            Self::WillRefused => "will_refused",
            Self::PublishRefused => "publish_refused",
            Self::PayloadTooLong => "payload_too_long",
            Self::SubscribeRefused => "subscribe_refused",
            Self::SessionTakeover => "session_takeover",
            Self::ProtocolFault => "protocol_fault",
            Self::OrderDropped => "order_dropped",
            Self::OrderExpired => "order_expired",
            Self::OrderLost => "order_lost",
            Self::OrderRefused => "order_refused",
            Self::RetainedIgnored => "retained_ignored",
            Self::ConnectFailed => "connect_failed",
        }
    }
}

/// What the probe of an external broker's queue found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum QueueProbe {
    /// It has not run yet.
    #[default]
    NotRun,
    /// All of so many waiting messages arrived.
    Holds(u32),
    /// The broker dropped some without a word.
    Drops {
        /// Messages it took.
        sent: u32,
        /// Messages that came out again.
        arrived: u32,
    },
    /// It could not be found out, and why.
    Unknown(String),
}

/// Limits of an external broker, as it named them in its CONNACK (MQTT 5.0 §3.2.2.3) and as probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerLimits {
    /// Messages that may be in flight to it.
    pub receive_maximum: u16,
    /// Longest packet it takes, bytes; `None` = no limit.
    pub packet_bytes_max: Option<u32>,
    /// Highest QoS.
    pub qos_max: u8,
    /// Whether it keeps retained messages; the gateway uses none.
    pub retain_available: bool,
    /// Whether subscriptions may hold wildcards.
    pub wildcard_available: bool,
    /// How long it keeps our session after a break, seconds.
    pub session_expiry_s: u32,
    /// Whether it holds as many waiting messages as a county's reports may need.
    pub queue: QueueProbe,
}

impl BrokerLimits {
    /// What people should change at the broker, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.receive_maximum < RECEIVE_MAXIMUM_WANTED {
            warnings.push(format!(
                "the broker lets {} messages be in flight, {RECEIVE_MAXIMUM_WANTED} are wanted: raise \
                 its in-flight limit (mosquitto: max_inflight_messages)",
                self.receive_maximum
            ));
        }
        if let Some(bytes_max) = self.packet_bytes_max.filter(|max| *max < ORDER_PACKET_BYTES) {
            warnings.push(format!(
                "the broker takes packets of {bytes_max} bytes, orders need \
                 {ORDER_PACKET_BYTES}: raise its packet limit (mosquitto: max_packet_size)"
            ));
        }
        if self.qos_max == 0 {
            warnings.push(
                "the broker allows QoS 0 only, so that it may lose every order and report: allow \
                 QoS 1 (mosquitto: max_qos)"
                    .to_owned(),
            );
        }
        if !self.wildcard_available {
            warnings.push(
                "the broker refuses subscriptions with wildcards, so that no report arrives: allow \
                 them to the gateway"
                    .to_owned(),
            );
        }
        match &self.queue {
            QueueProbe::NotRun | QueueProbe::Holds(_) => {}
            QueueProbe::Drops { sent, arrived } => warnings.push(format!(
                "the broker dropped {} of {sent} messages that waited for one client, without a word: \
                 raise its queue limit (mosquitto: max_queued_messages, max_queued_bytes)",
                sent.saturating_sub(*arrived)
            )),
            QueueProbe::Unknown(why) => {
                warnings.push(format!("whether the broker drops waiting messages is unknown: {why}"));
            }
        }
        warnings
    }
}

/// What a link noticed about itself since start.
#[derive(Debug, Default)]
pub struct LinkFacts {
    counts: [AtomicU64; Noticed::ALL.len()],
    limits: Mutex<Option<BrokerLimits>>,
    others: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only whole values are written under these locks; a panic elsewhere leaves them good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LinkFacts {
    /// Counts one. The first and then ever rarer ones reach the log, so that no terminal can fill
    /// the disk with its faults.
    pub fn note(&self, what: Noticed, who: &str) {
        let place = Noticed::ALL.iter().position(|kind| *kind == what);
        let Some(count) = place.and_then(|place| self.counts.get(place)) else { return };
        let n = count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if n.is_power_of_two() {
            tracing::warn!(what = what.name(), who, count = n, "noticed on the link");
        }
    }

    /// How many since start.
    #[must_use]
    pub fn count(&self, what: Noticed) -> u64 {
        let place = Noticed::ALL.iter().position(|kind| *kind == what);
        let count = place.and_then(|place| self.counts.get(place));
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// The limits of an external broker; `None` before its first answer and for our own broker.
    #[must_use]
    pub fn limits(&self) -> Option<BrokerLimits> {
        locked(&self.limits).clone()
    }

    /// What people should change, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.limits().map(|limits| limits.warnings()).unwrap_or_default();
        warnings.extend_from_slice(&locked(&self.others));
        warnings
    }

    /// Keeps what the broker named; what the probe found about the same broker stays. New warnings
    /// reach the log.
    pub(crate) fn found_limits(&self, mut limits: BrokerLimits) {
        let before = self.warnings();
        {
            let mut known = locked(&self.limits);
            if let Some(known) = known.as_ref().filter(|_| limits.queue == QueueProbe::NotRun) {
                limits.queue = known.queue.clone();
            }
            *known = Some(limits);
        }
        self.log_new(&before);
    }

    /// Keeps what the probe found about the broker's queue.
    pub(crate) fn found_queue(&self, queue: QueueProbe) {
        let before = self.warnings();
        if let Some(limits) = locked(&self.limits).as_mut() {
            limits.queue = queue;
        }
        self.log_new(&before);
    }

    /// Adds a warning that is no limit, once.
    pub(crate) fn warn(&self, warning: String) {
        let before = self.warnings();
        if !before.contains(&warning) {
            locked(&self.others).push(warning);
        }
        self.log_new(&before);
    }

    fn log_new(&self, before: &[String]) {
        for warning in self.warnings().iter().filter(|warning| !before.contains(warning)) {
            tracing::warn!("{warning}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> BrokerLimits {
        BrokerLimits {
            receive_maximum: 65_535,
            packet_bytes_max: None,
            qos_max: 2,
            retain_available: true,
            wildcard_available: true,
            session_expiry_s: 3_600,
            queue: QueueProbe::Holds(5_000),
        }
    }

    fn check(limits: &BrokerLimits, option: &str) {
        let warnings = limits.warnings();
        assert!(warnings.iter().any(|text| text.contains(option)), "{option}: {warnings:?}");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }

    #[test]
    fn every_limit_that_is_too_low_is_named_with_its_option() {
        assert_eq!(good().warnings(), Vec::<String>::new());
        check(&BrokerLimits { receive_maximum: 20, ..good() }, "max_inflight_messages");
        check(&BrokerLimits { packet_bytes_max: Some(500), ..good() }, "max_packet_size");
        check(&BrokerLimits { qos_max: 0, ..good() }, "max_qos");
        check(&BrokerLimits { wildcard_available: false, ..good() }, "wildcards");
        let queue = QueueProbe::Drops { sent: 2_000, arrived: 1_020 };
        check(&BrokerLimits { queue, ..good() }, "dropped 980 of 2000");
        let queue = QueueProbe::Unknown("allow the gateway to write x".into());
        check(&BrokerLimits { queue, ..good() }, "allow the gateway");
    }

    #[test]
    fn a_probe_adds_to_the_limits_and_counts_are_kept_apart() {
        let facts = LinkFacts::default();
        facts.found_queue(QueueProbe::Holds(1));
        assert_eq!(facts.limits(), None, "no broker has answered yet");
        facts.found_limits(BrokerLimits { queue: QueueProbe::NotRun, ..good() });
        facts.found_queue(QueueProbe::Drops { sent: 2, arrived: 1 });
        facts.warn("a".into());
        facts.warn("a".into());
        assert_eq!(facts.warnings().len(), 2);
        // The broker comes back and names its limits again: the probe ran once, its word stays.
        facts.found_limits(BrokerLimits { queue: QueueProbe::NotRun, ..good() });
        assert_eq!(facts.warnings().len(), 2);
        facts.note(Noticed::ConnectFailed, "test");
        facts.note(Noticed::LoginRefused, "test");
        facts.note(Noticed::LoginRefused, "test");
        assert_eq!(
            (facts.count(Noticed::LoginRefused), facts.count(Noticed::ConnectFailed)),
            (2, 1)
        );
        assert_eq!(facts.count(Noticed::OrderLost), 0);
    }
}
