//! The link to somebody else's broker: a real mosquitto of its own, and brokers that misbehave.

mod breaks;
mod example;
mod limits;
mod reports;

use crate::wire::{Folder, next_input};
use mingluo::deliver::{LinkInput, Mqtt, MqttConfig, link_inputs};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;

/// Where Debian and others put mosquitto.
const MOSQUITTO: [&str; 3] =
    ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];
/// The terminal of most tests.
const OWN: &str = "430621100001-001";

/// A mosquitto of its own.
pub(crate) struct Mosquitto {
    child: Child,
    config: PathBuf,
    pub(crate) address: SocketAddr,
    folder: Folder,
}

impl Mosquitto {
    /// With these lines in its configuration; `None`, and said so, when it is not installed.
    pub(crate) async fn start(name: &str, lines: &str) -> Option<Self> {
        let folder = Folder::new(&format!("mosquitto-{name}"));
        Self::start_in(folder, lines).await
    }

    async fn start_in(folder: Folder, lines: &str) -> Option<Self> {
        let address = crate::process::free();
        let text = format!("listener {} 127.0.0.1\n{lines}\n", address.port());
        let config = folder.write("mosquitto.conf", &text);
        let Some(child) = Self::spawn(&config) else {
            let _closed = writeln!(std::io::stderr(), "SKIPPED: mosquitto is not installed");
            return None;
        };
        let mosquitto = Self { child, config, address, folder };
        mosquitto.listens().await;
        Some(mosquitto)
    }

    fn spawn(config: &Path) -> Option<Child> {
        let program = MOSQUITTO.iter().find(|path| Path::new(path).exists())?;
        let mut command = Command::new(program);
        let command = command.arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        Some(command.spawn().unwrap())
    }

    async fn listens(&self) {
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(self.address).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("mosquitto does not listen");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn restart(&mut self) {
        self.child = Self::spawn(&self.config).unwrap();
        self.listens().await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn config(broker: SocketAddr) -> MqttConfig {
    MqttConfig {
        host: "127.0.0.1".into(),
        port: broker.port(),
        client_id: "gateway".into(),
        login: None,
        tls: None,
        prefix: "m/v1".into(),
        queue_wanted: 100,
    }
}

/// A link and what it brings, up.
async fn up(config: &MqttConfig) -> (Mqtt, mpsc::Receiver<LinkInput>) {
    let (sender, mut inputs) = link_inputs();
    let link = Mqtt::start(config, sender).unwrap();
    // What the broker kept of the session before may come first.
    loop {
        match next_input(&mut inputs).await {
            LinkInput::Up => break,
            LinkInput::Message { .. } => {}
            other @ (LinkInput::Down { .. }
            | LinkInput::Connected { .. }
            | LinkInput::Disconnected { .. }
            | LinkInput::Serial { .. }
            | LinkInput::National { .. }
            | LinkInput::Noticed { .. }) => panic!("expected Up, got {other:?}"),
        }
    }
    (link, inputs)
}

/// A topic of the terminal.
fn topic(leaf: &str) -> String {
    format!("m/v1/terminal/{OWN}/{leaf}")
}
