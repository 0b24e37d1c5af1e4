//! One simulated terminal: session, content, sound and clock around the real terminal core.

use super::fleet::{Chance, FleetTerminal, Shared, secrets};
use super::session::{KEEP_ALIVE_S, Session, SessionConfig, SessionFault};
use crate::clock;
use crate::model::AreaLevel;
use mingluo_bridge::frame::{self, FRAME_BYTES_MAX, HmacKey, Kind};
use mingluo_bridge::message::{Activity, Clip, Codec, Report, Status, Step};
use mingluo_bridge::replay::{SLOT_BYTES, Store};
use mingluo_bridge::terminal::{Action, Profile, Terminal};
use mingluo_bridge::topics::{self, Leaf};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the terminal's clock ticks.
const TICK: Duration = Duration::from_millis(500);
/// How far a bad clock is off, milliseconds.
const BAD_CLOCK_MS: i64 = 3_600_000;
/// First and longest wait before a lost session is tried again, seconds.
const RECONNECT_WAIT_S: (u64, u64) = (1, 30);
/// How long a crashed terminal is away, milliseconds.
const CRASH_MS: u64 = 3_000;
/// Things a terminal waits for at the same time (content, ends of play).
const WAITING_MAX: usize = 32;

/// Persistent memory that outlives a simulated crash.
#[derive(Debug, Default)]
pub struct Slots([Option<Box<[u8; SLOT_BYTES]>>; 2]);

impl Store for Slots {
    fn load(&mut self, slot: u8, out: &mut [u8; SLOT_BYTES]) -> bool {
        match self.0.get(usize::from(slot)) {
            Some(Some(bytes)) => {
                out.copy_from_slice(bytes.as_slice());
                true
            }
            Some(None) | None => false,
        }
    }

    fn save(&mut self, slot: u8, bytes: &[u8; SLOT_BYTES]) -> bool {
        if let Some(place) = self.0.get_mut(usize::from(slot)) {
            *place = Some(Box::new(*bytes));
        }
        true
    }
}

/// What comes back to the terminal from the world around it.
enum World {
    Clip([u8; 32], bool),
    Ended(u64),
}

/// Why one life of a terminal ended.
enum End {
    Stop,
    Crash,
    Lost(SessionFault),
}

struct Life<'a> {
    shared: &'a Shared,
    me: &'a FleetTerminal,
    key: [u8; 32],
    terminal: Terminal<Slots>,
    chance: Chance,
    clock_off_ms: i64,
    lying: bool,
    crash_left: bool,
    world: mpsc::Sender<World>,
}

/// Lives until the fleet stops: connects, serves, reconnects, boots again after a crash.
pub(super) async fn live(shared: Arc<Shared>, me: FleetTerminal, from: Option<IpAddr>) {
    let odd = shared.config.misbehaviour;
    let mut chance = Chance::new(odd.seed ^ me.id.rotate_left(17));
    let clock_off_ms = if chance.percent() < odd.bad_clock_percent { BAD_CLOCK_MS } else { 0 };
    let lying = chance.percent() < odd.lying_percent;
    let mut crash_left = chance.percent() < odd.crash_percent;
    let mut store = Slots::default();
    let mut wait_s = RECONNECT_WAIT_S.0;
    loop {
        let (world, mut from_world) = mpsc::channel(WAITING_MAX);
        let (key, password) = secrets(&shared.config, me.id);
        let now = clock::now_utc().plus_ms(clock_off_ms).0;
        let terminal = Terminal::boot(profile(&me), store, now);
        let chance = Chance::new(chance.next());
        let mut life = Life {
            shared: &shared,
            me: &me,
            key,
            terminal,
            chance,
            clock_off_ms,
            lying,
            crash_left,
            world,
        };
        loop {
            match Box::pin(life.serve(&password, from, &mut from_world)).await {
                End::Stop => return,
                End::Crash => {
                    crash_left = false;
                    shared.stats.crashes.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(CRASH_MS)).await;
                    break;
                }
                End::Lost(fault) => {
                    tracing::debug!(terminal = me.id, %fault, "session lost");
                    tokio::time::sleep(Duration::from_secs(wait_s)).await;
                    wait_s = (wait_s * 2).min(RECONNECT_WAIT_S.1);
                }
            }
        }
        store = life.terminal.into_store();
    }
}

fn profile(me: &FleetTerminal) -> Profile {
    let areas = core::iter::once(me.area.number()).collect();
    let FleetTerminal { id, codecs, volume_percent, .. } = *me;
    Profile { id, areas, codecs, volume_percent, drills: true }
}

impl Life<'_> {
    fn now(&self) -> i64 {
        clock::now_utc().plus_ms(self.clock_off_ms).0
    }

    fn topic(&self, leaf: Leaf) -> String {
        topics::terminal(&self.shared.config.prefix, self.me.id, leaf)
            .map(|topic| topic.as_str().to_owned())
            .unwrap_or_default()
    }

    async fn serve(
        &mut self,
        password: &str,
        from: Option<IpAddr>,
        from_world: &mut mpsc::Receiver<World>,
    ) -> End {
        let mut session = match self.connect(password, from).await {
            Ok(session) => session,
            Err(fault) => return End::Lost(fault),
        };
        self.shared.stats.connected.fetch_add(1, Ordering::Relaxed);
        let end = match self.turn(&mut session, from_world).await {
            Ok(end) => end,
            Err(fault) => End::Lost(fault),
        };
        self.shared.stats.connected.fetch_sub(1, Ordering::Relaxed);
        end
    }

    async fn connect(
        &mut self,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Session, SessionFault> {
        let name = crate::model::TerminalId::from_number(self.me.id);
        let name = name.map(|name| name.to_string()).unwrap_or_default();
        let config = SessionConfig {
            broker: self.shared.config.broker,
            from,
            name,
            password: password.to_owned(),
            will: (self.topic(Leaf::Status), self.status(false)),
        };
        let mut session = Session::connect(&config).await?;
        let prefix = &self.shared.config.prefix;
        let mut filters = vec![self.topic(Leaf::Order), self.topic(Leaf::Receipt)];
        for level in [AreaLevel::Village, AreaLevel::Township, AreaLevel::County] {
            let area =
                self.me.area.at(level).and_then(|area| topics::area_order(prefix, area.number()));
            filters.extend(area.map(|topic| topic.as_str().to_owned()));
        }
        session.subscribe(&filters).await?;
        let status = self.status(true);
        session.publish(&self.topic(Leaf::Status), &status).await?;
        let now = self.now();
        self.terminal.on_link_up(now);
        Ok(session)
    }

    fn status(&self, online: bool) -> Vec<u8> {
        let status = Status {
            terminal: self.me.id,
            online,
            activity: Activity::Idle,
            clock_ms: self.now(),
            counter_highest: self.terminal.memory().counter_highest(),
            boot_count: self.terminal.memory().boot_count,
            software: heapless_text("mingluo-simulated"),
            codecs: self.me.codecs,
            volume_percent: self.terminal.profile().volume_percent,
            armed_for_drill: true,
        };
        self.seal(Kind::Status, &status)
    }

    fn seal<T: serde::Serialize>(&self, kind: Kind, body: &T) -> Vec<u8> {
        let mut out = [0_u8; FRAME_BYTES_MAX];
        let signer = HmacKey::new(self.shared.config.key_id, &self.key);
        let used = frame::seal(kind, body, &signer, &mut out).unwrap_or(0);
        out.get(..used).unwrap_or_default().to_vec()
    }

    async fn turn(
        &mut self,
        session: &mut Session,
        from_world: &mut mpsc::Receiver<World>,
    ) -> Result<End, SessionFault> {
        let mut stop = self.shared.stop.clone();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut pings = tokio::time::interval(Duration::from_secs(u64::from(KEEP_ALIVE_S) / 2));
        loop {
            tokio::select! {
                received = session.next() => {
                    let received = received?;
                    self.message(&received.topic, &received.payload).await;
                }
                Some(world) = from_world.recv() => {
                    if self.world(&world) {
                        return Ok(End::Crash);
                    }
                }
                _ = ticks.tick() => {
                    let now = self.now();
                    self.terminal.on_tick(now);
                }
                _ = pings.tick() => session.ping().await?,
                _ = stop.changed() => return Ok(End::Stop),
            }
            self.act(session).await?;
        }
    }

    async fn message(&mut self, topic: &str, payload: &[u8]) {
        let odd = self.shared.config.misbehaviour;
        if self.chance.percent() < odd.loss_percent {
            return;
        }
        if odd.delay_ms_max > 0 {
            let delay_ms = self.chance.next() % u64::from(odd.delay_ms_max);
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        let now = self.now();
        let taken = if topic.ends_with("/receipt") {
            let key = HmacKey::new(self.shared.config.key_id, &self.key);
            self.terminal.on_receipt(payload, &key)
        } else {
            self.shared.stats.came.came(crate::clock::now_utc());
            self.shared.stats.orders.fetch_add(1, Ordering::Relaxed);
            self.terminal.on_order(now, payload, &self.shared.verifier)
        };
        if taken.is_err() {
            self.shared.stats.refused_frames.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// True = the terminal crashes now.
    fn world(&mut self, world: &World) -> bool {
        let now = self.now();
        match world {
            World::Clip(sha256, true) => self.terminal.on_clip_ready(now, sha256),
            World::Clip(sha256, false) => self.terminal.on_clip_failed(now, sha256),
            &World::Ended(broadcast) => {
                if self.terminal.sounding() == Some(broadcast) {
                    if core::mem::take(&mut self.crash_left) {
                        return true;
                    }
                    self.shared.stats.tally(broadcast, |tally| {
                        *tally.sounded.entry(self.me.id).or_default() += 1;
                    });
                    self.terminal.on_playback_finished(now, broadcast, false);
                }
            }
        }
        false
    }

    async fn act(&mut self, session: &mut Session) -> Result<(), SessionFault> {
        while let Some(action) = self.terminal.next_action() {
            match action {
                Action::Fetch(clip) => self.fetch(clip),
                Action::Start { broadcast, clip, .. } => self.start(broadcast, &clip),
                Action::Stop { .. }
                | Action::AmplifierOff
                | Action::Offer(_)
                | Action::Keep { .. }
                | Action::SetClock { .. } => {}
                Action::Send(report) => self.report(session, report).await?,
            }
        }
        Ok(())
    }

    fn fetch(&mut self, clip: Clip) {
        let (clips, world) = (Arc::clone(&self.shared.config.clips), self.world.clone());
        let me = self.me.id;
        tokio::spawn(async move {
            let got = clips.get(&clip).await;
            if let Err(why) = &got {
                tracing::debug!(terminal = me, %why, "clip not fetched");
            }
            // The terminal may have crashed meanwhile; then nobody waits.
            let _gone = world.send(World::Clip(clip.sha256, got.is_ok())).await;
        });
    }

    fn start(&mut self, broadcast: u64, clip: &Clip) {
        self.shared.stats.tally(broadcast, |tally| {
            *tally.started.entry(self.me.id).or_default() += 1;
        });
        let now = self.now();
        self.terminal.on_playback_started(now, broadcast);
        let length_ms =
            u64::from(clip.duration_ms) / u64::from(self.shared.config.time_scale.max(1));
        let world = self.world.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(length_ms)).await;
            let _gone = world.send(World::Ended(broadcast)).await;
        });
    }

    async fn report(
        &mut self,
        session: &mut Session,
        mut report: Report,
    ) -> Result<(), SessionFault> {
        if report.step == Step::Received {
            let now_ms = clock::now_utc().0;
            self.shared.stats.tally(report.broadcast, |tally| {
                tally.received_ms.entry(self.me.id).or_insert(now_ms);
            });
        }
        if self.lying {
            report.step = Step::Played;
        }
        if self.chance.percent() < self.shared.config.misbehaviour.loss_percent {
            return Ok(());
        }
        self.shared.stats.reports.fetch_add(1, Ordering::Relaxed);
        let sealed = self.seal(Kind::Acknowledgement, &report);
        session.publish(&self.topic(Leaf::Acknowledgement), &sealed).await
    }
}

/// Text of at most 32 bytes for the wire.
pub(super) fn heapless_text<const N: usize>(text: &str) -> mingluo_bridge::Text<N> {
    let mut out = mingluo_bridge::Text::new();
    for letter in text.chars() {
        if out.push(letter).is_err() {
            break;
        }
    }
    out
}

/// Codec set of a registered terminal.
pub(super) fn codec_set(codecs: &[crate::model::Codec]) -> u8 {
    codecs.iter().fold(0, |set, codec| {
        set | match codec {
            crate::model::Codec::Opus => Codec::Opus.bit(),
            crate::model::Codec::Mp3 => Codec::Mp3.bit(),
            crate::model::Codec::Adpcm => Codec::Adpcm.bit(),
            crate::model::Codec::Wav => Codec::Wav.bit(),
            crate::model::Codec::Text => Codec::Text.bit(),
            crate::model::Codec::Phrases => Codec::Phrases.bit(),
        }
    })
}
