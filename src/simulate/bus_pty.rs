//! Simulated terminals behind pseudo-terminals: the gateway opens a path like a real port, and on
//! the other side is the software bus in real time.

use super::bus::{Bus, BusFigures, LineTrouble};
use super::bus_terminal::{BusTerminal, line_profile};
use super::fleet::{FleetStats, FleetTerminal};
use crate::clock;
use crate::model::UtcMs;
use mingluo_bridge::frame;
use mingluo_bridge::gateway_key::{GatewayKey, GatewayVerifier};
use mingluo_bridge::terminal::Profile;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_serial::{SerialPort, SerialStream};

/// How often the bus is looked after, milliseconds.
const TURN_MS: u64 = 2;
/// Wait while nobody has the port open, milliseconds.
const CLOSED_WAIT_MS: u64 = 50;
/// Bytes that wait for a guest; what comes beyond is lost, as in a full UART.
const GUEST_BYTES_MAX: usize = 4_096;
/// Port of the gateway on the bus.
const GATEWAY_PORT: usize = 0;

/// One simulated line.
#[derive(Debug, Clone)]
pub struct SimulatedLine {
    /// Where the gateway will open it: a link to the pseudo-terminal is put there.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Terminals with their addresses.
    pub terminals: Vec<(u8, FleetTerminal)>,
    /// Unix sockets of others on the same bus, such as firmware in an emulator.
    pub guests: Vec<PathBuf>,
    /// Its troubles.
    pub trouble: LineTrouble,
}

/// Keys and pace of simulated lines.
#[derive(Clone)]
pub struct SimulatedLines {
    /// Master key for the terminals' keys.
    pub master: [u8; 32],
    /// The gateway's public key for orders.
    pub gateway_key: GatewayKey,
    /// Its number.
    pub key_id: u32,
    /// Sound runs this many times faster than real time.
    pub time_scale: u32,
    /// Seed of all chance.
    pub seed: u64,
}

/// Running lines.
pub struct SerialFleet {
    /// What the terminals did.
    pub stats: Arc<FleetStats>,
    /// What each line carried so far.
    pub carried: Vec<Arc<Mutex<BusFigures>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    paths: Vec<PathBuf>,
    dead: Arc<AtomicBool>,
}

impl SerialFleet {
    /// Makes the pseudo-terminals and starts the terminals.
    ///
    /// # Errors
    /// When no pseudo-terminal can be had, something that is no link stands at a path, no guest is at its socket,
    /// or the public key is none.
    pub fn start(config: &SimulatedLines, lines: Vec<SimulatedLine>) -> io::Result<Self> {
        let stats = Arc::new(FleetStats::default());
        let dead = Arc::new(AtomicBool::new(false));
        let verifier = config.gateway_key.verifier(config.key_id);
        let verifier =
            verifier.ok_or_else(|| io::Error::other("the gateway's public key is none"))?;
        let (mut tasks, mut paths, mut carried) = (Vec::new(), Vec::new(), Vec::new());
        for (number, line) in (0_u64..).zip(lines) {
            let (stream, slave) = SerialStream::pair().map_err(io::Error::from)?;
            let name = slave.name().unwrap_or_default();
            drop(slave);
            if line.path.is_symlink() {
                std::fs::remove_file(&line.path)?;
            }
            std::os::unix::fs::symlink(&name, &line.path)?;
            paths.push(line.path.clone());
            let side = Side::new(config, &line, &verifier, number, Arc::clone(&stats))?;
            carried.push(Arc::clone(&side.carried));
            tasks.push(tokio::spawn(side.run(stream, Arc::clone(&dead))));
        }
        Ok(Self { stats, carried, tasks, paths, dead })
    }

    /// Cuts the power of all terminals, or gives it back; the ports stay.
    pub fn power(&self, on: bool) {
        self.dead.store(!on, Ordering::Relaxed);
    }

    /// Pulls the adapters out: the ports are gone.
    pub async fn stop(self) {
        for task in self.tasks {
            task.abort();
            let _aborted = task.await;
        }
        for path in self.paths {
            // Somebody else may have cleared the folder already.
            let _gone = std::fs::remove_file(path);
        }
    }
}

/// Somebody else on the bus.
struct Guest {
    stream: UnixStream,
    heard: Vec<u8>,
}

impl Guest {
    /// Hands over what the bus brought, and gives what it says. One that does not read hears nothing.
    fn turn(&mut self) -> Vec<u8> {
        if !self.heard.is_empty()
            && let Ok(taken) = self.stream.try_write(&self.heard)
        {
            self.heard.drain(..taken);
        }
        self.heard.truncate(GUEST_BYTES_MAX);
        let mut said = [0_u8; 1_024];
        match self.stream.try_read(&mut said) {
            Ok(n) => said.get(..n).unwrap_or_default().to_vec(),
            Err(_) => Vec::new(),
        }
    }
}

/// Everything behind one pseudo-terminal.
struct Side {
    bus: Bus,
    terminals: Vec<(u64, BusTerminal)>,
    guests: Vec<Guest>,
    carried: Arc<Mutex<BusFigures>>,
    stats: Arc<FleetStats>,
    beginning: clock::Monotonic,
    beginning_utc: UtcMs,
    to_gateway: Vec<u8>,
}

impl Side {
    fn new(
        config: &SimulatedLines,
        line: &SimulatedLine,
        verifier: &GatewayVerifier,
        number: u64,
        stats: Arc<FleetStats>,
    ) -> io::Result<Self> {
        let now = clock::now_utc();
        let terminal = |(address, me): &(u8, FleetTerminal)| {
            let areas = core::iter::once(me.area.number()).collect();
            let own =
                Profile { id: me.id, areas, codecs: me.codecs, volume_percent: 80, drills: true };
            let key = frame::terminal_key(&config.master, me.id);
            let profile = line_profile(*address, config.key_id, key, verifier.clone());
            (me.id, BusTerminal::new(now.0, own, profile, config.time_scale))
        };
        let n_ports = 1 + line.terminals.len() + line.guests.len();
        let mut bus = Bus::new(line.baud, n_ports, config.seed ^ number);
        bus.trouble = line.trouble;
        let guest = |path: &PathBuf| {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            Ok(Guest { stream: UnixStream::from_std(stream)?, heard: Vec::new() })
        };
        let guests = line.guests.iter().map(guest).collect::<io::Result<Vec<Guest>>>()?;
        Ok(Self {
            bus,
            terminals: line.terminals.iter().map(terminal).collect(),
            guests,
            carried: Arc::default(),
            stats,
            beginning: clock::Monotonic::start(),
            beginning_utc: now,
            to_gateway: Vec::new(),
        })
    }

    async fn run(mut self, mut stream: SerialStream, dead: Arc<AtomicBool>) {
        let mut buffer = [0_u8; 4096];
        let mut turns = tokio::time::interval(Duration::from_millis(TURN_MS));
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                read = stream.read(&mut buffer) => match read {
                    Ok(n) if n > 0 => {
                        self.bus.talk(GATEWAY_PORT, buffer.get(..n).unwrap_or_default());
                    }
                    // Nobody has the other side open: the line rests.
                    Ok(_) | Err(_) => {
                        tokio::time::sleep(Duration::from_millis(CLOSED_WAIT_MS)).await;
                    }
                },
            }
            let off = dead.load(Ordering::Relaxed);
            self.terminals.iter_mut().for_each(|(_, terminal)| terminal.dead = off);
            for (port, guest) in (1 + self.terminals.len()..).zip(&mut self.guests) {
                let said = guest.turn();
                self.bus.talk(port, &said);
            }
            self.pass();
            if !self.to_gateway.is_empty() {
                let bytes = std::mem::take(&mut self.to_gateway);
                // With nobody there it is lost, as on a real line.
                let _lost = stream.write_all(&bytes).await;
            }
        }
    }

    /// Lets the line's time go on to now.
    fn pass(&mut self) {
        let now_us = i64::try_from(self.beginning.elapsed().as_micros()).unwrap_or(i64::MAX);
        while !self.bus.is_idle() && self.bus.next_us() <= now_us {
            let at_us = self.bus.next_us();
            for heard in self.bus.pass() {
                for port in (heard.from..heard.to).filter(|port| heard.not != Some(*port)) {
                    let now_ms = self.now_ms(at_us);
                    let Some(at) = port.checked_sub(1) else {
                        self.to_gateway.push(heard.byte);
                        continue;
                    };
                    let n_terminals = self.terminals.len();
                    match (self.terminals.get_mut(at), at.checked_sub(n_terminals)) {
                        (Some((_, terminal)), _) => terminal.on_byte(at_us, now_ms, heard.byte),
                        (None, Some(at)) => {
                            if let Some(guest) = self.guests.get_mut(at) {
                                guest.heard.push(heard.byte);
                            }
                        }
                        (None, None) => {}
                    }
                }
            }
            self.answers(at_us);
        }
        if self.bus.is_idle() {
            self.bus.skip_to(now_us);
        }
        *self.carried.lock().unwrap_or_else(PoisonError::into_inner) = self.bus.figures;
        self.answers(now_us);
    }

    fn answers(&mut self, at_us: i64) {
        let now_ms = self.now_ms(at_us);
        for (port, (id, terminal)) in (1..).zip(&mut self.terminals) {
            if let Some(bytes) = terminal.pass(at_us, now_ms) {
                self.bus.talk(port, &bytes);
            }
            for (broadcast, ended) in terminal.take_plays() {
                self.stats.plays.fetch_add(u64::from(ended), Ordering::Relaxed);
                self.stats.tally(broadcast, |tally| {
                    let plays = if ended { &mut tally.sounded } else { &mut tally.started };
                    *plays.entry(*id).or_default() += 1;
                });
            }
        }
    }

    fn now_ms(&self, at_us: i64) -> i64 {
        self.beginning_utc.0 + at_us / 1_000
    }
}
