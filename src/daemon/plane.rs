//! A plane of the daemon: a listener with a thread and a runtime of its own. The status plane
//! (`/healthz`, `/readyz`, `/metrics`) answers when the core or the runtime of the API is stuck, and while
//! the record is being replayed. The audio plane serves clips while the embedded broker has ten thousand
//! sessions ready to run, each of which would come before a fetch.

use super::serve::{local, serve};
use anyhow::Context;
use axum::Router;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Connections of the status plane at the same time: a few monitors.
pub(crate) const STATUS_CONNECTIONS_MAX: usize = 64;
/// Longest wait for answers under way when it ends, milliseconds.
const END_MS_MAX: u64 = 500;

/// A running plane; it ends when this is dropped.
pub(crate) struct Plane {
    /// Where it listens.
    pub(crate) local: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Plane {
    /// Starts it on a listener that was bound before.
    ///
    /// # Errors
    /// When the system gives no thread or no socket.
    pub(crate) fn start(
        name: &'static str,
        listener: TcpListener,
        router: Router,
        connections_max: usize,
    ) -> anyhow::Result<Self> {
        let local = local(&listener)?;
        let listener = listener.into_std().with_context(|| format!("the listener of {name}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            let mut stopping_then = stopping.clone();
            runtime.block_on(async move {
                let listener = match TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(fault) => {
                        tracing::error!(%fault, "no plane of {name}; the gateway goes on without");
                        return;
                    }
                };
                let served = serve(listener, router, connections_max, stopping);
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

impl Drop for Plane {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // It ends within a moment; then its address is free again.
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the plane at {} panicked", self.local);
        }
    }
}
