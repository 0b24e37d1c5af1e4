//! Stations that connect by TCP, and lines of stations: `talk` cuts bytes into telegrams, reads, takes
//! and answers them, `asking` says when which station is asked for its values, `ports` are the serial
//! lines, `seen` is what people see of all that. The protocols know no proof of who speaks, so the address belongs into the stations' own
//! network.

mod asking;
mod ports;
mod seats;
mod seen;
mod talk;

pub(super) use asking::Asking;
pub(super) use ports::run as run_port;
pub use seen::{LineSeen, LineState, Question, QuestionEnd, TelemetryWatch};

use super::core::CoreHandle;
use super::metrics::Metrics;
use super::serve::stopped;
use super::stations::StationDesk;
use crate::clock;
use seats::Seats;
use std::sync::Arc;
use std::time::Duration;
use talk::{Terms, converse};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections beside one a station: old ones that the network forgot to end.
const SPARE_CONNECTIONS: usize = 1_000;
/// Longest silence of a connection, seconds; stations keep it alive every 40 s or report anew.
const SILENCE_S_MAX: u64 = 900;
/// Wait after the system could not give another socket, milliseconds.
const ACCEPT_WAIT_MS: u64 = 200;

/// What every connection and line shares.
#[derive(Clone)]
pub(super) struct Telemetry {
    pub(super) desk: StationDesk,
    pub(super) core: CoreHandle,
    pub(super) metrics: Arc<Metrics>,
    /// Whether telegrams are answered.
    pub(super) answer: bool,
}

/// Serves until the daemon stops: at most a connection for each of `n_stations` and some. When they
/// are all taken, the one that was silent longest is ended for who comes.
pub(super) async fn serve(
    listener: TcpListener,
    telemetry: Telemetry,
    n_stations: usize,
    asking: Asking,
    mut stop: watch::Receiver<bool>,
) {
    let seats = Arc::new(Seats::new(n_stations + SPARE_CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let (seat, full) = seats.take(clock::now_utc());
                if full {
                    telemetry.metrics.alarm("station_connections_full");
                    tracing::warn!("every connection of stations is taken: the most silent ends");
                }
                let (telemetry, stop) = (telemetry.clone(), stop.clone());
                let (terms, asking) =
                    (Terms { silence_s_max: Some(SILENCE_S_MAX) }, asking.clone());
                open.spawn(async move {
                    let by = peer.ip().to_string();
                    converse(stream, &telemetry, &by, (terms, asking, seat), stop).await;
                });
            }
            Err(fault) => {
                tracing::warn!(%fault, "a station was not accepted");
                tokio::time::sleep(Duration::from_millis(ACCEPT_WAIT_MS)).await;
            }
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}
