//! What a link takes and brings: topics and bytes, nothing of what they mean.

use super::broker::Broker;
use super::facts::LinkFacts;
use super::mqtt::Mqtt;
use super::national::NationalWord;
use super::serial::LineWord;
use crate::model::{Address, BroadcastId, HazardCode, LinkKind, OrderKind, TerminalId, UtcMs};
use mingluo_bridge::frame;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Inputs of a link waiting for the gateway. When it is full, acknowledgements wait at the broker:
/// terminals repeat them until their receipt.
pub(crate) const LINK_INPUTS_MAX: usize = 16_384;
/// Longest payload a link carries, bytes: one frame. Whatever is longer is no word of a terminal.
pub(crate) const PAYLOAD_BYTES_MAX: usize = frame::FRAME_BYTES_MAX;
/// Longest MQTT packet around it, bytes: topic, properties and headers beside the payload.
pub(crate) const PACKET_BYTES_MAX: u32 = 2_048;
/// What a broker must take, bytes: the longest topic and frame, the headers, and the expiry.
pub(crate) const ORDER_PACKET_BYTES: u32 = 1_200;

/// One message to publish: always QoS 1, never retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// When it is of no more use; carried as message expiry where the protocol has it.
    pub expires_at: Option<UtcMs>,
}

impl Publish {
    /// Whole seconds it may still wait in a broker, rounded up: `None` = without end, and never
    /// zero, which a broker would read as "no expiry".
    ///
    /// # Errors
    /// `Expired` when its time is over.
    pub(crate) fn expiry_s(&self, now: UtcMs) -> Result<Option<NonZeroU32>, LinkFault> {
        let Some(at) = self.expires_at else { return Ok(None) };
        let left_ms = u64::try_from(at.since_ms(now)).unwrap_or(0);
        let left_s = u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX);
        NonZeroU32::new(left_s).map(Some).ok_or(LinkFault::Expired)
    }
}

/// A batch of orders of one broadcast; address `i` belongs to publish `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which broadcast.
    pub broadcast: BroadcastId,
    /// What kind of order.
    pub kind: OrderKind,
    /// By which kind of link.
    pub link: LinkKind,
    /// Against which kind of hazard; `None` = it names none. Only the national protocol carries it.
    pub hazard: Option<HazardCode>,
    /// To whom; empty for receipts.
    pub to: Vec<Address>,
    /// The messages.
    pub publishes: Vec<Publish>,
}

/// What a link brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkInput {
    /// A message on one of the terminals' own topics.
    Message {
        /// Its topic.
        topic: String,
        /// Its bytes.
        payload: Vec<u8>,
        /// Who published it, when the broker tells.
        from: Option<String>,
    },
    /// A word of a terminal on a serial line.
    Serial {
        /// Whose.
        terminal: TerminalId,
        /// What.
        word: LineWord,
    },
    /// A word of a terminal by the national protocol.
    National {
        /// Whose.
        terminal: TerminalId,
        /// What.
        word: NationalWord,
    },
    /// Something that is counted among the alarms.
    Noticed {
        /// Its code.
        code: &'static str,
    },
    /// The link works.
    Up,
    /// The link broke.
    Down {
        /// Why.
        why: String,
    },
    /// A session came up.
    Connected {
        /// Whose.
        client_id: String,
    },
    /// A session ended.
    Disconnected {
        /// Whose.
        client_id: String,
    },
}

/// Why a link did not take a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// Its queue is full.
    #[error("the link's queue is full")]
    Full,
    /// It is down.
    #[error("the link is down: {0}")]
    Down(String),
    /// The message is of no more use.
    #[error("the message expired before it was sent")]
    Expired,
    /// The broker does not take a message so long.
    #[error("the message needs {bytes} bytes, the broker takes {bytes_max}")]
    TooLong {
        /// What it needs.
        bytes: u32,
        /// What the broker takes.
        bytes_max: u32,
    },
}

/// A queue for what a link brings.
#[must_use]
pub fn link_inputs() -> (mpsc::Sender<LinkInput>, mpsc::Receiver<LinkInput>) {
    mpsc::channel(LINK_INPUTS_MAX)
}

/// The way to the terminals' broker.
pub enum Link {
    /// Our own broker, in this process.
    Embedded(Broker),
    /// Somebody else's broker.
    External(Mqtt),
}

impl Link {
    /// Hands one message over.
    ///
    /// # Errors
    /// When the link is down or full; the schedule sends it again.
    pub async fn publish(&self, publish: Publish) -> Result<(), LinkFault> {
        match self {
            Self::Embedded(broker) => broker.publish(publish).await,
            Self::External(mqtt) => mqtt.publish(publish).await,
        }
    }

    /// Where the embedded broker listens; `None` for an external one.
    #[must_use]
    pub fn local_addr(&self) -> Option<std::net::SocketAddr> {
        match self {
            Self::Embedded(broker) => Some(broker.local_addr()),
            Self::External(_) => None,
        }
    }

    /// What it noticed about itself since start.
    #[must_use]
    pub fn facts(&self) -> Arc<LinkFacts> {
        match self {
            Self::Embedded(broker) => broker.facts(),
            Self::External(mqtt) => mqtt.facts(),
        }
    }

    /// Ends it: sessions, sockets and the port are free afterwards.
    pub async fn close(&self) {
        match self {
            Self::Embedded(broker) => broker.close().await,
            Self::External(mqtt) => mqtt.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expires_at: Option<i64>, expect: &Result<Option<u32>, LinkFault>) {
        let payload = Arc::from([].as_slice());
        let expires_at = expires_at.map(UtcMs);
        let publish = Publish { topic: "t".into(), payload, expires_at };
        let found = publish.expiry_s(UtcMs(10_000)).map(|left| left.map(NonZeroU32::get));
        assert_eq!(found, *expect, "{expires_at:?}");
    }

    #[test]
    fn what_is_over_is_never_sent_without_an_end() {
        check(None, &Ok(None));
        check(Some(9_999), &Err(LinkFault::Expired));
        check(Some(10_000), &Err(LinkFault::Expired));
        check(Some(i64::MIN), &Err(LinkFault::Expired));
        check(Some(10_001), &Ok(Some(1)));
        check(Some(11_000), &Ok(Some(1)));
        check(Some(11_001), &Ok(Some(2)));
        check(Some(i64::MAX), &Ok(Some(u32::MAX)));
    }
}
