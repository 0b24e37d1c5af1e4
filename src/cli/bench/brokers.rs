//! The mosquittos of a measurement: one, or a hub with leaves when the terminals are too many for one
//! process.

use super::stage::{Process, free_address, load};
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;

/// Where an installed mosquitto is looked for.
const MOSQUITTO: [&str; 2] = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
/// Terminals of one broker, and of one process that simulates them: many systems let a process have no
/// more than 20,000 open files.
const PER_PROCESS_MAX: usize = 16_000;
/// How long the hub may take until it listens, in steps, milliseconds.
const LISTEN_MS: (u64, u64) = (5_000, 50);

/// Running brokers; they end with the value.
pub(super) struct Brokers {
    /// Where the gateway connects.
    pub(super) hub: SocketAddr,
    /// Where each share of the terminals connects: the hub itself when there is one share.
    pub(super) shares: Vec<SocketAddr>,
    _processes: Vec<Process>,
}

/// Shares of `n` terminals, each for one process.
pub(super) fn n_shares(n: usize) -> usize {
    n.div_ceil(PER_PROCESS_MAX).max(1)
}

impl Brokers {
    /// Starts them for `n` terminals of this configuration; `None` when mosquitto is not installed.
    ///
    /// # Errors
    /// When one can't be started.
    pub(super) async fn start(config: &Path, dir: &Path, n: usize) -> anyhow::Result<Option<Self>> {
        let Some(program) = MOSQUITTO.iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let hub = free_address()?;
        let mut processes = vec![mosquitto(program, dir, hub, "")?];
        if n_shares(n) == 1 {
            return Ok(Some(Self { hub, shares: vec![hub], _processes: processes }));
        }
        // A leaf that finds no hub tries again only after many seconds.
        listens(hub).await?;
        let prefix = load(config, &BTreeMap::new())?.config.mqtt.prefix;
        let mut shares = Vec::new();
        for _ in 0..n_shares(n) {
            let leaf = free_address()?;
            processes.push(mosquitto(program, dir, leaf, &bridge(hub, leaf, &prefix))?);
            shares.push(leaf);
        }
        Ok(Some(Self { hub, shares, _processes: processes }))
    }
}

/// Reports go up and orders come down; nothing goes from leaf to leaf.
fn bridge(hub: SocketAddr, leaf: SocketAddr, prefix: &str) -> String {
    format!(
        "connection leaf-{}\naddress {hub}\nbridge_protocol_version mqttv50\n\
         topic {prefix}/terminal/+/acknowledgement out 1\ntopic {prefix}/terminal/+/status out 1\n\
         topic {prefix}/terminal/+/order in 1\ntopic {prefix}/terminal/+/receipt in 1\n\
         topic {prefix}/area/# in 1\n",
        leaf.port()
    )
}

fn mosquitto(program: &str, dir: &Path, at: SocketAddr, more: &str) -> anyhow::Result<Process> {
    let port = at.port();
    let file = dir.join(format!("mosquitto-{port}.conf"));
    let text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n\
         max_inflight_messages 20000\nset_tcp_nodelay true\n{more}"
    );
    std::fs::write(&file, text)?;
    let mut broker = Command::new(program);
    broker.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Process(broker.spawn().context("starting mosquitto")?))
}

async fn listens(at: SocketAddr) -> anyhow::Result<()> {
    let (ms_max, step_ms) = LISTEN_MS;
    for _ in 0..ms_max / step_ms {
        if TcpStream::connect(at).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(step_ms)).await;
    }
    bail!("mosquitto does not listen on {at} after {ms_max} ms")
}
