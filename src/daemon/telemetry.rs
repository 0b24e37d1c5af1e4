//! Stations that connect by TCP: bytes are cut into telegrams, read, taken, and answered after that.
//! The protocol knows no proof of who speaks, so the address belongs into the stations' own network.

use super::core::CoreHandle;
use super::serve::stopped;
use super::stations::{StationDesk, reject};
use crate::clock;
use crate::ingest::sl651::{self, Assembled, Assembler, Confirm, Frame};
use crate::ingest::stream::{self, Cut};
use crate::ingest::szy206;
use crate::model::{Fault, Rejection};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Stations connected at the same time; more wait in the system's backlog.
const CONNECTIONS_MAX: usize = 4_096;
/// Longest silence of a connection, seconds; stations keep it alive every 40 s or report anew.
const SILENCE_S_MAX: u64 = 900;
/// Longest wait for the rest of a telegram, seconds.
const REST_S_MAX: u64 = 20;
/// Longest wait until an answer is taken, seconds.
const ANSWER_S_MAX: u64 = 20;
/// Bytes that wait to be read of one connection.
const WAITING_BYTES_MAX: usize = 16 * 1024;
/// Telegrams and stretches of other bytes that are wrong before the connection ends.
const WRONG_MAX: u32 = 20;
/// Bytes of other kinds that are kept of one stretch.
const JUNK_KEPT_BYTES: usize = 1_024;
/// Wait after the system could not give another socket, milliseconds.
const ACCEPT_WAIT_MS: u64 = 200;

/// What every connection shares.
#[derive(Clone)]
pub(super) struct Telemetry {
    pub(super) desk: StationDesk,
    pub(super) core: CoreHandle,
    /// Whether telegrams are answered.
    pub(super) answer: bool,
}

/// Serves until the daemon stops.
pub(super) async fn serve(
    listener: TcpListener,
    telemetry: Telemetry,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let (telemetry, stop) = (telemetry.clone(), stop.clone());
                open.spawn(async move {
                    converse(stream, &telemetry, &peer.ip().to_string(), stop).await;
                    drop(permit);
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

/// One station's line, of whatever kind, until its end.
pub(super) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    telemetry: &Telemetry,
    by: &str,
    stop: watch::Receiver<bool>,
) {
    let talk = Talk {
        stream,
        telemetry,
        by,
        buffer: Vec::new(),
        packets: Assembler::default(),
        n_wrong: 0,
    };
    if let Err(why) = talk.run(stop).await {
        tracing::debug!(by, "a station's connection ends: {why:#}");
    }
}

struct Talk<'a, S> {
    stream: S,
    telemetry: &'a Telemetry,
    by: &'a str,
    buffer: Vec<u8>,
    packets: Assembler,
    n_wrong: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn run(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut piece = [0; 2_048];
        loop {
            self.read_all().await?;
            if self.n_wrong > WRONG_MAX {
                anyhow::bail!("more than {WRONG_MAX} telegrams were wrong");
            }
            if self.buffer.len() > WAITING_BYTES_MAX {
                self.give_up().await?;
                continue;
            }
            let wait_s = if self.buffer.is_empty() { SILENCE_S_MAX } else { REST_S_MAX };
            let read = tokio::select! {
                () = stopped(&mut stop) => return Ok(()),
                read = tokio::time::timeout(Duration::from_secs(wait_s), self.stream.read(&mut piece)) => read,
            };
            match read {
                Ok(Ok(0)) if self.buffer.is_empty() => return Ok(()),
                Ok(Ok(0)) => {
                    // The rest will never come; what is whole inside is still read.
                    self.give_up().await?;
                }
                Ok(Ok(n)) => self.buffer.extend(piece.iter().take(n)),
                Ok(Err(fault)) => return Err(fault.into()),
                Err(_) if self.buffer.is_empty() => {
                    anyhow::bail!("silent for {SILENCE_S_MAX} s");
                }
                Err(_) => self.give_up().await?,
            }
        }
    }

    /// Reads what is whole at the front.
    async fn read_all(&mut self) -> anyhow::Result<()> {
        loop {
            if self.n_wrong > WRONG_MAX {
                return Ok(());
            }
            match stream::cut(&self.buffer) {
                Cut::More => return Ok(()),
                Cut::Junk(n) => {
                    let junk: Vec<u8> = self.buffer.drain(..n.min(self.buffer.len())).collect();
                    // A maker's marks and line ends between telegrams are nothing to tell of.
                    if junk.iter().any(|byte| !matches!(byte, 0x7E | 0x0D | 0x0A | 0x00)) {
                        let kept: Vec<u8> = junk.into_iter().take(JUNK_KEPT_BYTES).collect();
                        let what = "expected a telegram of SL 651 or SZY 206";
                        self.wrong(kept, rejection(what)).await?;
                    }
                }
                Cut::Sl651(n) => {
                    let bytes = self.buffer.get(..n).unwrap_or_default().to_vec();
                    match sl651::frame(&bytes) {
                        Ok(frame) => {
                            self.buffer.drain(..n);
                            self.sl651(frame, bytes).await?;
                        }
                        Err(rejection) => {
                            self.buffer.drain(..stream::after_wrong(&bytes));
                            self.wrong(bytes, rejection).await?;
                        }
                    }
                }
                Cut::Szy206(n) => {
                    let bytes: Vec<u8> = self.buffer.drain(..n.min(self.buffer.len())).collect();
                    let now = clock::now_utc();
                    match szy206::read(&bytes, now) {
                        Ok(read) => {
                            if let Some(report) = szy206::readings(&read, now) {
                                self.telemetry.desk.take(report, None).await?;
                            }
                        }
                        Err(rejection) => self.wrong(bytes, rejection).await?,
                    }
                }
            }
        }
    }

    async fn sl651(&mut self, frame: Frame, bytes: Vec<u8>) -> anyhow::Result<()> {
        let now = clock::now_utc();
        if !frame.upward {
            // An echo of the line, or a station that plays the centre.
            return self
                .wrong(bytes, rejection("expected a telegram upwards, got one downwards"))
                .await;
        }
        let head = frame.clone();
        let whole = match self.packets.take(now, frame) {
            Assembled::Whole(whole) => whole,
            Assembled::Waiting => return Ok(()),
            Assembled::Missing(numbers, serial) => {
                let again = sl651::answer(&head, serial, now, Confirm::Again, &numbers);
                return self.answer(&again).await;
            }
            Assembled::Refused(rejection) => return self.wrong(bytes, rejection).await,
        };
        let telegram = match sl651::telegram(&whole) {
            Ok(telegram) => telegram,
            Err(rejection) => return self.wrong(bytes, rejection).await,
        };
        for oddity in &telegram.oddities {
            tracing::info!(station = telegram.station, "{}: {}", oddity.element, oddity.what);
        }
        if telegram.function == sl651::KEEP_ALIVE {
            return Ok(());
        }
        if let Some(report) = sl651::readings(&telegram, now) {
            self.telemetry.desk.take(report, None).await?;
        }
        let serial = telegram.serial.unwrap_or_default();
        // Only now: what is not taken must come again.
        let taken = sl651::answer(&whole, serial, clock::now_utc(), Confirm::StayOnline, &[]);
        self.answer(&taken).await
    }

    async fn answer(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.telemetry.answer {
            let limit = Duration::from_secs(ANSWER_S_MAX);
            tokio::time::timeout(limit, self.stream.write_all(bytes)).await??;
        }
        Ok(())
    }

    /// The front is no telegram and will be none: it is told, and the search goes on behind it.
    async fn give_up(&mut self) -> anyhow::Result<()> {
        let n = stream::after_wrong(&self.buffer).min(self.buffer.len());
        let bytes: Vec<u8> = self.buffer.drain(..n).collect();
        let told = sl651::frame(&bytes).err();
        let told =
            told.unwrap_or_else(|| rejection("expected the rest of a telegram; it did not come"));
        self.wrong(bytes, told).await
    }

    async fn wrong(&mut self, bytes: Vec<u8>, rejection: Rejection) -> anyhow::Result<()> {
        self.n_wrong += 1;
        reject(&self.telemetry.core, bytes, rejection, self.by.to_owned()).await?;
        Ok(())
    }
}

fn rejection(what: &str) -> Rejection {
    let fault = Fault { line: None, element: "offset 0".into(), what: what.into() };
    Rejection { faults: vec![fault], too_large: false }
}
