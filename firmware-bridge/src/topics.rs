//! MQTT topics, below a prefix such as `mingluo/v1`.

use core::fmt::Write;
use heapless::String;

/// Longest topic in bytes.
pub const TOPIC_BYTES_MAX: usize = 96;

/// A topic.
pub type Topic = String<TOPIC_BYTES_MAX>;

/// What a terminal's own topics are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    /// Orders to it.
    Order,
    /// Its reports.
    Acknowledgement,
    /// Receipts to it.
    Receipt,
    /// Its status and last will.
    Status,
}

impl Leaf {
    fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Acknowledgement => "acknowledgement",
            Self::Receipt => "receipt",
            Self::Status => "status",
        }
    }
}

/// `{prefix}/terminal/430621100001-001/{leaf}`; `None` when the prefix is too long.
#[must_use]
pub fn terminal(prefix: &str, terminal: u64, leaf: Leaf) -> Option<Topic> {
    let mut topic = Topic::new();
    let (area, number) = (terminal / 1000, terminal % 1000);
    write!(topic, "{prefix}/terminal/{area:012}-{number:03}/{}", leaf.name()).ok()?;
    Some(topic)
}

/// `{prefix}/area/430621100000/order`; `None` when the prefix is too long.
#[must_use]
pub fn area_order(prefix: &str, area: u64) -> Option<Topic> {
    let mut topic = Topic::new();
    write!(topic, "{prefix}/area/{area:012}/order").ok()?;
    Some(topic)
}

/// Reads a terminal's own topic back.
#[must_use]
pub fn parse_terminal(prefix: &str, topic: &str) -> Option<(u64, Leaf)> {
    let rest = topic.strip_prefix(prefix)?.strip_prefix("/terminal/")?;
    let (id, leaf) = rest.split_once('/')?;
    let (area, number) = id.split_once('-')?;
    // Digits only: `parse` alone would take a leading plus sign.
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if area.len() != 12 || number.len() != 3 || !digits(area) || !digits(number) {
        return None;
    }
    let id = area.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(number.parse().ok()?)?;
    let leaf = [Leaf::Order, Leaf::Acknowledgement, Leaf::Receipt, Leaf::Status]
        .into_iter()
        .find(|candidate| candidate.name() == leaf)?;
    Some((id, leaf))
}
