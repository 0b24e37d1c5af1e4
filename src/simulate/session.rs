//! One light MQTT 3.1.1 session: a few kilobytes, so that tens of thousands fit one process.

use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{
    Connect, ConnectReturnCode, LastWill, Packet, PubAck, Publish, Subscribe, SubscribeFilter,
};
use rumqttc::mqttbytes::{Error as PacketFault, QoS};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Longest packet taken, bytes.
const PACKET_BYTES_MAX: usize = 80 * 1024;
/// Keep-alive asked for, seconds.
pub(crate) const KEEP_ALIVE_S: u16 = 120;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionFault {
    /// The socket.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// The broker refuses.
    #[error("the broker refuses: {0:?}")]
    Refused(ConnectReturnCode),
    /// The broker speaks nonsense.
    #[error("protocol: {0:?}")]
    Protocol(PacketFault),
    /// It closed the connection.
    #[error("the broker closed the connection")]
    Closed,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The broker.
    pub broker: SocketAddr,
    /// Source address, so that more than 28,000 sessions fit loopback.
    pub from: Option<IpAddr>,
    /// Client id and user.
    pub name: String,
    /// Password.
    pub password: String,
    /// Topic and payload of the last will.
    pub will: (String, Vec<u8>),
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// One session.
pub struct Session {
    stream: TcpStream,
    buffer: BytesMut,
    next_id: u16,
}

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    /// Any [`SessionFault`].
    pub async fn connect(config: &SessionConfig) -> Result<Self, SessionFault> {
        let socket =
            if config.broker.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = config.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(config.broker).await?;
        stream.set_nodelay(true)?;
        let mut session = Self { stream, buffer: BytesMut::with_capacity(1024), next_id: 0 };
        let mut connect = Connect::new(&config.name);
        connect.keep_alive = KEEP_ALIVE_S;
        connect.set_login(&config.name, &config.password);
        let (topic, payload) = &config.will;
        connect.last_will = Some(LastWill::new(topic, payload.clone(), QoS::AtLeastOnce, false));
        session.send(&Packet::Connect(connect)).await?;
        match session.packet().await? {
            Packet::ConnAck(hello) if hello.code == ConnectReturnCode::Success => Ok(session),
            Packet::ConnAck(hello) => Err(SessionFault::Refused(hello.code)),
            Packet::Connect(_)
            | Packet::Publish(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::SubAck(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::PingResp
            | Packet::Disconnect => Err(SessionFault::Closed),
        }
    }

    /// Subscribes to all filters with QoS 1 and waits for the answer.
    ///
    /// # Errors
    /// Any [`SessionFault`].
    pub async fn subscribe(&mut self, filters: &[String]) -> Result<(), SessionFault> {
        let filters = filters
            .iter()
            .map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce))
            .collect::<Vec<_>>();
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = self.id();
        self.send(&Packet::Subscribe(subscribe)).await?;
        loop {
            if matches!(self.packet().await?, Packet::SubAck(_)) {
                return Ok(());
            }
        }
    }

    /// The next message; cancel-safe. Acknowledged to the broker before it is given out.
    ///
    /// # Errors
    /// Any [`SessionFault`].
    pub async fn next(&mut self) -> Result<Received, SessionFault> {
        loop {
            let packet = self.packet().await?;
            if let Packet::Publish(publish) = packet {
                if publish.qos == QoS::AtLeastOnce {
                    self.send(&Packet::PubAck(PubAck::new(publish.pkid))).await?;
                }
                let payload = publish.payload.to_vec();
                return Ok(Received { topic: publish.topic, payload });
            }
        }
    }

    /// Publishes with QoS 1; the broker's answer is read along with everything else.
    ///
    /// # Errors
    /// Any [`SessionFault`].
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<(), SessionFault> {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.id();
        self.send(&Packet::Publish(publish)).await
    }

    /// Keeps the session alive.
    ///
    /// # Errors
    /// Any [`SessionFault`].
    pub async fn ping(&mut self) -> Result<(), SessionFault> {
        self.send(&Packet::PingReq).await
    }

    fn id(&mut self) -> u16 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.next_id
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), SessionFault> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, PACKET_BYTES_MAX).map_err(SessionFault::Protocol)?;
        self.stream.write_all(&bytes).await?;
        Ok(())
    }

    async fn packet(&mut self) -> Result<Packet, SessionFault> {
        loop {
            match Packet::read(&mut self.buffer, PACKET_BYTES_MAX) {
                Ok(packet) => return Ok(packet),
                Err(PacketFault::InsufficientBytes(_)) => {}
                Err(fault) => return Err(SessionFault::Protocol(fault)),
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(SessionFault::Closed);
            }
        }
    }
}
