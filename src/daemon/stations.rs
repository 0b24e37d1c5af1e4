//! The desk of the stations: one task owns the watcher, takes readings in their order, and gives
//! every warning to the core as an alert. A reading is taken when what it told is on record.

use super::core::{CoreFault, CoreHandle};
use super::ground::Ground;
use super::metrics::Metrics;
use super::serve::stopped;
use super::telemetry::{self, Telemetry};
use crate::clock;
use crate::console::arrive;
use crate::gateway::{Answer, Arrival, Input};
use crate::model::{
    AlertForm, AlertId, AreaCode, Crossing, Network, Origin, ReadingReport, Rejection, Sha256,
    Station, StationId, ThresholdRule, UtcMs,
};
pub use crate::watch::StationView;
use crate::watch::{self, Unknown, Warning, Watcher};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch as flag};
use tokio::task::JoinHandle;

/// Reports waiting for the desk; when it is full the stations wait, and repeat without our answer.
const WAITING_MAX: usize = 1_024;

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

enum Ask {
    Take(Box<ReadingReport>, Option<Vec<AreaCode>>, oneshot::Sender<Result<Told, CoreFault>>),
    View(Option<StationId>, usize, oneshot::Sender<Views>),
}

/// The way to the desk.
#[derive(Clone)]
pub struct StationDesk {
    sender: mpsc::Sender<Ask>,
    /// Thresholds of each station, for people.
    rules: Arc<BTreeMap<StationId, Vec<ThresholdRule>>>,
}

/// What the desk works with.
struct Desk {
    watcher: Watcher,
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
        valid_s: u32,
        (core, metrics): (&CoreHandle, &Arc<Metrics>),
    ) -> (Self, Desk) {
        let (sender, asks) = mpsc::channel(WAITING_MAX);
        let areas = stations.iter().map(|station| (station.id.clone(), station.area)).collect();
        let rules = stations.iter().map(|one| (one.id.clone(), one.rules.clone())).collect();
        let names = network.areas.values().map(|area| (area.code, area.name.clone())).collect();
        let desk = Desk {
            watcher: Watcher::new(stations, crossings),
            asks,
            core: core.clone(),
            metrics: Arc::clone(metrics),
            served: network.served.clone(),
            areas,
            names,
            valid_s,
            started_at: clock::now_utc(),
        };
        (Self { sender, rules: Arc::new(rules) }, desk)
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
        let ask = Ask::Take(Box::new(report), within, reply);
        self.sender.send(ask).await.map_err(|_| CoreFault::Gone)?;
        told.await.map_err(|_| CoreFault::Gone)?
    }

    /// Thresholds of a station, as configured.
    #[must_use]
    pub fn thresholds(&self, station: &StationId) -> &[ThresholdRule] {
        self.rules.get(station).map_or(&[], Vec::as_slice)
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
    /// Serves until the daemon stops.
    async fn serve(mut self, mut stop: flag::Receiver<bool>) {
        loop {
            let ask = tokio::select! {
                () = stopped(&mut stop) => return,
                ask = self.asks.recv() => ask,
            };
            match ask {
                None => return,
                Some(Ask::Take(report, within, reply)) => {
                    // Who asked may be gone; what was told is on record anyway.
                    let _gone = reply.send(self.take(&report, within.as_deref()).await);
                }
                Some(Ask::View(after, max, reply)) => {
                    let now = clock::now_utc();
                    let stations = self.watcher.views(now, self.started_at, after.as_ref(), max);
                    let _gone = reply.send(Views { stations, unknown: self.watcher.unknown() });
                }
            }
        }
    }

    async fn take(
        &mut self,
        report: &ReadingReport,
        within: Option<&[AreaCode]>,
    ) -> Result<Told, CoreFault> {
        if let (Some(within), Some(area)) = (within, self.areas.get(&report.station))
            && !within.iter().any(|own| own.contains(*area))
        {
            return Ok(Told { known: true, outside: true, ..Told::default() });
        }
        let taken = self.watcher.take(report);
        let mut told = Told { known: taken.known, notes: taken.notes, ..Told::default() };
        for note in &told.notes {
            tracing::warn!(station = %report.station, "{note}");
        }
        for warning in &taken.warnings {
            told.alerts.extend(self.tell(warning, report.received_at).await?);
        }
        Ok(told)
    }

    /// Gives a warning to the core, by the way of every alert.
    async fn tell(&mut self, warning: &Warning, now: UtcMs) -> Result<Option<AlertId>, CoreFault> {
        let names = &self.names;
        let whole = watch::alert(warning, now, self.valid_s, &|code| names.get(&code).cloned());
        let bytes = whole.to_string().into_bytes();
        let origin = Origin { via: "station".into(), by: warning.station.id.to_string() };
        let mut arrival = arrive(&bytes, Some("application/json"), origin, self.served.clone());
        if let Ok(alert) = &mut arrival.read {
            alert.form = AlertForm::Station;
        }
        let raw = Some((arrival.raw, bytes));
        let ask = move |request| Input::Arrived(request, Box::new(arrival));
        let answer = self.core.ask(raw, ask).await?;
        if let Answer::Alert { id, .. } = answer {
            self.watcher.told(warning, &id);
            tracing::info!(station = %warning.station.id, alert = %id.identifier, "threshold crossed");
            return Ok(Some(id));
        }
        self.metrics.alarm("station_alert_rejected");
        tracing::error!(station = %warning.station.id, ?answer, "our own alert was not taken");
        Ok(None)
    }
}

/// Starts what the stations need, when they are on: the way to the desk, its task, the listener's.
pub(super) fn start(
    ground: &mut Ground,
    core: &CoreHandle,
    stop: &flag::Receiver<bool>,
) -> (Option<StationDesk>, Option<JoinHandle<()>>, Option<JoinHandle<()>>) {
    let settings = &ground.settings.stations;
    if !settings.enabled {
        return (None, None, None);
    }
    let crossings: Vec<Crossing> = ground.record.1.crossings.values().cloned().collect();
    let stations = std::mem::take(&mut ground.stations);
    let ways = (core, &ground.metrics);
    let (desk, task) =
        StationDesk::open(stations, &crossings, &ground.network, settings.valid_s, ways);
    let telemetry = Telemetry { desk: desk.clone(), core: core.clone(), answer: settings.answer };
    let listener = ground.telemetry.take();
    let listening =
        listener.map(|listener| tokio::spawn(telemetry::serve(listener, telemetry, stop.clone())));
    (Some(desk), Some(tokio::spawn(task.serve(stop.clone()))), listening)
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
