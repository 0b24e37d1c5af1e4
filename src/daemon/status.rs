//! The status plane: `/healthz`, `/readyz` and `/metrics` on a listener, a thread and a runtime of
//! their own, so that they answer when the core or the runtime of the API is stuck, and while the
//! record is being replayed.

use super::metrics::Metrics;
use super::serve::{local, serve};
use crate::console::health;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Connections at the same time: a few monitors.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait for answers under way when it ends, milliseconds.
const END_MS_MAX: u64 = 500;

/// The running status plane; it ends when this is dropped.
pub(crate) struct StatusPlane {
    /// Where it listens.
    pub(crate) local: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl StatusPlane {
    /// Starts it on a listener that was bound before.
    ///
    /// # Errors
    /// When the system gives no thread or no socket.
    pub(crate) fn start(listener: TcpListener, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        let local = local(&listener)?;
        let listener = listener.into_std().context("the status listener")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name("status".into()).spawn(move || {
            let mut stopping_then = stopping.clone();
            runtime.block_on(async move {
                let listener = match TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(fault) => {
                        tracing::error!(%fault, "no status plane; the gateway goes on without");
                        return;
                    }
                };
                let served = serve(listener, health::router(metrics), CONNECTIONS_MAX, stopping);
                let ended = async {
                    super::serve::stopped(&mut stopping_then).await;
                    tokio::time::sleep(Duration::from_millis(END_MS_MAX)).await;
                };
                tokio::select! {
                    () = served => {}
                    () = ended => {}
                }
            });
        })?;
        Ok(Self { local, stop, thread: Some(thread) })
    }
}

impl Drop for StatusPlane {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // It ends within a moment; then its address is free again.
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the status plane panicked");
        }
    }
}
