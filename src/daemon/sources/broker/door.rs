//! What a source may do at our broker, and the way of its messages to the record. It is let in by the API key
//! that also posts over HTTP, may publish to its own two topics, and that is all. A message is acknowledged when
//! it is on record; until then its session waits, and so does whoever sends.

use super::access::{self, Sessions, What};
use super::pace::{PER_S_MAX, Pace};
use crate::clock::{self, Monotonic};
use crate::console::{Attempts, KnownKeys, Who, read_readings};
use crate::daemon::serve::stopped;
use crate::daemon::sources::Intake;
use crate::daemon::{CoreFault, StationDesk};
use crate::ingest;
use crate::model::{Actor, AreaCode, Right, Sha256};
use rmqtt::types::Id;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Urgent alerts, and all other messages, that are read and recorded at the same time; more wait.
const URGENT_AT_ONCE_MAX: usize = 16;
const ORDINARY_AT_ONCE_MAX: usize = 4;
/// Wait when the core is full.
const FULL_WAIT: Duration = Duration::from_secs(1);
/// Longest wait after wrong keys of a source from one address, milliseconds.
const WRONG_KEY_WAIT_MS_MAX: u64 = 60_000;

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The key is not this source's, or too many wrong ones came before it.
    Key,
    /// It would leave a last will.
    Will,
    /// Its client id, or one session too many.
    Session,
}

/// Why a session ends with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It did what it may not.
    NotAllowed,
    /// The gateway stops: unacknowledged, the message comes again.
    Stopping,
}

/// A source that publishes here.
pub(super) struct Place {
    intake: Intake,
    pace: Mutex<Pace>,
}

impl Place {
    pub(super) fn new(intake: Intake) -> Self {
        Self { intake, pace: Mutex::default() }
    }

    /// Shows people what is the matter.
    fn hinder(&self, why: &str) {
        self.intake.desk.hindered(self.intake.at, why);
    }
}

/// A message of a source.
struct Message {
    what: What,
    bytes: Vec<u8>,
    /// Areas of its key.
    areas: Vec<AreaCode>,
    /// Whether its sender says that it may have come before.
    again: bool,
}

/// The judge of everything that happens at the broker of the sources.
pub(super) struct Door {
    /// By name of the key.
    places: BTreeMap<String, Place>,
    keys: Arc<KnownKeys>,
    stations: Option<StationDesk>,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    urgent: Semaphore,
    ordinary: Semaphore,
    began: Monotonic,
    stop: watch::Receiver<bool>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only whole values are written under these locks; a panic elsewhere leaves them good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    /// A door for these sources, by name of their keys.
    pub(super) fn new(
        places: BTreeMap<String, Place>,
        keys: Arc<KnownKeys>,
        stations: Option<StationDesk>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let attempts = Mutex::new(Attempts::waiting_at_most(WRONG_KEY_WAIT_MS_MAX));
        let (urgent, ordinary) =
            (Semaphore::new(URGENT_AT_ONCE_MAX), Semaphore::new(ORDINARY_AT_ONCE_MAX));
        let (sessions, began) = (Mutex::default(), Monotonic::start());
        Self { places, keys, stations, sessions, attempts, urgent, ordinary, began, stop }
    }

    /// Shows people something about every source.
    pub(super) fn hinder_all(&self, why: &str) {
        self.places.values().for_each(|place| place.hinder(why));
    }

    /// Whose key this is, when it is one of this source and good now.
    fn holder(&self, name: &str, key: Sha256) -> Option<Actor> {
        let holder = self.keys.holder(key, clock::now_utc())?;
        (holder.name == name && holder.role.may(Right::PostAlert)).then_some(holder)
    }

    /// Lets a session in.
    pub(super) fn login(
        &self,
        id: &Id,
        user: &str,
        password: &[u8],
        has_will: bool,
    ) -> Result<(), Refused> {
        // Of who is no source nothing is kept: there is nothing to guess.
        let place = self.places.get(user).ok_or(Refused::Key)?;
        let ip = id.remote_addr.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| from.ip());
        let refused = |why: &str| place.hinder(&format!("a login from {ip} was refused: {why}"));
        let (who, now_ms) = (Who::Address(ip), self.began.elapsed_ms());
        let wait_ms = locked(&self.attempts).wait_ms(now_ms, user, &who);
        if wait_ms > 0 {
            let wait_s = wait_ms.div_ceil(1000);
            refused(&format!("too many wrong keys before; the next one counts in {wait_s} s"));
            return Err(Refused::Key);
        }
        let key = Sha256::of(password);
        if self.holder(user, key).is_none() {
            locked(&self.attempts).failed(now_ms, user, &who);
            refused("its key is not known, has ended or is another one's");
            return Err(Refused::Key);
        }
        locked(&self.attempts).succeeded(user, &who);
        if !access::may_be_called(user, &id.client_id) {
            refused(&format!("its client id must be `{user}`, or begin with `{user}/`"));
            return Err(Refused::Session);
        }
        if has_will {
            refused("it would leave a last will, which nobody receives; remove that");
            return Err(Refused::Will);
        }
        if !locked(&self.sessions).enter(id, user, key, clock::now_utc().0) {
            let most = access::SESSIONS_PER_SOURCE_MAX;
            refused(&format!("{most} sessions of it are open; end those that nobody needs"));
            return Err(Refused::Session);
        }
        Ok(())
    }

    /// A session is there.
    pub(super) fn up(&self, id: &Id) {
        locked(&self.sessions).up(id);
    }

    /// A session ended, `why` when it broke the protocol or a limit.
    pub(super) fn down(&self, id: &Id, why: Option<&str>) {
        let name = locked(&self.sessions).leave(id);
        let place = name.and_then(|name| self.places.get(&name));
        if let Some((place, why)) = place.zip(why) {
            place.hinder(&format!("its session was ended: {why}"));
        }
    }

    /// A session asked for a subscription: nobody has one here.
    pub(super) fn subscribed(&self, id: &Id, filter: &str) {
        let name = locked(&self.sessions).of(id).map(|session| session.name.clone());
        if let Some(place) = name.and_then(|name| self.places.get(&name)) {
            place.hinder(&format!("it may not subscribe, and asked for `{filter}`"));
        }
    }

    /// A message came; good when it may be acknowledged.
    pub(super) async fn publish(
        &self,
        id: &Id,
        topic: &str,
        payload: &[u8],
        again: bool,
    ) -> Result<(), Ended> {
        let session = locked(&self.sessions).of(id).cloned().ok_or(Ended::NotAllowed)?;
        let name = session.name.as_str();
        let place = self.places.get(name).ok_or(Ended::NotAllowed)?;
        let refused = |why: &str| {
            // Nothing more is taken of it, and nothing covers this reason.
            let _ended = locked(&self.sessions).leave(id);
            place.hinder(why);
            Err(Ended::NotAllowed)
        };
        let Some(holder) = self.holder(name, session.key) else {
            return refused("its key was revoked or has ended: its session was ended");
        };
        let Some(what) = access::what(name, topic) else {
            return refused(&format!("it may not publish to `{topic}`: its session was ended"));
        };
        let message = Message { what, bytes: payload.to_vec(), areas: holder.areas, again };
        self.take(place, &message).await
    }

    /// Brings a message to the record, at the pace of its source; what is urgent keeps none.
    async fn take(&self, place: &Place, message: &Message) -> Result<(), Ended> {
        if *self.stop.borrow() {
            return Err(Ended::Stopping);
        }
        place.intake.desk.heard(place.intake.at);
        if ingest::is_heartbeat(&message.bytes) {
            return Ok(());
        }
        let urgent = message.what == What::Alert && ingest::looks_urgent(&message.bytes);
        if !urgent {
            self.keep_pace(place).await?;
        }
        let lane = if urgent { &self.urgent } else { &self.ordinary };
        let _lane = lane.acquire().await.map_err(|_| Ended::Stopping)?;
        loop {
            match self.record(&place.intake, message).await {
                Ok(()) => return Ok(()),
                Err(CoreFault::Gone) => return Err(Ended::Stopping),
                Err(CoreFault::Full | CoreFault::Unanswered) => self.pause(FULL_WAIT).await?,
            }
        }
    }

    async fn keep_pace(&self, place: &Place) -> Result<(), Ended> {
        loop {
            let wait_ms = locked(&place.pace).wait_ms(self.began.elapsed_ms());
            let Some(wait_ms) = wait_ms else { return Ok(()) };
            let why =
                format!("it sends more than {PER_S_MAX} messages a second and is slowed down");
            place.hinder(&why);
            self.pause(Duration::from_millis(wait_ms)).await?;
        }
    }

    async fn pause(&self, wait: Duration) -> Result<(), Ended> {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = stopped(&mut stop) => Err(Ended::Stopping),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    async fn record(&self, intake: &Intake, message: &Message) -> Result<(), CoreFault> {
        let Message { what, bytes, areas, again } = message;
        if *again && is_on_record(intake, bytes).await? {
            tracing::info!(source = %intake.origin().by, "sent again, and on record already");
            return Ok(());
        }
        if *what == What::Alert || bytes.len() > intake.bytes_max {
            let (bytes, areas) = (bytes.clone(), Some(areas.clone()));
            return intake.take_within(bytes, None, areas).await.map(drop);
        }
        let Some(stations) = &self.stations else {
            let what = "stations are off; set `enabled = true` in [stations] of gateway.toml";
            return intake.reject(bytes.clone(), what.to_owned()).await.map(drop);
        };
        let reports = match read_readings(bytes, clock::now_utc()) {
            Ok(reports) => reports,
            Err(rejection) => return intake.refuse(bytes.clone(), rejection).await.map(drop),
        };
        let areas = intake.desk.areas_within(intake.at, areas);
        for report in reports {
            let station = report.station.clone();
            let told = stations.take(report, Some(areas.clone())).await?;
            if told.outside || !told.known {
                let why = format!(
                    "station {station} of its readings is not in stations.csv or outside of its areas"
                );
                intake.desk.hindered(intake.at, &why);
            }
        }
        Ok(())
    }
}

/// Whether these very bytes are an alert or a rejection on record. They stay there over a restart, so what was
/// recorded and not acknowledged when the gateway was killed is recorded once.
async fn is_on_record(intake: &Intake, bytes: &[u8]) -> Result<bool, CoreFault> {
    let (raw, origin) = (Sha256::of(bytes), intake.origin());
    let look = intake.core.look(move |gateway| {
        let state = gateway.state();
        let mut rejections = state.rejections().rev();
        state.alert_of(raw).is_some()
            || rejections.any(|(_, one)| one.raw == raw && one.origin == origin)
    });
    look.await
}
