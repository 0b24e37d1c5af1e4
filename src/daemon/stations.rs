//! The desk of the stations: one task owns the watcher, takes readings in their order, keeps what the
//! windows hold, and gives every warning to the core as an alert. Kept first, done second: a reading is
//! taken when its window is kept and what it told is on record.

use super::core::{CoreFault, CoreHandle};
use super::ground::Ground;
use super::metrics::Metrics;
use super::serve::stopped;
use super::telemetry::{self, Asking, Telemetry, TelemetryWatch};
use crate::clock;
use crate::config::StationSettings;
use crate::console::arrive;
use crate::gateway::{Answer, Arrival, Input};
use crate::ingest::sl651::Called;
use crate::model::{
    AlertForm, AlertId, AreaCode, Crossing, Network, Origin, ReadingReport, Rejection, Sha256,
    Station, StationId, ThresholdRule, UtcMs, WindowChange, WindowKept,
};
use crate::record::WindowStore;
pub use crate::watch::StationView;
use crate::watch::{self, Taken, Unknown, Warning, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch as flag};
use tokio::task::JoinHandle;

/// Reports waiting for the desk; when it is full the stations wait, and repeat without our answer.
const WAITING_MAX: usize = 1_024;
/// Reports whose windows are kept by one write.
const BATCH_MAX: usize = 256;
/// Changes of windows that wait for a disk that fails; the oldest go.
const UNKEPT_MAX: usize = 100_000;

/// What became of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether the station is in the configuration.
    pub known: bool,
    /// Whether the station is outside of the areas of its source: then nothing was taken.
    pub outside: bool,
    /// What is wrong with its values or its clock, Chinese.
    pub notes: Vec<String>,
    /// Alerts that were made of it.
    pub alerts: Vec<AlertId>,
}

/// All stations as they are now.
#[derive(Debug, Clone)]
pub struct Views {
    /// Stations, in order of name.
    pub stations: Vec<StationView>,
    /// Stations that are not in the configuration.
    pub unknown: Vec<Unknown>,
}

/// A report with whoever waits for what became of it.
struct Waiting {
    report: Box<ReadingReport>,
    /// Areas of its source; `None` = all.
    within: Option<Vec<AreaCode>>,
    reply: oneshot::Sender<Result<Told, CoreFault>>,
}

enum Ask {
    Take(Waiting),
    View(Option<StationId>, usize, oneshot::Sender<Views>),
}

/// The way to the desk.
#[derive(Clone)]
pub struct StationDesk {
    sender: mpsc::Sender<Ask>,
    /// Thresholds of each station, for people.
    rules: Arc<BTreeMap<StationId, Vec<ThresholdRule>>>,
    telemetry: Arc<TelemetryWatch>,
}

/// What the desk works with.
struct Desk {
    watcher: Watcher,
    /// Where windows are kept; `None` = they can't be, which an alarm says.
    store: Option<WindowStore>,
    unkept: Vec<WindowChange>,
    asks: mpsc::Receiver<Ask>,
    core: CoreHandle,
    metrics: Arc<Metrics>,
    served: Vec<AreaCode>,
    /// Where each station stands, and names of areas.
    areas: BTreeMap<StationId, AreaCode>,
    names: BTreeMap<AreaCode, String>,
    valid_s: u32,
    started_at: UtcMs,
}

impl StationDesk {
    /// A desk for these stations that goes on from the warnings on record. The task runs
    /// [`Desk::serve`].
    fn open(
        stations: Vec<Station>,
        crossings: &[Crossing],
        network: &Network,
        settings: &StationSettings,
        (core, metrics): (&CoreHandle, &Arc<Metrics>),
    ) -> (Self, Desk) {
        let (sender, asks) = mpsc::channel(WAITING_MAX);
        let areas = stations.iter().map(|station| (station.id.clone(), station.area)).collect();
        let rules = stations.iter().map(|one| (one.id.clone(), one.rules.clone())).collect();
        let names = network.areas.values().map(|area| (area.code, area.name.clone())).collect();
        let desk = Desk {
            watcher: Watcher::new(stations, crossings),
            store: None,
            unkept: Vec::new(),
            asks,
            core: core.clone(),
            metrics: Arc::clone(metrics),
            served: network.served.clone(),
            areas,
            names,
            valid_s: settings.valid_s,
            started_at: clock::now_utc(),
        };
        let telemetry = Arc::new(TelemetryWatch::of(&settings.lines));
        (Self { sender, rules: Arc::new(rules), telemetry }, desk)
    }

    /// Takes a report; the answer comes when everything it told is durable. `within` = areas of the
    /// source, `None` = all.
    ///
    /// # Errors
    /// When the desk or the core has no room or ends: the sender must send it again.
    pub async fn take(
        &self,
        report: ReadingReport,
        within: Option<Vec<AreaCode>>,
    ) -> Result<Told, CoreFault> {
        let (reply, told) = oneshot::channel();
        let ask = Ask::Take(Waiting { report: Box::new(report), within, reply });
        self.sender.send(ask).await.map_err(|_| CoreFault::Gone)?;
        told.await.map_err(|_| CoreFault::Gone)?
    }

    /// Thresholds of a station, as configured.
    #[must_use]
    pub fn thresholds(&self, station: &StationId) -> &[ThresholdRule] {
        self.rules.get(station).map_or(&[], Vec::as_slice)
    }

    /// The serial lines of stations, and the questions that are put.
    #[must_use]
    pub fn telemetry(&self) -> &TelemetryWatch {
        &self.telemetry
    }

    /// Stations after `after`, at most `max`.
    ///
    /// # Errors
    /// When the desk ends.
    pub async fn views(&self, after: Option<StationId>, max: usize) -> Result<Views, CoreFault> {
        let (reply, views) = oneshot::channel();
        self.sender.send(Ask::View(after, max, reply)).await.map_err(|_| CoreFault::Gone)?;
        views.await.map_err(|_| CoreFault::Gone)
    }
}

impl Desk {
    /// Gives the windows back that were kept. Without a store warnings go on, loudly.
    fn restore(&mut self, windows: anyhow::Result<(WindowStore, Vec<WindowKept>)>) {
        let opened = windows.and_then(|(mut store, kept)| {
            let n_windows = kept.len();
            let gone = self.watcher.restore(kept);
            store.forget(&gone)?;
            tracing::info!(n_windows, n_gone = gone.len(), "windows of stations restored");
            Ok(store)
        });
        match opened {
            Ok(store) => self.store = Some(store),
            Err(fault) => self.not_kept(&format!("{fault:#}")),
        }
    }

    fn not_kept(&self, fault: &str) {
        self.metrics.alarm("station_windows_not_kept");
        tracing::error!(
            fault,
            "windows of stations are not kept: warnings go on, after a restart sums begin anew; \
             look at the disk of the record"
        );
    }

    /// Serves until the daemon stops.
    async fn serve(mut self, mut stop: flag::Receiver<bool>) {
        let now = clock::now_utc();
        for warning in self.watcher.resume(now) {
            match self.ask(&warning, now).await {
                Ok(answer) => drop(self.answered(&warning, answer)),
                Err(fault) => {
                    let station = &warning.station.id;
                    tracing::warn!(%fault, %station, "said again by its next reading");
                }
            }
        }
        let mut next = None;
        loop {
            let ask = match next.take() {
                Some(ask) => Some(ask),
                None => tokio::select! {
                    () = stopped(&mut stop) => return,
                    ask = self.asks.recv() => ask,
                },
            };
            match ask {
                None => return,
                Some(Ask::Take(first)) => {
                    let mut batch = vec![first];
                    while batch.len() < BATCH_MAX && next.is_none() {
                        match self.asks.try_recv() {
                            Ok(Ask::Take(more)) if is_new(&batch, &more) => batch.push(more),
                            Ok(other) => next = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.take_all(batch).await;
                }
                Some(Ask::View(after, max, reply)) => {
                    let now = clock::now_utc();
                    let stations = self.watcher.views(now, self.started_at, after.as_ref(), max);
                    let _gone = reply.send(Views { stations, unknown: self.watcher.unknown() });
                }
            }
        }
    }

    /// Takes reports of different stations: all windows are kept by one write, then each is judged.
    async fn take_all(&mut self, batch: Vec<Waiting>) {
        let mut puts = Vec::with_capacity(batch.len());
        for waiting in batch {
            let report = &waiting.report;
            if self.is_outside(report, waiting.within.as_deref()) {
                let told = Told { known: true, outside: true, ..Told::default() };
                // Who asked may be gone.
                let _gone = waiting.reply.send(Ok(told));
                continue;
            }
            let mut taken = self.watcher.put(report);
            self.unkept.append(&mut taken.changes);
            for note in &taken.notes {
                tracing::warn!(station = %report.station, "{note}");
            }
            puts.push((waiting, taken));
        }
        self.keep().await;
        let mut warnings = Vec::new();
        // Two reports may lead to one warning of a station that looks at both.
        let mut once = BTreeSet::new();
        for (at, (waiting, _)) in puts.iter().enumerate().filter(|(_, (_, taken))| taken.may_warn) {
            for warning in self.watcher.judge(&waiting.report.station) {
                if once.insert((warning.station.id.clone(), warning.hazard.clone())) {
                    warnings.push((at, waiting.report.received_at, warning));
                }
            }
        }
        // All at once, so that the core commits them together: a valley floods everywhere.
        let asks = warnings.iter().map(|(_, now, warning)| self.ask(warning, *now));
        let answers = futures_util::future::join_all(asks.collect::<Vec<_>>()).await;
        let mut alerts: BTreeMap<usize, Result<Vec<AlertId>, CoreFault>> = BTreeMap::new();
        for ((at, _, warning), answer) in warnings.iter().zip(answers) {
            let told = answer.map(|answer| self.answered(warning, answer));
            match (told, alerts.entry(*at).or_insert(Ok(Vec::new()))) {
                (Ok(alert), Ok(alerts)) => alerts.extend(alert),
                (Err(fault), alerts) => *alerts = Err(fault),
                (Ok(_), Err(_)) => {}
            }
        }
        for (at, (waiting, taken)) in puts.into_iter().enumerate() {
            let told = alerts.remove(&at).unwrap_or(Ok(Vec::new())).map(|alerts| {
                let Taken { known, notes, .. } = taken;
                Told { known, notes, alerts, ..Told::default() }
            });
            // Who asked may be gone; what was told is on record anyway.
            let _gone = waiting.reply.send(told);
        }
    }

    fn is_outside(&self, report: &ReadingReport, within: Option<&[AreaCode]>) -> bool {
        let area = self.areas.get(&report.station);
        within.zip(area).is_some_and(|(within, area)| !within.iter().any(|own| own.contains(*area)))
    }

    /// Keeps what changed of the windows, on a thread for blocking work.
    async fn keep(&mut self) {
        if self.unkept.is_empty() {
            return;
        }
        let mut changes = std::mem::take(&mut self.unkept);
        let Some(mut store) = self.store.take() else { return };
        let done = tokio::task::spawn_blocking(move || {
            let kept = store.append(&changes);
            if kept.is_ok() {
                changes.clear();
            }
            (store, changes, kept)
        });
        match done.await {
            Ok((store, left, kept)) => {
                self.store = Some(store);
                self.unkept = left;
                self.unkept.drain(..self.unkept.len().saturating_sub(UNKEPT_MAX));
                if let Err(fault) = kept {
                    self.not_kept(&fault.to_string());
                }
            }
            Err(broken) => self.not_kept(&broken.to_string()),
        }
    }

    /// Gives a warning to the core, by the way of every alert.
    fn ask(
        &self,
        warning: &Warning,
        now: UtcMs,
    ) -> impl Future<Output = Result<Answer, CoreFault>> + Send + use<> {
        let names = &self.names;
        let whole = watch::alert(warning, now, self.valid_s, &|code| names.get(&code).cloned());
        let bytes = whole.to_string().into_bytes();
        let origin = Origin { via: "station".into(), by: warning.station.id.to_string() };
        let mut arrival = arrive(&bytes, Some("application/json"), origin, self.served.clone());
        if let Ok(alert) = &mut arrival.read {
            alert.form = AlertForm::Station;
        }
        let (raw, core) = (Some((arrival.raw, bytes)), self.core.clone());
        let ask = move |request| Input::Arrived(request, Box::new(arrival));
        async move { core.ask(raw, ask).await }
    }

    /// The core has answered a warning.
    fn answered(&mut self, warning: &Warning, answer: Answer) -> Option<AlertId> {
        if let Answer::Alert { id, .. } = answer {
            self.watcher.told(warning, &id);
            tracing::info!(station = %warning.station.id, alert = %id.identifier, "threshold crossed");
            return Some(id);
        }
        self.metrics.alarm("station_alert_rejected");
        tracing::error!(station = %warning.station.id, ?answer, "our own alert was not taken");
        None
    }
}

/// Whether a report is of a station that has none in the batch: each is judged by its own time.
fn is_new(batch: &[Waiting], more: &Waiting) -> bool {
    batch.iter().all(|known| known.report.station != more.report.station)
}

/// Starts what the stations need, when they are on: the way to the desk, its task, those of the
/// listener and the lines.
pub(super) fn start(
    ground: &mut Ground,
    core: &CoreHandle,
    stop: &flag::Receiver<bool>,
) -> (Option<StationDesk>, Option<JoinHandle<()>>, Vec<JoinHandle<()>>) {
    let settings = &ground.settings.stations;
    if !settings.enabled {
        return (None, None, Vec::new());
    }
    let crossings: Vec<Crossing> = ground.record.1.crossings.values().cloned().collect();
    let stations = std::mem::take(&mut ground.stations);
    let n_stations = stations.len();
    let ways = (core, &ground.metrics);
    let (desk, mut task) = StationDesk::open(stations, &crossings, &ground.network, settings, ways);
    if let Some(windows) = ground.windows.take() {
        task.restore(windows);
    }
    let telemetry = Telemetry {
        desk: desk.clone(),
        core: core.clone(),
        metrics: Arc::clone(&ground.metrics),
        answer: settings.answer,
    };
    let asking = |asked: &[StationId]| Asking::new(settings.ask_every_min, asked.to_vec());
    let listening = ground.telemetry.take().map(|listener| {
        let asked = asking(&settings.asked);
        let served = telemetry::serve(listener, telemetry.clone(), n_stations, asked, stop.clone());
        tokio::spawn(served)
    });
    let lines = settings.lines.iter().map(|line| {
        let called = line.asked.iter();
        let called = called.filter_map(|id| Called::new(id, settings.centre, ground.ask_password));
        let asked = asking(&line.asked).with(called);
        let run = telemetry::run_port(line.clone(), telemetry.clone(), asked, stop.clone());
        tokio::spawn(run)
    });
    let telling = listening.into_iter().chain(lines).collect();
    (Some(desk), Some(tokio::spawn(task.serve(stop.clone()))), telling)
}

/// Bytes of a station that are no telegram go on record, whole.
///
/// # Errors
/// When the core has no room or ends.
pub(super) async fn reject(
    core: &CoreHandle,
    bytes: Vec<u8>,
    rejection: Rejection,
    by: String,
) -> Result<(), CoreFault> {
    let arrival = Arrival {
        read: Err(rejection),
        content: Sha256([0; 32]),
        raw: Sha256::of(&bytes),
        origin: Origin { via: "station".into(), by },
        areas: Vec::new(),
    };
    let raw = Some((arrival.raw, bytes));
    core.ask(raw, move |request| Input::Arrived(request, Box::new(arrival))).await.map(drop)
}
