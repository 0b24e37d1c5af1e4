//! What a link takes and brings: topics and bytes, nothing of what they mean.

use super::broker::Broker;
use super::mqtt::Mqtt;
use super::serial::LineWord;
use crate::model::{Address, BroadcastId, LinkKind, OrderKind, TerminalId, UtcMs};
use std::sync::Arc;

/// Inputs of a link waiting for the gateway. When it is full, acknowledgements wait at the broker:
/// terminals repeat them until their receipt.
pub(crate) const LINK_INPUTS_MAX: usize = 16_384;
/// Longest payload a link carries, bytes.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

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

/// A batch of orders of one broadcast; address `i` belongs to publish `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which broadcast.
    pub broadcast: BroadcastId,
    /// What kind of order.
    pub kind: OrderKind,
    /// By which kind of link.
    pub link: LinkKind,
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

    /// Ends it.
    pub async fn close(&self) {
        match self {
            Self::Embedded(broker) => broker.close(),
            Self::External(mqtt) => mqtt.close().await,
        }
    }
}
