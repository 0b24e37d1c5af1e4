//! A bare MQTT 3.1.1 client that may do everything a terminal must not, and certificates of its own.

use bytes::BytesMut;
use mingluo::deliver::LinkInput;
use rumqttc::mqttbytes::v4::{
    Connect, ConnectReturnCode, LastWill, Packet, PubAck, PubRel, Publish, Subscribe,
    SubscribeFilter, SubscribeReasonCode,
};
use rumqttc::mqttbytes::{Error as PacketFault, QoS};
use rumqttc::tokio_rustls::TlsConnector;
use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::CertificateDer;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Longer than any answer on loopback takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for what must not come to have come.
pub(crate) const SILENCE: Duration = Duration::from_millis(700);
/// Longest packet it writes or reads, bytes.
const PACKET_BYTES_MAX: usize = 4 * 1024 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One session, or what is left of it.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    next_id: u16,
    /// Whether the broker remembered a session.
    pub(crate) session_present: bool,
}

/// How to log in.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) client: String,
    pub(crate) user: Option<(String, String)>,
    pub(crate) will: Option<LastWill>,
    pub(crate) clean: bool,
}

impl Login {
    pub(crate) fn of(client: &str, password: &str) -> Self {
        let user = Some((client.to_owned(), password.to_owned()));
        Self { client: client.to_owned(), user, will: None, clean: true }
    }

    pub(crate) fn anonymous(client: &str) -> Self {
        Self { client: client.to_owned(), user: None, will: None, clean: true }
    }
}

impl Wire {
    /// Logs in; `Err` with the broker's answer, `None` when it just closed.
    pub(crate) async fn connect(
        broker: SocketAddr,
        login: &Login,
    ) -> Result<Self, Option<ConnectReturnCode>> {
        let stream = TcpStream::connect(broker).await.expect("the broker listens");
        Self::log_in(Box::new(stream), login).await
    }

    /// The same over TLS, trusting `ca` alone; `None` when the handshake fails.
    pub(crate) async fn connect_tls(broker: SocketAddr, ca: &Path, login: &Login) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(broker).await.expect("the broker listens");
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        Self::log_in(Box::new(stream), login).await.ok()
    }

    async fn log_in(
        stream: Box<dyn Stream>,
        login: &Login,
    ) -> Result<Self, Option<ConnectReturnCode>> {
        let (buffer, next_id, session_present) = (BytesMut::new(), 0, false);
        let mut wire = Self { stream, buffer, next_id, session_present };
        let mut connect = Connect::new(&login.client);
        connect.keep_alive = 60;
        connect.clean_session = login.clean;
        connect.last_will.clone_from(&login.will);
        if let Some((user, password)) = &login.user {
            connect.set_login(user, password);
        }
        wire.send(&Packet::Connect(connect)).await;
        match wire.packet(PATIENCE).await {
            Some(Packet::ConnAck(hello)) if hello.code == ConnectReturnCode::Success => {
                wire.session_present = hello.session_present;
                Ok(wire)
            }
            Some(Packet::ConnAck(hello)) => Err(Some(hello.code)),
            None => Err(None),
            other => panic!("expected CONNACK, got {other:?}"),
        }
    }

    /// Subscribes to one filter; `None` when the broker ended the session for it.
    pub(crate) async fn subscribe(&mut self, filter: &str) -> Option<SubscribeReasonCode> {
        let filter = SubscribeFilter::new(filter.to_owned(), QoS::AtLeastOnce);
        let mut subscribe = Subscribe::new_many([filter]);
        subscribe.pkid = self.id();
        self.send(&Packet::Subscribe(subscribe)).await;
        match self.packet(PATIENCE).await {
            Some(Packet::SubAck(answer)) => Some(answer.return_codes[0]),
            None => None,
            other => panic!("expected SUBACK, got {other:?}"),
        }
    }

    /// Publishes with QoS 1; whether the broker acknowledged it. `false` = it ended the session.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> bool {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        (publish.pkid, publish.retain) = (self.id(), retain);
        self.send(&Packet::Publish(publish)).await;
        match self.packet(PATIENCE).await {
            Some(Packet::PubAck(_)) => true,
            None => false,
            other => panic!("expected PUBACK, got {other:?}"),
        }
    }

    /// Publishes with QoS 1 and waits for nothing.
    pub(crate) async fn publish_blindly(&mut self, topic: &str, payload: &[u8]) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.id();
        self.send(&Packet::Publish(publish)).await;
    }

    /// Publishes once more what may have come before, with QoS 1 or 2; whether the broker took it over.
    pub(crate) async fn publish_again(&mut self, topic: &str, payload: &[u8], qos: QoS) -> bool {
        let mut publish = Publish::new(topic, qos, payload);
        (publish.pkid, publish.dup) = (self.id(), true);
        self.send(&Packet::Publish(publish)).await;
        match self.packet(PATIENCE).await {
            Some(Packet::PubAck(_)) => qos == QoS::AtLeastOnce,
            Some(Packet::PubRec(received)) => {
                self.send(&Packet::PubRel(PubRel::new(received.pkid))).await;
                matches!(self.packet(PATIENCE).await, Some(Packet::PubComp(_)))
            }
            None => false,
            other => panic!("expected PUBACK or PUBREC, got {other:?}"),
        }
    }

    /// How many acknowledgements come, up to `n`.
    pub(crate) async fn acknowledged(&mut self, n: usize) -> usize {
        let mut n_got = 0;
        while n_got < n && matches!(self.packet(PATIENCE).await, Some(Packet::PubAck(_))) {
            n_got += 1;
        }
        n_got
    }

    /// The next message and its payload, acknowledged; `None` when nothing comes in `wait`.
    pub(crate) async fn next(&mut self, wait: Duration) -> Option<(String, Vec<u8>)> {
        loop {
            let packet = self.packet(wait).await?;
            if let Packet::Publish(publish) = packet {
                self.send(&Packet::PubAck(PubAck::new(publish.pkid))).await;
                return Some((publish.topic, publish.payload.to_vec()));
            }
            // The answer to what was published blindly.
            assert!(matches!(packet, Packet::PubAck(_)), "expected PUBLISH, got {packet:?}");
        }
    }

    /// Whether the broker ends the connection.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let end = async {
            let mut rest = [0; 1024];
            while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
        };
        tokio::time::timeout(PATIENCE, end).await.is_ok()
    }

    /// Writes bytes that need not mean anything.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        // The broker may have closed the connection halfway.
        let _closed = self.stream.write_all(bytes).await;
    }

    /// A polite end, without last will.
    pub(crate) async fn leave(mut self) {
        self.send(&Packet::Disconnect).await;
    }

    fn id(&mut self) -> u16 {
        self.next_id += 1;
        self.next_id
    }

    async fn send(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, PACKET_BYTES_MAX).unwrap();
        self.raw(&bytes).await;
    }

    /// The next packet; `None` at the end of the connection, of its sense, or of the wait.
    async fn packet(&mut self, wait: Duration) -> Option<Packet> {
        let read = async {
            loop {
                match Packet::read(&mut self.buffer, PACKET_BYTES_MAX) {
                    Ok(packet) => return Some(packet),
                    Err(PacketFault::InsufficientBytes(_)) => {}
                    Err(_nonsense) => return None,
                }
                if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                    return None;
                }
            }
        };
        tokio::time::timeout(wait, read).await.ok().flatten()
    }
}

/// The next input of a link that is no repetition of its state.
pub(crate) async fn next_input(inputs: &mut mpsc::Receiver<LinkInput>) -> LinkInput {
    let next = tokio::time::timeout(PATIENCE * 3, inputs.recv()).await;
    next.expect("the link says something").expect("the link lives")
}

/// Whether nothing comes for a while.
pub(crate) async fn is_silent(inputs: &mut mpsc::Receiver<LinkInput>) -> bool {
    tokio::time::timeout(SILENCE, inputs.recv()).await.is_err()
}

/// Files in a folder of their own that goes away.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("mingluo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

/// An authority of our own and what it signed: (CA, certificate, key), as PEM files.
pub(crate) fn certificate(folder: &Folder, name: &str) -> (PathBuf, PathBuf, PathBuf) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, format!("authority of {name}"));
    let signed = ca.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (
        folder.write(&format!("{name}-ca.pem"), &signed.pem()),
        folder.write(&format!("{name}.pem"), &certificate.pem()),
        folder.write(&format!("{name}.key"), &key.serialize_pem()),
    )
}
