//! Simulated terminals of the national protocol: real TCP connections, one task each. They verify
//! signatures, fetch the audio, keep to priorities and ends, and report what they did; some, by
//! choice, are away, say nothing, answer with an error, lose their connection or restart.

use super::fleet::OrderTimes;
use super::national_horn::{Horn, Said, Told};
use crate::clock;
use crate::deliver::national::control::{Control, Heartbeat, OK, Setting, State, request};
use crate::deliver::national::packet::{Form, Packet};
use crate::deliver::national::returned::{Returned, parameter};
use crate::deliver::national::{EbmId, Found, Stream};
use crate::model::{NationalCode, Sha256};
use mingluo_bridge::frame::{Sm2Verifier, Verifier};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

/// Downloads at the same time.
const DOWNLOADS_MAX: usize = 64;
/// Longest download.
const DOWNLOAD: Duration = Duration::from_secs(60);
/// Wait before a connection is tried again.
const AGAIN: Duration = Duration::from_millis(700);
/// How often a terminal looks at its clock.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes of one millisecond of mp3 at 32 kbit/s.
const BYTES_PER_MS: u64 = 4;
/// Error code of a wrong certificate or signature, of a foreign resource code.
const CERTIFICATE: u8 = 52;
const RESOURCE_CODE: u8 = 59;

/// The number by which our verifiers know the algorithm.
const SM2_SM3: u8 = 2;

/// Percent of terminals that do not behave; each has one fault at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NationalFaults {
    /// Never connect.
    pub offline_percent: u8,
    /// Are there, and never answer a start.
    pub silent_percent: u8,
    /// Answer every start with `error_code`.
    pub error_percent: u8,
    /// The code.
    pub error_code: u8,
    /// Lose their connection once when they begin to play, and play on.
    pub drop_percent: u8,
    /// Lose power once when they begin to play.
    pub restart_percent: u8,
    /// Go on beyond the end of their start.
    pub endless_percent: u8,
    /// Seed of all chance.
    pub seed: u64,
}

/// What a terminal does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Offline,
    Silent,
    Error,
    Drop,
    Restart,
    Endless,
}

impl NationalFaults {
    fn of(&self, place: usize) -> Fault {
        let seed = self.seed.wrapping_add(place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let roll = (seed >> 33) % 100;
        let mut below = 0_u64;
        for (percent, fault) in [
            (self.offline_percent, Fault::Offline),
            (self.silent_percent, Fault::Silent),
            (self.error_percent, Fault::Error),
            (self.drop_percent, Fault::Drop),
            (self.restart_percent, Fault::Restart),
            (self.endless_percent, Fault::Endless),
        ] {
            below += u64::from(percent);
            if roll < below {
                return fault;
            }
        }
        Fault::None
    }
}

/// How a fleet is set up.
#[derive(Debug, Clone)]
pub struct NationalFleetConfig {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Sound runs this many times faster.
    pub time_scale: u32,
    /// By what orders must be signed; `None` = they need not be.
    pub verifier: Option<Sm2Verifier>,
    /// Who does what wrong.
    pub faults: NationalFaults,
}

/// What the fleet did.
#[derive(Debug, Default)]
pub struct NationalStats {
    /// Terminals with a connection now.
    pub connected: AtomicU64,
    /// Starts and stops that came.
    pub orders: AtomicU64,
    /// Kinds of hazards that starts named.
    pub hazards: Mutex<BTreeSet<[u8; 5]>>,
    /// When orders came.
    pub came: OrderTimes,
    /// Of these, refused for their signature.
    pub refused_signatures: AtomicU64,
    /// Sounds that began, by terminal.
    pub sounded: Mutex<BTreeMap<NationalCode, Vec<EbmId>>>,
    /// Sounds that went on after the end of their start.
    pub late: AtomicU64,
    /// Stops that cut something off.
    pub cut: AtomicU64,
}

/// Running terminals.
pub struct NationalFleet {
    /// What they did.
    pub stats: Arc<NationalStats>,
    /// How many of them connect.
    pub n_connecting: usize,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl NationalFleet {
    /// Starts them.
    #[must_use]
    pub fn start(config: &NationalFleetConfig, terminals: &[NationalCode]) -> Self {
        let stats = Arc::new(NationalStats::default());
        let downloads = Arc::new(Semaphore::new(DOWNLOADS_MAX));
        let client = crate::tls::plain_client();
        let mut tasks = Vec::new();
        for (place, code) in terminals.iter().enumerate() {
            let fault = config.faults.of(place);
            if fault == Fault::Offline {
                continue;
            }
            let terminal = Terminal {
                code: *code,
                config: config.clone(),
                fault,
                stats: Arc::clone(&stats),
                downloads: Arc::clone(&downloads),
                client: client.clone(),
                horn: Horn::new(config.time_scale, fault == Fault::Endless),
                session: 0,
                is_first: true,
                volume_percent: 80,
                heartbeat_s: 30,
            };
            tasks.push(tokio::spawn(terminal.run()));
        }
        Self { stats, n_connecting: tasks.len(), tasks }
    }

    /// Ends them.
    pub fn stop(&self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Drop for NationalFleet {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Terminal {
    code: NationalCode,
    config: NationalFleetConfig,
    fault: Fault,
    stats: Arc<NationalStats>,
    downloads: Arc<Semaphore>,
    client: reqwest::Client,
    horn: Horn,
    session: u32,
    is_first: bool,
    volume_percent: u8,
    heartbeat_s: u32,
}

type Fetched = (EbmId, Result<u64, String>);

impl Terminal {
    async fn run(mut self) {
        loop {
            if let Ok(stream) = TcpStream::connect(self.config.gateway).await {
                self.stats.connected.fetch_add(1, Ordering::Relaxed);
                // Whatever ended it, the next connection is the answer.
                let _ended = self.serve(stream).await;
                self.stats.connected.fetch_sub(1, Ordering::Relaxed);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (fetched, mut arrived) = mpsc::channel::<Fetched>(8);
        let (mut packets, mut bytes) = (Stream::default(), [0; 2_048]);
        let mut looks = tokio::time::interval(LOOK);
        let mut beat_due = tokio::time::Instant::now();
        loop {
            if tokio::time::Instant::now() >= beat_due {
                beat_due += Duration::from_secs(u64::from(self.heartbeat_s));
                stream.write_all(&self.beat()).await?;
            }
            tokio::select! {
                read = stream.read(&mut bytes) => {
                    let n_bytes = read?;
                    if n_bytes == 0 {
                        return Ok(());
                    }
                    let mut found = Vec::new();
                    packets.take(bytes.get(..n_bytes).unwrap_or_default(), |one| found.push(one));
                    for one in found {
                        let Found::Packet(packet) = one else { continue };
                        let answers = self.take(&packet, &fetched);
                        stream.write_all(&answers).await?;
                    }
                }
                Some((ebm, clip)) = arrived.recv() => self.horn.fetched(ebm, clip),
                _ = looks.tick() => {}
            }
            if self.play(&mut stream).await? {
                return Ok(());
            }
        }
    }

    /// Lets the horn go on and reports; true when the connection ends by this terminal's fault.
    async fn play(&mut self, stream: &mut TcpStream) -> std::io::Result<bool> {
        for said in self.horn.tick(clock::now_utc()) {
            let begins = matches!(said, Said::Begins { .. });
            if let Said::Begins { ebm, .. } = &said {
                let mut all = self.stats.sounded.lock().unwrap_or_else(PoisonError::into_inner);
                all.entry(self.code).or_default().push(*ebm);
            }
            if let Said::Ends { is_late: true, .. } = &said {
                self.stats.late.fetch_add(1, Ordering::Relaxed);
            }
            let (platform, returned) = said.returned();
            let bytes = self.returned(platform, &returned, false);
            stream.write_all(&bytes).await?;
            if begins && matches!(self.fault, Fault::Drop | Fault::Restart) {
                if self.fault == Fault::Restart {
                    self.horn = Horn::new(self.config.time_scale, false);
                    self.is_first = true;
                }
                self.fault = Fault::None;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn beat(&mut self) -> Vec<u8> {
        let state = if self.horn.is_working() { State::Working } else { State::Idle };
        let is_first = core::mem::take(&mut self.is_first);
        let beat = Control::Heartbeat(Heartbeat { state, is_first, physical_id: vec![0x20, 0x26] });
        self.session = self.session.wrapping_add(1);
        let packet = Packet { session: self.session, ..request(self.code, Vec::new(), &beat) };
        packet.encode().unwrap_or_default()
    }

    fn returned(&mut self, platform: NationalCode, returned: &Returned, asked: bool) -> Vec<u8> {
        let (kind, body) = returned.encode();
        self.session = self.session.wrapping_add(1);
        let (targets, session) = (vec![platform], self.session);
        let packet = Packet { session, ..Packet::request(self.code, targets, kind, body) };
        let packet = Packet { form: Form::Return, is_answer: asked, ..packet };
        packet.encode().unwrap_or_default()
    }

    /// Takes one packet; gives the bytes of the answers.
    fn take(&mut self, packet: &Packet, fetched: &mpsc::Sender<Fetched>) -> Vec<u8> {
        let control = match Control::decode(packet.kind, packet.is_answer, &packet.body) {
            Ok(Control::Answer { .. }) | Err(_) => return Vec::new(),
            Ok(control) => control,
        };
        if !packet.targets.contains(&self.code) {
            return self.answer(packet, RESOURCE_CODE);
        }
        if !self.is_signed(packet) {
            self.stats.refused_signatures.fetch_add(1, Ordering::Relaxed);
            return self.answer(packet, CERTIFICATE);
        }
        match control {
            Control::Start(_) | Control::Stop(_) => {
                self.stats.came.came(clock::now_utc());
                self.stats.orders.fetch_add(1, Ordering::Relaxed);
                self.order(packet, control, fetched)
            }
            Control::Set(settings) => {
                for setting in settings {
                    match setting {
                        Setting::Volume(percent) => self.volume_percent = percent,
                        Setting::ReturnEvery(period_s) => self.heartbeat_s = period_s.max(1),
                        Setting::Clock(_) => {}
                    }
                }
                self.answer(packet, OK)
            }
            Control::Query(ids) => {
                let value = |id: u8| match id {
                    parameter::VOLUME => Some(vec![self.volume_percent]),
                    parameter::STATE => Some(vec![if self.horn.is_working() { 2 } else { 1 }]),
                    parameter::FAULT => Some(vec![0]),
                    parameter::SOFTWARE => Some(b"sim 1".to_vec()),
                    _ => None,
                };
                let values = ids.iter().filter_map(|id| Some((*id, value(*id)?))).collect();
                self.returned(packet.source, &Returned::Answer { result: OK, values }, true)
            }
            Control::Heartbeat(_) | Control::Answer { .. } | Control::Other(_) => Vec::new(),
        }
    }

    fn order(
        &mut self,
        packet: &Packet,
        control: Control,
        fetched: &mpsc::Sender<Fetched>,
    ) -> Vec<u8> {
        match (self.fault, &control) {
            (Fault::Silent, _) => return Vec::new(),
            (Fault::Error, Control::Start(_)) => {
                return self.answer(packet, self.config.faults.error_code);
            }
            _ => {}
        }
        let told = match control {
            Control::Start(start) => {
                let mut hazards = self.stats.hazards.lock().unwrap_or_else(PoisonError::into_inner);
                hazards.insert(start.event);
                drop(hazards);
                self.horn.start(packet.source, start, clock::now_utc())
            }
            Control::Stop(ebm) => {
                let cut = self.horn.stop(ebm);
                self.stats.cut.fetch_add(u64::from(cut), Ordering::Relaxed);
                Told::Code(OK)
            }
            Control::Heartbeat(_)
            | Control::Query(_)
            | Control::Set(_)
            | Control::Answer { .. }
            | Control::Other(_) => return Vec::new(),
        };
        match told {
            Told::Code(code) => self.answer(packet, code),
            Told::Fetch(ebm, url) => {
                let (client, downloads) = (self.client.clone(), Arc::clone(&self.downloads));
                let fetched = fetched.clone();
                tokio::spawn(async move {
                    let clip = fetch(&client, &downloads, &url).await;
                    // Nobody waits any more when the connection ended.
                    let _gone = fetched.send((ebm, clip)).await;
                });
                self.answer(packet, OK)
            }
        }
    }

    fn is_signed(&self, packet: &Packet) -> bool {
        let Some(verifier) = &self.config.verifier else { return true };
        let Some(signature) = &packet.signature else { return false };
        let part = packet.signed_part(signature.at_s, signature.certificate);
        part.is_ok_and(|part| verifier.verify(SM2_SM3, 0, &[], &part, &signature.value).is_ok())
    }

    fn answer(&self, to: &Packet, result: u8) -> Vec<u8> {
        let control = Control::Answer { to: to.kind, result, text: String::new() };
        let packet = request(self.code, vec![to.source], &control);
        let packet = Packet { session: to.session, is_answer: true, ..packet };
        packet.encode().unwrap_or_default()
    }
}

/// Gets a clip and checks its digest, which is the end of its address; gives its length in
/// milliseconds.
async fn fetch(client: &reqwest::Client, turns: &Semaphore, url: &str) -> Result<u64, String> {
    let digest =
        url.rsplit('/').next().and_then(Sha256::parse).ok_or("no digest in the address")?;
    let _turn = turns.acquire().await.map_err(|fault| fault.to_string())?;
    let answer = client.get(url).timeout(DOWNLOAD).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status).map_err(|f| f.to_string())?;
    let bytes = answer.bytes().await.map_err(|fault| fault.to_string())?;
    if Sha256::of(&bytes) != digest {
        return Err("digest differs".to_owned());
    }
    Ok(bytes.len() as u64 / BYTES_PER_MS)
}
