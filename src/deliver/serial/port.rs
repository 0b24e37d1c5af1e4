//! One serial port: opened for us alone, run by its master, opened again when it goes away.
//!
//! The stream is never flushed: `flush` is a blocking `tcdrain` inside the poll, seconds long at
//! low speed. The master counts line time instead.

use super::direction::{Direction, told_kernel};
use super::lines::TimeSignals;
use super::master::Master;
use super::words::{LineAction, LineEvent, LineOrder, LineSetup};
use super::{LineWord, PortTold};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

/// First and longest wait before a port that can't be opened is tried again, seconds.
const REOPEN_WAIT_S: (u64, u64) = (1, 30);
/// Bytes read at once.
const READ_BYTES: usize = 512;
/// How much longer than its line time a write may take, milliseconds; then the port is called lost.
const WRITE_SLACK_MS: u64 = 5_000;
/// Orders waiting for a port's own queue.
pub(super) const PORT_QUEUE_MAX: usize = 64;

/// What a port is told.
#[derive(Debug, Clone)]
pub(super) enum PortInput {
    /// An order; its `expires_us` counts from now.
    Order(Box<LineOrder>),
    Receipt(u8, Arc<[u8]>),
}

/// A port's own things.
pub(super) struct Port {
    pub(super) path: String,
    pub(super) setup: LineSetup,
    pub(super) direction: Direction,
    pub(super) addresses: Vec<u8>,
    pub(super) inputs: mpsc::Receiver<PortInput>,
    pub(super) told: mpsc::Sender<PortTold>,
    pub(super) number: usize,
    pub(super) time_signals: Arc<OnceLock<TimeSignals>>,
    pub(super) up: Arc<AtomicBool>,
    /// RTS is high.
    pub(super) talking: bool,
}

impl Port {
    /// Runs until the gateway stops.
    pub(super) async fn run(mut self) {
        let beginning = Instant::now();
        let mut master = Master::new(self.setup, &self.addresses);
        let mut wait_s = REOPEN_WAIT_S.0;
        loop {
            match self.open() {
                Ok(stream) => {
                    tracing::info!(port = %self.path, baud = self.setup.baud, "serial port open");
                    wait_s = REOPEN_WAIT_S.0;
                    self.up.store(true, Ordering::Relaxed);
                    let why = Box::pin(self.serve(stream, &mut master, beginning)).await;
                    self.up.store(false, Ordering::Relaxed);
                    let Some(why) = why else { return };
                    tracing::warn!(port = %self.path, %why, "serial port lost");
                    for address in self.addresses.clone() {
                        self.tell(address, LineWord::Presence(false)).await;
                    }
                }
                Err(fault) => {
                    tracing::warn!(port = %self.path, %fault, wait_s, "serial port can't be opened");
                }
            }
            tokio::time::sleep(Duration::from_secs(wait_s)).await;
            wait_s = (wait_s * 2).min(REOPEN_WAIT_S.1);
        }
    }

    /// Opens the port exclusively (`TIOCEXCL` and `flock`): a second gateway is refused.
    /// A port whose direction is ours to turn begins listening; one that has no RTS is not opened,
    /// because it would talk into everybody's answers or not at all.
    fn open(&self) -> Result<SerialStream, String> {
        // Open until the port is: with its last user a driver may forget its mode.
        let _mode = match self.direction {
            Direction::Kernel { before_ms, after_ms } => {
                Some(told_kernel(&self.path, before_ms, after_ms)?)
            }
            Direction::Automatic | Direction::Rts => None,
        };
        let opened = tokio_serial::new(&self.path, self.setup.baud).open_native_async();
        let mut stream = opened.map_err(|fault| fault.to_string())?;
        // What came before belongs to nobody.
        stream.clear(ClearBuffer::All).map_err(|fault| fault.to_string())?;
        if self.direction == Direction::Rts {
            stream.write_request_to_send(false).map_err(|fault| {
                format!(
                    "expected a port with RTS, got \"{fault}\"; set direction = \"automatic\" when the \
                     adapter turns the line, or \"kernel\" when the port's driver does"
                )
            })?;
        }
        Ok(stream)
    }

    /// Gives why the port was lost; `None` when the gateway stops.
    async fn serve(
        &mut self,
        mut stream: SerialStream,
        master: &mut Master,
        beginning: Instant,
    ) -> Option<String> {
        let now_us = || i64::try_from(beginning.elapsed().as_micros()).unwrap_or(i64::MAX);
        let mut buffer = [0_u8; READ_BYTES];
        self.talking = false;
        let mut actions = master.step(now_us(), LineEvent::Opened);
        // Ends whatever piece of a frame the terminals have heard.
        actions.insert(0, LineAction::Write(vec![0]));
        loop {
            let mut asks_time = false;
            for action in actions {
                match action {
                    LineAction::AskTime => asks_time = true,
                    LineAction::Write(bytes) => {
                        if let Err(why) = self.write(&mut stream, &bytes).await {
                            return Some(why);
                        }
                    }
                    LineAction::Heard(address, sealed) => {
                        self.tell(address, LineWord::Frame(sealed)).await;
                    }
                    LineAction::Presence(address, online) => {
                        self.tell(address, LineWord::Presence(online)).await;
                    }
                    LineAction::Here(address, sha) => self.tell(address, LineWord::Here(sha)).await,
                    LineAction::Never(address, sha) => {
                        self.tell(address, LineWord::Never(sha)).await;
                    }
                    LineAction::Refused(_) => {
                        tracing::warn!(port = %self.path, "the line's queue is full or the clip too long");
                    }
                }
            }
            if asks_time {
                let signals = self.time_signals.get().map(|make| make()).unwrap_or_default();
                actions = master.step(now_us(), LineEvent::Time(signals));
                continue;
            }
            let wake_us = master.next_at_us(now_us());
            let wake = beginning + Duration::from_micros(u64::try_from(wake_us).unwrap_or(0));
            let quiet_us = u64::try_from(master.busy_until_us()).unwrap_or(0);
            let quiet = beginning + Duration::from_micros(quiet_us);
            actions = tokio::select! {
                // The line must be let go before anything else.
                biased;
                () = sleep_until(quiet), if self.talking => {
                    // At once when its time is past: the answer is on its way.
                    if let Err(fault) = stream.write_request_to_send(false) {
                        return Some(format!("RTS: {fault}"));
                    }
                    self.talking = false;
                    master.step(now_us(), LineEvent::Tick)
                }
                input = self.inputs.recv() => match input? {
                    PortInput::Order(mut order) => {
                        order.expires_us = order.expires_us.saturating_add(now_us());
                        master.step(now_us(), LineEvent::Order(*order))
                    }
                    PortInput::Receipt(address, frame) => {
                        master.step(now_us(), LineEvent::Receipt(address, frame))
                    }
                },
                read = stream.read(&mut buffer) => match read {
                    // A port whose other side has gone reads as an end for ever.
                    Ok(0) => return Some("the port ended".into()),
                    Ok(n) => {
                        master.step(now_us(), LineEvent::Bytes(buffer.get(..n).unwrap_or_default()))
                    }
                    Err(fault) => return Some(fault.to_string()),
                },
                () = sleep_until(wake) => master.step(now_us(), LineEvent::Tick),
            };
        }
    }

    async fn write(&mut self, stream: &mut SerialStream, bytes: &[u8]) -> Result<(), String> {
        if self.direction == Direction::Rts {
            stream.write_request_to_send(true).map_err(|fault| format!("RTS: {fault}"))?;
            self.talking = true;
        }
        let line_us = super::airtime::bytes_us(self.setup.baud, bytes.len());
        let limit = Duration::from_micros(u64::try_from(line_us).unwrap_or(0))
            + Duration::from_millis(WRITE_SLACK_MS);
        match timeout(limit, stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => Err(fault.to_string()),
            Err(_) => Err(format!("{} bytes were not taken in {limit:?}", bytes.len())),
        }
    }

    async fn tell(&self, address: u8, word: LineWord) {
        // Nobody listens only while the gateway stops.
        let _stopping = self.told.send(PortTold { port: self.number, address, word }).await;
    }
}
