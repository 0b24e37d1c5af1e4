//! A listener of the broker library with the sessions behind it, from its address to its end.

use super::BrokerError;
use rmqtt::context::ServerContext;
use rmqtt::net::{Builder, Listener};
use rmqtt::server::MqttServer;
use rmqtt::types::{Message, Reason};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How long the sessions' ends may take at a stop, and how often that is looked at.
const CLOSE_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(20));

/// Takes the address; nobody is served yet.
///
/// # Errors
/// When the address or the certificate can't be used.
pub(crate) fn bind(builder: Builder, tls: bool) -> Result<(Listener, SocketAddr), BrokerError> {
    let listen = builder.laddr;
    let refused = |why: String| BrokerError::Listen { listen, why };
    let listener = builder.bind().map_err(|fault| refused(fault.to_string()))?;
    let listener = if tls {
        listener.tls().map_err(|fault| BrokerError::Tls(format!("{fault:#}")))?
    } else {
        listener.tcp().map_err(|fault| refused(fault.to_string()))?
    };
    let local = listener.local_addr().map_err(|fault| refused(fault.to_string()))?;
    Ok((listener, local))
}

/// It serves until [`Listening::close`].
pub(crate) struct Listening {
    context: ServerContext,
    /// Accepts connections; `None` after the end.
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Listening {
    /// Serves whoever connects; `ended` hears why, should it end by itself.
    pub(crate) fn serve<F: Future<Output = ()> + Send>(
        context: ServerContext,
        listener: Listener,
        ended: impl FnOnce(String) -> F + Send + 'static,
    ) -> Self {
        let server = MqttServer::new(context.clone()).listener_by_id(listener, 1).build();
        let server = tokio::spawn(async move {
            let why = match server.run().await {
                Ok(()) => "the embedded broker ended by itself".to_owned(),
                Err(fault) => format!("the embedded broker ended: {fault:#}"),
            };
            tracing::error!("{why}");
            ended(why).await;
        });
        Self { context, server: Mutex::new(Some(server)) }
    }

    /// Ends it: the port is free, and no session lives.
    pub(crate) async fn close(&self) {
        if let Some(server) = self.server.lock().await.take() {
            server.abort();
            // Cancelled is what it should be; the listener is closed once this returns.
            let _cancelled = server.await;
        }
        // Sessions run on their own, and one may be shaking hands just now: so ask until all ended.
        let ended = tokio::time::timeout(CLOSE_WAIT.0, async {
            while self.end_sessions().await > 0 {
                tokio::time::sleep(CLOSE_WAIT.1).await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("some sessions of the broker did not end; they end with the process");
        }
    }

    /// Asks every session to end; gives how many live.
    async fn end_sessions(&self) -> usize {
        let shared = self.context.extends.shared().await;
        for session in shared.iter().filter_map(|entry| entry.tx()) {
            // A session that is gone needs no word.
            let _gone = session.unbounded_send(Message::Closed(Reason::ConnectKicked(true)));
        }
        usize::try_from(self.context.connections.count()).unwrap_or(0) + shared.sessions_count()
    }
}
