//! The yardstick: a bare publisher on mosquitto, one message to N sessions, one answer from each,
//! counted by one collector.

use crate::clock;
use crate::simulate::{Session, SessionConfig};
use anyhow::{Context, bail};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sessions per source address.
const SESSIONS_PER_ADDRESS: usize = 20_000;
/// Longest wait for everybody, seconds.
const WAIT_S_MAX: u64 = 60;
/// Bytes of the message and of each answer: as long as our order and our report.
const MESSAGE_BYTES: usize = 220;
const ANSWER_BYTES: usize = 90;

/// Milliseconds from the publish, per session.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    /// When it received the message.
    pub(super) received_ms: Vec<u64>,
    /// When its answer reached the collector.
    pub(super) answered_ms: Vec<u64>,
}

/// A mosquitto of our own, ended with the value.
pub(super) struct Mosquitto {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Mosquitto {
    /// Starts one on a free port; `None` when it is not installed.
    pub(super) fn start(dir: &std::path::Path) -> anyhow::Result<Option<Self>> {
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
        let Some(program) = program.iter().find(|path| std::path::Path::new(path).exists()) else {
            return Ok(None);
        };
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = dir.join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n\
             max_inflight_messages 20000\nset_tcp_nodelay true\n",
            address.port()
        );
        std::fs::write(&file, text)?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting mosquitto")?;
        Ok(Some(Self { child, address }))
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

async fn session(broker: SocketAddr, name: String, number: usize) -> anyhow::Result<Session> {
    let block = u8::try_from(number / SESSIONS_PER_ADDRESS).unwrap_or(u8::MAX);
    let from = (block > 0).then(|| IpAddr::V4(Ipv4Addr::new(127, 0, 1, block)));
    let config = SessionConfig {
        broker,
        from,
        name,
        password: String::new(),
        will: ("will".to_owned(), vec![0]),
    };
    for _ in 0..50 {
        if let Ok(session) = Session::connect(&config).await {
            return Ok(session);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the broker at {broker} does not take sessions")
}

/// Measures one fan-out to `n` sessions.
pub(super) async fn measure(broker: SocketAddr, n: usize) -> anyhow::Result<Measured> {
    let measured = Arc::new(Mutex::new(Measured::default()));
    let watch = clock::Monotonic::start();
    let mut collector = session(broker, "collector".to_owned(), 0).await?;
    collector.subscribe(&["answer".to_owned()]).await?;
    let (ready, mut all_ready) = tokio::sync::mpsc::channel(1_024);
    for number in 0..n {
        let (measured, ready) = (Arc::clone(&measured), ready.clone());
        tokio::spawn(async move {
            let mut session = session(broker, format!("t{number}"), number).await?;
            session.subscribe(&["order".to_owned()]).await?;
            ready.send(()).await?;
            session.next().await?;
            note(&measured, |all| all.received_ms.push(watch.elapsed_ms()));
            session.publish("answer", &[1; ANSWER_BYTES]).await?;
            // Answers of the broker are read until it ends.
            while session.next().await.is_ok() {}
            anyhow::Ok(())
        });
        if number % 200 == 199 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for _ in 0..n {
        let waited = tokio::time::timeout(Duration::from_secs(WAIT_S_MAX), all_ready.recv()).await;
        waited.context("not all sessions came up")?;
    }
    let mut publisher = session(broker, "publisher".to_owned(), 0).await?;
    let began_ms = watch.elapsed_ms();
    publisher.publish("order", &[2; MESSAGE_BYTES]).await?;
    let collect = async {
        for _ in 0..n {
            collector.next().await?;
            note(&measured, |all| all.answered_ms.push(watch.elapsed_ms()));
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(Duration::from_secs(WAIT_S_MAX), collect).await {
        Ok(done) => done?,
        Err(_) => tracing::warn!("the bare broker lost answers"),
    }
    let mut done = measured.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for ms in done.received_ms.iter_mut().chain(&mut done.answered_ms) {
        *ms = ms.saturating_sub(began_ms);
    }
    Ok(done)
}

fn note(measured: &Mutex<Measured>, change: impl FnOnce(&mut Measured)) {
    change(&mut measured.lock().unwrap_or_else(PoisonError::into_inner));
}
