//! One connection of a terminal: who it is, what it says, what is sent to it.

use super::NationalWord;
use super::control::{Control, Heartbeat, OK, Setting, State, request};
use super::desk::{Asked, Desk, Packed, QUEUE_MAX, Session};
use super::packet::{Form, Packet, PacketFault};
use super::returned::{Returned, parameter};
use super::silent;
use super::stream::{Found, Stream};
use crate::deliver::link::LinkInput;
use crate::model::{Codec, Health, SilentTestId, TerminalId, UtcMs};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a connection may stay without saying who it is.
const LOGIN: Duration = Duration::from_secs(15);
/// How long a packet may take to go out.
const WRITE: Duration = Duration::from_secs(10);
/// Faults after which a session is closed; a terminal that means well connects again.
const FAULTS_MAX: u32 = 16;
/// Bytes read at a time.
const READ_BYTES: usize = 2_048;
/// Error codes of our answers.
const UNSUPPORTED: u8 = 55;
const RESOURCE_CODE: u8 = 59;

/// What a terminal is asked when it comes, and when its broadcast is asked for.
pub(super) fn questions() -> Control {
    use parameter::{FAULT, SOFTWARE, STATE, VOLUME};
    Control::Query(vec![VOLUME, STATE, FAULT, SOFTWARE])
}

/// Why a session ends.
enum End {
    /// It closed, broke, or was replaced.
    Gone,
    /// We closed it.
    Closed(&'static str),
}

struct Connection {
    desk: Arc<Desk>,
    stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    /// Who it is, once known.
    terminal: Option<TerminalId>,
    /// Whether orders go by it.
    controls: bool,
    /// Where they come from.
    orders: mpsc::Receiver<Packed>,
    queue: Option<mpsc::Sender<Packed>>,
    n_faults: u32,
    /// When its clock was last set, by its own word.
    clock_set: Option<UtcMs>,
}

/// Runs a connection to its end.
pub(super) async fn run(desk: Arc<Desk>, stream: TcpStream, peer: SocketAddr, number: u64) {
    // Small packets go at once; a refusal only delays them.
    let _nodelay = stream.set_nodelay(true);
    let (queue, orders) = mpsc::channel(QUEUE_MAX);
    let (terminal, controls, n_faults, clock_set) = (None, false, 0, None);
    let queue = Some(queue);
    let mut connection = Connection {
        desk,
        stream,
        peer,
        number,
        terminal,
        controls,
        orders,
        queue,
        n_faults,
        clock_set,
    };
    if let End::Closed(why) = connection.serve().await {
        tracing::warn!(%peer, terminal = ?connection.terminal, why, "a national session was closed");
        connection.count("national_session_closed").await;
    }
    connection.leave().await;
}

impl Connection {
    async fn serve(&mut self) -> End {
        let mut stream = Stream::default();
        let mut bytes = [0; READ_BYTES];
        let mut heard_at = Instant::now();
        loop {
            let silent = Duration::from_secs(u64::from(self.desk.config.silent_s));
            let limit = if self.terminal.is_some() { silent } else { LOGIN };
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => if let Err(end) = self.send(&order).await { return end },
                    // Another session of this terminal took its place, or the link closes.
                    None => return End::Gone,
                },
                read = timeout_at(heard_at + limit, self.stream.read(&mut bytes)) => {
                    let n_bytes = match read {
                        Err(_) if self.terminal.is_none() => return End::Closed("it did not say who it is"),
                        Err(_) => return End::Closed("it fell silent"),
                        Ok(Err(_) | Ok(0)) => return End::Gone,
                        Ok(Ok(n_bytes)) => n_bytes,
                    };
                    let mut found = Vec::new();
                    stream.take(bytes.get(..n_bytes).unwrap_or_default(), |one| found.push(one));
                    for one in found {
                        match self.take(one).await {
                            Ok(true) => heard_at = Instant::now(),
                            Ok(false) => {}
                            Err(end) => return end,
                        }
                    }
                }
            }
        }
    }

    /// Sends what waited, unless it would start what ended meanwhile.
    async fn send(&mut self, order: &Packed) -> Result<(), End> {
        if order.is_over((self.desk.config.now)()) {
            tracing::warn!(terminal = ?self.terminal, "a start waited beyond its end; it is not sent");
            self.count("national_start_over").await;
            return Ok(());
        }
        self.write(&order.bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        match timeout(WRITE, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Closed("it does not read")),
        }
    }

    /// Takes what the stream gave; true when it was a packet of this terminal.
    async fn take(&mut self, found: Found) -> Result<bool, End> {
        let packet = match found {
            Found::Packet(packet) => packet,
            Found::Skipped { n_bytes, fault } => {
                self.fault("national_bad_bytes", &format!("{n_bytes} bytes: {fault}")).await?;
                return Ok(false);
            }
        };
        let Some(terminal) = self.who(&packet).await? else { return Ok(false) };
        let read = match packet.form {
            Form::Control => self.control(terminal, &packet).await,
            Form::Return => self.returned(terminal, &packet).await,
        };
        match read? {
            Ok(()) => {}
            Err(fault) => {
                self.fault("national_bad_packet", &fault.to_string()).await?;
                if packet.form == Form::Control && !packet.is_answer {
                    self.answer(&packet, fault.code()).await?;
                }
            }
        }
        Ok(true)
    }

    /// Whose packet it is; a connection is one terminal's from its first packet on.
    async fn who(&mut self, packet: &Packet) -> Result<Option<TerminalId>, End> {
        let known = self.desk.by_code.get(&packet.source).copied();
        match (known, self.terminal) {
            (Some(terminal), None) => self.terminal = Some(terminal),
            (Some(terminal), Some(bound)) if terminal == bound => {}
            (_, bound) => {
                self.fault("national_foreign_code", &format!("code {:?}", packet.source)).await?;
                if packet.form == Form::Control && !packet.is_answer {
                    self.answer(packet, RESOURCE_CODE).await?;
                }
                if bound.is_none() {
                    return Err(End::Closed("its resource code stands in no row of terminals.csv"));
                }
                return Ok(None);
            }
        }
        Ok(known)
    }

    /// A packet of annex D.
    async fn control(
        &mut self,
        terminal: TerminalId,
        packet: &Packet,
    ) -> Result<Result<(), PacketFault>, End> {
        let control = match Control::decode(packet.kind, packet.is_answer, &packet.body) {
            Ok(control) => control,
            Err(fault) => return Ok(Err(fault)),
        };
        match control {
            Control::Heartbeat(beat) => {
                // Answered first: what follows is not what it waits for.
                self.answer(packet, OK).await?;
                self.beat(terminal, &beat, true).await?;
            }
            Control::Answer { result, text, .. } => {
                self.answered(terminal, packet.session, (result, &text)).await;
            }
            Control::Start(_)
            | Control::Stop(_)
            | Control::Query(_)
            | Control::Set(_)
            | Control::Other(_) => self.answer(packet, UNSUPPORTED).await?,
        }
        Ok(Ok(()))
    }

    async fn answered(&mut self, terminal: TerminalId, session: u32, said: (u8, &str)) {
        let now = (self.desk.config.now)();
        match self.desk.asked(session, terminal) {
            Some(Asked::Sound(broadcast, stop)) => {
                let report = {
                    let ledger = &mut self.desk.state().ledger;
                    ledger.answered(broadcast, terminal, stop, said, session)
                };
                if let Some(report) = report {
                    self.desk.tell(terminal, NationalWord::Report(report)).await;
                }
            }
            Some(Asked::Clock(_)) => self.clock_set = (said.0 == OK).then_some(now),
            Some(Asked::Volume(test)) => self.volume_set(terminal, session, test, said).await,
            // What it finds comes by annex E, behind this.
            Some(Asked::Able(_)) if said.0 != OK => {
                self.desk.tested(terminal, session, silent::refused(said)).await;
            }
            Some(Asked::Able(_) | Asked::Other) => {}
            None => self.count("national_unasked_answer").await,
        }
    }

    /// A terminal took the volume of a silent test, or did not.
    async fn volume_set(
        &self,
        terminal: TerminalId,
        session: u32,
        test: SilentTestId,
        said: (u8, &str),
    ) {
        match said.0 {
            // Nobody waits for the answer of one that was only told its volume again.
            OK if test == SilentTestId::RETELL => {}
            OK => {
                self.desk.ask_able(test, &[terminal]).await;
            }
            _ => {
                let finding = silent::refused(said);
                let word = NationalWord::Tested { test, finding, sequence: session };
                self.desk.tell(terminal, word).await;
            }
        }
    }

    /// A packet of annex E.
    async fn returned(
        &mut self,
        terminal: TerminalId,
        packet: &Packet,
    ) -> Result<Result<(), PacketFault>, End> {
        let returned = match Returned::decode(packet.kind, &packet.body) {
            Ok(returned) => returned,
            Err(fault) => return Ok(Err(fault)),
        };
        match returned {
            Returned::Heartbeat(beat) => self.beat(terminal, &beat, false).await?,
            Returned::Answer { result, values } => {
                if result == OK {
                    self.health(terminal, &values).await;
                } else {
                    self.count("national_query_refused").await;
                }
                let finding = silent::finding(result, &values);
                self.desk.tested(terminal, packet.session, finding).await;
            }
            Returned::Fault { is_there, kind, text, .. } => {
                tracing::warn!(%terminal, is_there, kind, %text, "a national terminal tells of itself");
                let code = if is_there { "national_fault" } else { "national_fault_cleared" };
                self.count(code).await;
                self.desk.ask(&questions(), Asked::Other, &[terminal]).await;
            }
            said @ (Returned::Switch { .. } | Returned::Result { .. }) => {
                let report = self.desk.state().ledger.returned(terminal, said, packet.session);
                match report {
                    Ok(Some(report)) => {
                        self.desk.tell(terminal, NationalWord::Report(report)).await;
                    }
                    Ok(None) => {}
                    Err(name) => {
                        tracing::info!(%terminal, ?name, "word about a broadcast not named yet");
                        self.count("national_unknown_broadcast").await;
                    }
                }
            }
            Returned::Other(_) => {}
        }
        Ok(Ok(()))
    }

    /// A heartbeat. Orders go where one of annex D came; one of annex E suffices while there is no
    /// other connection.
    async fn beat(
        &mut self,
        terminal: TerminalId,
        beat: &Heartbeat,
        takes_over: bool,
    ) -> Result<(), End> {
        let is_new = {
            let mut state = self.desk.state();
            let current = state.sessions.get_mut(&terminal);
            match current {
                Some(session) if session.number == self.number => {
                    session.is_working = beat.state == State::Working;
                    false
                }
                Some(_) if !takes_over => false,
                current => {
                    if current.is_some() {
                        tracing::info!(%terminal, peer = %self.peer, "it connected anew");
                    }
                    let Some(orders) = self.queue.take() else { return Err(End::Gone) };
                    let is_working = beat.state == State::Working;
                    let session = Session { number: self.number, orders, is_working };
                    state.sessions.insert(terminal, session);
                    true
                }
            }
        };
        if is_new {
            self.controls = true;
            self.greet(terminal).await;
        }
        Ok(())
    }

    /// Clock, period and questions go before the orders that presence brings.
    async fn greet(&self, terminal: TerminalId) {
        let now = (self.desk.config.now)();
        let clock = u32::try_from(now.as_s()).unwrap_or(u32::MAX);
        let every = Setting::ReturnEvery(self.desk.config.heartbeat_s);
        let set = Control::Set(vec![Setting::Clock(clock), every]);
        self.desk.ask(&set, Asked::Clock(now), &[terminal]).await;
        self.desk.ask(&questions(), Asked::Other, &[terminal]).await;
        self.desk.tell(terminal, NationalWord::Presence(true)).await;
    }

    /// What a terminal said of itself when it was asked. It has no word for its clock: that is known
    /// only when it took ours.
    async fn health(&self, terminal: TerminalId, values: &[(u8, Vec<u8>)]) {
        let Some(clock) = self.clock_set else { return };
        let value = |id| values.iter().find(|(known, _)| *known == id).map(|(_, value)| value);
        let byte = |id| value(id).and_then(|value| value.last().copied());
        let software = value(parameter::SOFTWARE).map(|value| super::bytes::text(value, 32));
        let health = Health {
            fault: byte(parameter::STATE) == Some(3) || byte(parameter::FAULT).unwrap_or(0) != 0,
            clock: clock.max((self.desk.config.now)()),
            // The protocol does not count boots.
            boot_count: 0,
            software: software.unwrap_or_default(),
            codecs: vec![Codec::Mp3],
            volume_percent: byte(parameter::VOLUME).unwrap_or(0).min(100),
            // It knows no switch for drills: it plays what is ordered.
            drills: true,
        };
        self.desk.tell(terminal, NationalWord::Health(Box::new(health))).await;
    }

    /// Answers a request.
    async fn answer(&mut self, to: &Packet, result: u8) -> Result<(), End> {
        let control = Control::Answer { to: to.kind, result, text: String::new() };
        let mut packet = request(self.desk.config.platform, vec![to.source], &control);
        (packet.session, packet.is_answer) = (to.session, true);
        let Ok(bytes) = packet.encode() else { return Ok(()) };
        self.write(&bytes).await
    }

    /// Counts a fault; too many end the session.
    async fn fault(&mut self, code: &'static str, what: &str) -> Result<(), End> {
        self.n_faults += 1;
        tracing::warn!(peer = %self.peer, terminal = ?self.terminal, what, code, "from a national terminal");
        self.count(code).await;
        if self.n_faults > FAULTS_MAX { Err(End::Closed("too many faults")) } else { Ok(()) }
    }

    async fn count(&self, code: &'static str) {
        // It ends with the gateway.
        let _gone = self.desk.inputs.send(LinkInput::Noticed { code }).await;
    }

    /// The end of the connection.
    async fn leave(&mut self) {
        let Some(terminal) = self.terminal.filter(|_| self.controls) else { return };
        let was_current = {
            let mut state = self.desk.state();
            let current = state.sessions.get(&terminal);
            let own = current.is_some_and(|session| session.number == self.number);
            if own {
                state.sessions.remove(&terminal);
            }
            own
        };
        if was_current {
            self.desk.tell(terminal, NationalWord::Presence(false)).await;
        }
    }
}
