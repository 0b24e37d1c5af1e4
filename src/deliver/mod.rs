//! Broadcasts become orders on links, repeated until played, refused or expired.

mod access;
mod broker;
mod delivery;
mod facts;
mod keys;
mod link;
mod mqtt;
pub mod national;
mod order;
mod schedule;
pub mod serial;

pub use access::TerminalAccess;
pub use broker::{Access, Broker, BrokerConfig, BrokerError};
pub(crate) use broker::{Listening, bind as bind_broker, is_protocol_fault};
pub use delivery::{Delivery, News};
pub use facts::{BrokerLimits, LinkFacts, Noticed, QueueProbe};
pub use keys::{KeyRing, key_id};
pub use link::{Link, LinkFault, LinkInput, Outgoing, Publish, link_inputs};
pub use mqtt::{Mqtt, MqttConfig, MqttError, MqttTls, client_config, examine};
pub use order::{
    acknowledgement, aimed, cancel_order, check_order, health, keep_order, live_order, order_topic,
    part_order, play_order, query_order, receipt_topic, stop_all_order, test_answer, time_order,
    wire_clip,
};
pub use schedule::{Due, Pace, Presence, due, presence_of, tried, wait_ms, way};
