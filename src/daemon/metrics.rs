//! Metrics for Prometheus and the facts behind health.

use super::health::Health;
use super::sources::SourceDesk;
use crate::console::KnownKeys;
use crate::deliver::{LinkFacts, Noticed};
use crate::model::{Outcome, Step, UtcMs};
use crate::record::entry::Entry;
use crate::{clock, tls};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    kind: String,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    entries: Family<Label, Counter>,
    steps: Family<Label, Counter>,
    alarms: Family<Label, Counter>,
    terminals_online: Gauge,
    inputs_waiting: Gauge,
    commit_s: Histogram,
    /// Longest time a group of inputs took until it was durable, milliseconds.
    pub commit_ms_max: AtomicU64,
    core_silent_ms: Gauge,
    /// What health is read from.
    pub health: Health,
    /// Whether the last commit of the record succeeded.
    pub journal_good: AtomicBool,
    /// Whether the link to the broker is up.
    pub link_up: AtomicBool,
    link_noticed: Family<Label, Counter>,
    link_facts: OnceLock<Arc<LinkFacts>>,
    certificate_until: OnceLock<UtcMs>,
    api_keys: OnceLock<Arc<KnownKeys>>,
    certificate_valid_s: Family<Label, Gauge>,
    sources: OnceLock<Arc<SourceDesk>>,
    source_silent: Family<Label, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mingluo");
        let entries = Family::default();
        let steps = Family::default();
        let alarms = Family::default();
        let terminals_online = Gauge::default();
        let inputs_waiting = Gauge::default();
        registry.register("entries", "Entries written to the record", entries.clone());
        registry.register("reports", "New reports of terminals by step", steps.clone());
        registry.register("alarms", "Alarms raised", alarms.clone());
        let help = "Terminals whose session is up";
        registry.register("terminals_online", help, terminals_online.clone());
        let help = "Inputs waiting for the core";
        registry.register("inputs_waiting", help, inputs_waiting.clone());
        // 0.5 ms to 16 s.
        let commit_s = Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let help = "Time from the first input of a group to its durable rows, seconds";
        registry.register("commit_seconds", help, commit_s.clone());
        let link_noticed = Family::default();
        let help = "What the link refused, dropped or lost, by kind";
        registry.register("link_noticed", help, link_noticed.clone());
        let certificate_valid_s = Family::default();
        let help = "Seconds until the certificate of a listener expires";
        registry.register("certificate_valid_s", help, certificate_valid_s.clone());
        let source_silent = Family::default();
        let help = "1 while a source of alerts has been silent for longer than allowed";
        registry.register("source_silent", help, source_silent.clone());
        let core_silent_ms = Gauge::default();
        let help = "Milliseconds since the core last turned";
        registry.register("core_silent_ms", help, core_silent_ms.clone());
        Self {
            registry,
            entries,
            steps,
            alarms,
            terminals_online,
            inputs_waiting,
            commit_s,
            commit_ms_max: AtomicU64::new(0),
            link_noticed,
            link_facts: OnceLock::new(),
            certificate_until: OnceLock::new(),
            api_keys: OnceLock::new(),
            certificate_valid_s,
            sources: OnceLock::new(),
            source_silent,
            core_silent_ms,
            health: Health::default(),
            journal_good: AtomicBool::new(true),
            link_up: AtomicBool::new(false),
        }
    }
}

impl Metrics {
    /// Counts an entry.
    pub fn entry(&self, entry: &Entry) {
        self.entries.get_or_create(&Label { kind: entry.kind().to_owned() }).inc();
        if let Entry::Acknowledged { report } = entry {
            self.steps.get_or_create(&Label { kind: step_name(&report.step).to_owned() }).inc();
        }
    }

    /// Notes the time a group of inputs took until it was durable.
    pub fn group_committed(&self, took: Duration) {
        self.commit_s.observe(took.as_secs_f64());
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.commit_ms_max.fetch_max(ms, Ordering::Relaxed);
    }

    /// Counts an alarm.
    pub fn alarm(&self, code: &str) {
        self.alarms.get_or_create(&Label { kind: code.to_owned() }).inc();
    }

    /// Notes what the core said about itself: terminals online and inputs waiting.
    pub fn core_said(&self, n_online: usize, n_waiting: usize) {
        self.terminals_online.set(i64::try_from(n_online).unwrap_or(i64::MAX));
        self.inputs_waiting.set(i64::try_from(n_waiting).unwrap_or(i64::MAX));
    }

    /// Notes whether the link is up, and why not.
    pub fn link_went(&self, up: bool, why: &str) {
        self.health.set_link_why(why);
        self.link_up.store(up, Ordering::Relaxed);
    }

    /// Terminals whose session is up, as of the last turn of the core.
    #[must_use]
    pub fn n_online(&self) -> usize {
        usize::try_from(self.terminals_online.get()).unwrap_or(0)
    }

    /// From now on the facts of this link are shown; the first one stays.
    pub fn watch_link(&self, facts: Arc<LinkFacts>) {
        let _watched = self.link_facts.set(facts);
    }

    /// What people should change at the broker, one sentence each.
    #[must_use]
    pub fn link_warnings(&self) -> Vec<String> {
        self.link_facts.get().map(|facts| facts.warnings()).unwrap_or_default()
    }

    /// From now on the end of the certificate of `http.listen` is watched; the first one stays.
    pub fn watch_certificate(&self, until: UtcMs) {
        let _watched = self.certificate_until.set(until);
    }

    /// From now on the ends of these API keys are watched; the first ones stay.
    pub fn watch_keys(&self, keys: Arc<KnownKeys>) {
        let _watched = self.api_keys.set(keys);
    }

    /// The API keys whose ends are watched; `None` before the record is had.
    pub(super) fn watched_keys(&self) -> Option<&KnownKeys> {
        self.api_keys.get().map(AsRef::as_ref)
    }

    /// What people should do about API keys that end; `None` = nothing.
    #[must_use]
    pub fn key_warning(&self) -> Option<String> {
        self.watched_keys()?.warning(clock::now_utc())
    }

    /// The end of the certificate of `http.listen`; `None` = plain HTTP.
    #[must_use]
    pub fn certificate_until(&self) -> Option<UtcMs> {
        self.certificate_until.get().copied()
    }

    /// Whether it is told of because that is near.
    #[must_use]
    pub fn certificate_ends_soon(&self, now: UtcMs) -> bool {
        self.certificate_until().is_some_and(|until| tls::stage(now, until).is_some())
    }

    /// What people should do about the certificate of `http.listen`.
    #[must_use]
    pub fn certificate_warning(&self) -> Option<String> {
        tls::warning(clock::now_utc(), self.certificate_until()?)
    }

    /// From now on these sources are shown; the first ones stay.
    pub(crate) fn watch_sources(&self, sources: Arc<SourceDesk>) {
        let _watched = self.sources.set(sources);
    }

    /// Sources that are silent, one sentence each.
    #[must_use]
    pub fn source_warnings(&self) -> Vec<String> {
        self.sources.get().map(|sources| sources.warnings()).unwrap_or_default()
    }

    /// The text form (`OpenMetrics` 1.0).
    ///
    /// # Errors
    /// When formatting fails.
    pub fn text(&self) -> Result<String, core::fmt::Error> {
        for what in Noticed::ALL {
            let count = self.link_facts.get().map_or(0, |facts| facts.count(what));
            let label = Label { kind: what.name().to_owned() };
            self.link_noticed.get_or_create(&label).inner().store(count, Ordering::Relaxed);
        }
        for view in self.sources.get().into_iter().flat_map(|sources| sources.views()) {
            let label = Label { kind: view.name };
            self.source_silent.get_or_create(&label).set(i64::from(view.silent));
        }
        if let Some(until) = self.certificate_until() {
            let label = Label { kind: "http".to_owned() };
            let valid_s = until.since_ms(clock::now_utc()).div_euclid(1000);
            self.certificate_valid_s.get_or_create(&label).set(valid_s);
        }
        let silent_ms = i64::try_from(self.health.core_silent_ms()).unwrap_or(i64::MAX);
        self.core_silent_ms.set(silent_ms);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Stable name of a step.
#[must_use]
pub fn step_name(step: &Step) -> &'static str {
    match step {
        Step::Received => "received",
        Step::Playing => "playing",
        Step::Played => "played",
        Step::Refused(_) => "refused",
        Step::Failed(_) => "failed",
        Step::Preempted(_) => "preempted",
        Step::Cancelled => "cancelled",
        Step::Expired => "expired",
    }
}

/// Stable name of an outcome.
#[must_use]
pub fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Targeted => "targeted",
        Outcome::Sent => "sent",
        Outcome::Received => "received",
        Outcome::Playing => "playing",
        Outcome::Played => "played",
        Outcome::Refused(_) => "refused",
        Outcome::Failed(_) => "failed",
        Outcome::Preempted(_) => "preempted",
        Outcome::Cancelled => "cancelled",
        Outcome::Expired => "expired",
        Outcome::Unreachable => "unreachable",
    }
}
