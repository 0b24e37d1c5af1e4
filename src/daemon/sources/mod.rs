//! Sources of alerts: who they are, what they may do, when they were heard, and what polls them.

mod broker;
mod fetch;
mod poll;
mod subscribe;
mod unpack;
mod watch;

pub(super) use broker::SourceListener;
pub(super) use fetch::{Bounds, bounded_client, bytes_of, causes};
pub(crate) use watch::watch;

use super::StationDesk;
use crate::clock;
use crate::config::{SOURCE_TOPICS, SignatureNeed, SourceKind, SourceSettings, signing_key};
use crate::console::{KnownKeys, arrive, arrive_too_large};
use crate::deliver::LinkFacts;
use crate::gateway::{Answer, Arrival, Input, State};
use crate::ingest::{self, SignatureState, VerifyingKey};
use crate::model::{AreaCode, Fault, Origin, Rejection, Sha256, SourceRules, UtcMs};
use anyhow::Context;
use broker::Ways;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch as stopping;
use tokio::task::JoinHandle;

/// Longest reason that is kept of a source, characters.
const WHY_CHARS_MAX: usize = 300;

/// A source with the keys whose signatures count.
#[derive(Debug)]
struct Known {
    settings: SourceSettings,
    keys: Vec<VerifyingKey>,
}

/// How a source is.
#[derive(Debug, Clone, Default)]
struct Status {
    /// When it was heard last, or when waiting began.
    since: UtcMs,
    /// Whether it was heard in this life of the process.
    heard: bool,
    /// What hinders.
    why: String,
    n_alerts: u64,
    n_rejected: u64,
    /// What is on record.
    silent: bool,
}

/// All sources of the county.
#[derive(Debug, Default)]
pub struct SourceDesk {
    known: Vec<Known>,
    status: Mutex<Vec<Status>>,
}

/// What people and programs see of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// `atom`, `http_json`, `mqtt`, `push` or `mqtt_embedded`.
    pub kind: &'static str,
    /// Where its alerts come from: address, topic or name of the API key.
    pub from: String,
    /// Whether its alerts may sound without a person where the response plan says so.
    pub trusted: bool,
    /// Whether it has been silent for longer than allowed.
    pub silent: bool,
    /// When it was heard last in this life of the process; `None` = not yet.
    pub heard_at: Option<UtcMs>,
    /// Seconds after which it counts as silent.
    pub stale_after_s: u32,
    /// Alerts taken since the start.
    pub n_alerts: u64,
    /// Messages rejected since the start.
    pub n_rejected: u64,
    /// What hinders; empty = nothing.
    pub why: String,
}

/// An arrival with the rules of its source.
pub(crate) type Ruled = (Arrival, SourceRules);

impl SourceDesk {
    /// Opens the registry over what the record tells of each source.
    ///
    /// # Errors
    /// When a certificate can't be read.
    pub(crate) fn open(sources: Vec<SourceSettings>, state: &State) -> anyhow::Result<Self> {
        let now = clock::now_utc();
        let mut desk = Self::default();
        let mut all = Vec::new();
        for settings in sources {
            let files = settings.certificate_files.iter();
            let keys = files.map(|file| signing_key(file).map_err(anyhow::Error::msg));
            let keys = keys.collect::<anyhow::Result<Vec<_>>>();
            let keys = keys.with_context(|| format!("source `{}`", settings.name))?;
            let before = state.sources.get(&settings.name);
            let silent_since = before.and_then(|state| state.silent_since);
            let since = silent_since.unwrap_or(now);
            all.push(Status { since, silent: silent_since.is_some(), ..Status::default() });
            desk.known.push(Known { settings, keys });
        }
        desk.status = Mutex::new(all);
        Ok(desk)
    }

    fn status(&self) -> MutexGuard<'_, Vec<Status>> {
        // Every field is whole at any time.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, at: usize, change: impl FnOnce(&mut Status)) {
        if let Some(status) = self.status().get_mut(at) {
            change(status);
        }
    }

    /// The source that posts or publishes with the API key of that name: what it may say without a person does
    /// not hang on the way it takes.
    pub(crate) fn by_key(&self, name: &str) -> Option<usize> {
        self.known.iter().position(|known| match known.settings.kind {
            SourceKind::Push | SourceKind::Embedded => known.settings.api_key == name,
            SourceKind::Atom | SourceKind::HttpJson | SourceKind::Mqtt => false,
        })
    }

    /// Sources that publish to our own broker, with the names of their keys.
    fn published(&self) -> Vec<(usize, String)> {
        let all = self.known.iter().enumerate();
        let own = all.filter(|(_, known)| known.settings.kind == SourceKind::Embedded);
        own.map(|(at, known)| (at, known.settings.api_key.clone())).collect()
    }

    /// Name of the key with which a source publishes to our own broker.
    pub(crate) fn key_of(&self, source: &str) -> Option<&str> {
        let own = |known: &&Known| {
            known.settings.kind == SourceKind::Embedded && known.settings.name == source
        };
        self.known.iter().find(own).map(|known| known.settings.api_key.as_str())
    }

    /// Areas in which a source acts with a key for `keys`.
    fn areas_within(&self, at: usize, keys: &[AreaCode]) -> Vec<AreaCode> {
        self.known.get(at).map(|known| within(&known.settings.areas, keys)).unwrap_or_default()
    }

    /// The source that something once came from, when it is still configured.
    pub(crate) fn of(&self, origin: &Origin) -> Option<usize> {
        match origin.via.as_str() {
            "source" => self.known.iter().position(|known| known.settings.name == origin.by),
            "api" => self.by_key(&origin.by),
            _ => None,
        }
    }

    /// A word came from a source, whatever it says.
    pub(crate) fn heard(&self, at: usize) {
        let now = clock::now_utc();
        self.with(at, |status| {
            status.since = now;
            status.heard = true;
            status.why.clear();
        });
    }

    /// Something hinders.
    fn hindered(&self, at: usize, why: &str) {
        let why = why.chars().take(WHY_CHARS_MAX).collect();
        self.with(at, |status| status.why = why);
    }

    /// What became of a message.
    pub(crate) fn took(&self, at: usize, answer: &Answer) {
        let rejected = matches!(answer, Answer::Rejected(_));
        self.with(at, |status| {
            status.n_rejected += u64::from(rejected);
            status.n_alerts += u64::from(!rejected);
        });
    }

    /// Reads the bytes of an alert of a source: its signature is checked, its rules go along. `areas`
    /// are those of the API key it came with; a source acts in its own areas and within these.
    pub(crate) fn read(
        &self,
        at: usize,
        bytes: &[u8],
        hint: Option<&str>,
        origin: Origin,
        areas: Option<Vec<AreaCode>>,
    ) -> Ruled {
        let Some(known) = self.known.get(at) else {
            return (arrive(bytes, hint, origin, Vec::new()), SourceRules::default());
        };
        let mut rules = known.settings.rules();
        if let (Some(own), Some(keys)) = (&mut rules.areas, areas) {
            *own = within(own, &keys);
        }
        let mut arrival = arrive(bytes, hint, origin, Vec::new());
        let check = || ingest::signature(bytes, hint, &known.keys);
        let state = std::panic::catch_unwind(check)
            .unwrap_or_else(|_| SignatureState::Invalid("it can't be checked".into()));
        rules.notes.extend(state.reason());
        let required = known.settings.signature == SignatureNeed::Required;
        if required
            && arrival.read.is_ok()
            && let Some(rejection) = state.refused()
        {
            arrival.read = Err(rejection);
            arrival.content = Sha256([0; 32]);
        }
        (arrival, rules)
    }

    /// How every source is.
    #[must_use]
    pub fn views(&self) -> Vec<SourceView> {
        let all = self.status().clone();
        let view = |(known, status): (&Known, Status)| {
            let settings = &known.settings;
            let (kind, from) = match settings.kind {
                SourceKind::Atom => ("atom", settings.url.clone()),
                SourceKind::HttpJson => ("http_json", settings.url.clone()),
                SourceKind::Mqtt => ("mqtt", format!("{} {}", settings.url, settings.topic)),
                SourceKind::Push => ("push", settings.api_key.clone()),
                SourceKind::Embedded => {
                    ("mqtt_embedded", format!("{SOURCE_TOPICS}/{}/…", settings.api_key))
                }
            };
            SourceView {
                name: settings.name.clone(),
                kind,
                from,
                trusted: settings.trusted,
                silent: status.silent,
                heard_at: status.heard.then_some(status.since),
                stale_after_s: settings.stale_after_s,
                n_alerts: status.n_alerts,
                n_rejected: status.n_rejected,
                why: status.why,
            }
        };
        self.known.iter().zip(all).map(view).collect()
    }

    /// What people should look at, one sentence each, Chinese.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let silent = self.views().into_iter().filter(|view| view.silent);
        silent.map(|view| format!("预警来源“{}”无消息：{}", view.name, view.why)).collect()
    }
}

/// Areas that lie in both lists.
fn within(a: &[AreaCode], b: &[AreaCode]) -> Vec<AreaCode> {
    let narrow = |own: &AreaCode, other: &AreaCode| match () {
        () if other.contains(*own) => Some(*own),
        () if own.contains(*other) => Some(*other),
        () => None,
    };
    a.iter().flat_map(|own| b.iter().filter_map(move |other| narrow(own, other))).collect()
}

/// The way of one source's alerts to the core.
struct Intake {
    desk: Arc<SourceDesk>,
    at: usize,
    core: super::core::CoreHandle,
    bytes_max: usize,
}

impl Intake {
    fn settings(&self) -> Option<&SourceSettings> {
        self.desk.known.get(self.at).map(|known| &known.settings)
    }

    fn origin(&self) -> Origin {
        let by = self.settings().map(|settings| settings.name.clone()).unwrap_or_default();
        Origin { via: "source".into(), by }
    }

    /// Brings an alert to the record.
    ///
    /// # Errors
    /// When the core is full or gone: nothing is on record.
    async fn take(&self, bytes: Vec<u8>, hint: Option<&str>) -> Result<Answer, super::CoreFault> {
        self.take_within(bytes, hint, None).await
    }

    /// The same for a source that came with a key for `areas`.
    ///
    /// # Errors
    /// When the core is full or gone: nothing is on record.
    async fn take_within(
        &self,
        bytes: Vec<u8>,
        hint: Option<&str>,
        areas: Option<Vec<AreaCode>>,
    ) -> Result<Answer, super::CoreFault> {
        let bytes_max = u64::try_from(self.bytes_max).unwrap_or(u64::MAX);
        let (arrival, rules) = if bytes.len() > self.bytes_max {
            let told = u64::try_from(bytes.len()).ok();
            let kept = bytes.get(..self.bytes_max).unwrap_or_default();
            let arrival = arrive_too_large(kept, bytes_max, told, self.origin());
            (arrival, SourceRules::default())
        } else {
            self.desk.read(self.at, &bytes, hint, self.origin(), areas)
        };
        self.ask(arrival, rules, bytes).await
    }

    /// Brings a message that is no alert to the record.
    async fn reject(&self, bytes: Vec<u8>, what: String) -> Result<Answer, super::CoreFault> {
        let faults = vec![Fault { line: None, element: String::new(), what }];
        self.refuse(bytes, Rejection { faults, too_large: false }).await
    }

    async fn refuse(
        &self,
        bytes: Vec<u8>,
        rejection: Rejection,
    ) -> Result<Answer, super::CoreFault> {
        let raw = Sha256::of(&bytes);
        let (content, origin) = (Sha256([0; 32]), self.origin());
        let arrival = Arrival { read: Err(rejection), content, raw, origin, areas: Vec::new() };
        self.ask(arrival, SourceRules::default(), bytes).await
    }

    async fn ask(
        &self,
        arrival: Arrival,
        rules: SourceRules,
        mut bytes: Vec<u8>,
    ) -> Result<Answer, super::CoreFault> {
        bytes.truncate(self.bytes_max);
        let raw = (arrival.raw, bytes);
        let make = move |request| Input::ArrivedFrom(request, Box::new(arrival), Box::new(rules));
        let answer = self.core.ask(Some(raw), make).await?;
        self.desk.took(self.at, &answer);
        Ok(answer)
    }
}

/// Starts what polls and listens; each ends when the daemon stops.
///
/// # Errors
/// When a client can't be made: a certificate, password or token that can't be read.
pub(super) fn start(
    ground: &mut super::ground::Ground,
    core: &super::core::CoreHandle,
    (keys, stations, facts): (Arc<KnownKeys>, Option<StationDesk>, Arc<LinkFacts>),
    stop: &stopping::Receiver<bool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let listener = ground.source_listener.take();
    let (desk, state) = (&ground.sources, &ground.record.1);
    let bytes_max = usize::try_from(ground.settings.ingest.bytes_max).unwrap_or(usize::MAX);
    let mut tasks = vec![tokio::spawn(watch(Arc::clone(desk), core.clone(), stop.clone()))];
    for (at, known) in desk.known.iter().enumerate() {
        let intake = Intake { desk: Arc::clone(desk), at, core: core.clone(), bytes_max };
        let settings = &known.settings;
        let naming = || format!("source `{}`", settings.name);
        match settings.kind {
            SourceKind::Push | SourceKind::Embedded => {}
            SourceKind::Atom | SourceKind::HttpJson => {
                let before = state.sources.get(&settings.name).cloned().unwrap_or_default();
                let poller = poll::Poller::new(settings, intake, before).with_context(naming)?;
                tasks.push(tokio::spawn(poller.run(stop.clone())));
            }
            SourceKind::Mqtt => {
                let subscriber = subscribe::Subscriber::new(settings, intake);
                let subscriber = subscriber.with_context(naming)?;
                tasks.push(tokio::spawn(subscriber.run(stop.clone())));
            }
        }
    }
    if let Some(listener) = listener {
        let ways = Ways { keys, stations, facts, metrics: Arc::clone(&ground.metrics) };
        tasks.push(broker::serve(listener, desk, core, bytes_max, ways, stop.clone()));
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_acts_where_both_its_row_and_its_key_allow() {
        let codes = |texts: &[&str]| -> Vec<AreaCode> {
            texts.iter().map(|text| AreaCode::parse(text).unwrap()).collect()
        };
        let check = |a: &[&str], b: &[&str], expect: &[&str]| {
            assert_eq!(within(&codes(a), &codes(b)), codes(expect), "{a:?} {b:?}");
        };
        check(&["430621"], &["430621100"], &["430621100"]);
        check(&["430621100"], &["430621"], &["430621100"]);
        check(&["430621100"], &["430621101"], &[]);
        check(&["430621"], &[], &[]);
    }
}
