//! Intake of posted alerts in a flood. Bodies are received first, a few at a time; then red warnings and
//! Cancels go by a lane of their own, and everything else by one that is narrow, so that a red one waits
//! behind a handful at most. What a source sends beyond its pace, and what finds its lane full, is not
//! taken: the sender is told so (429, 503) and repeats it, and the record says once a second how many.

use super::Problem;
use crate::clock::Monotonic;
use crate::daemon::{CoreHandle, stopped};
use crate::gateway::Input;
use crate::model::Shed;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

/// Bodies that are received at the same time; more wait unread, within the time of their request.
const BODIES_AT_ONCE_MAX: usize = 32;
/// Those of one source: who sends slowly holds up his own alone, and no red warning of another.
const BODIES_OF_SOURCE_MAX: usize = 8;
/// Urgent alerts that are read and recorded at the same time, and those that wait for it; 503 above.
const URGENT_AT_ONCE_MAX: usize = 16;
const URGENT_WAITING_MAX: usize = 48;
/// The same of all others.
const ORDINARY_AT_ONCE_MAX: usize = 4;
const ORDINARY_WAITING_MAX: usize = 28;
/// Alerts that are not urgent a second and source, on average; 429 above.
const SOURCE_PER_S_MAX: u64 = 50;
/// How many of them at once after a silence.
const SOURCE_BURST_MAX: u64 = 500;
/// Sources whose pace is known; with more, those that are full again are forgotten.
const SOURCES_MAX: usize = 4_096;
/// How often what was shed goes on record.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Thousandths of an alert: what a pace is counted in.
const MILLI: u64 = 1_000;

/// Why an alert was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    SourcePace,
    UrgentFull,
    OrdinaryFull,
}

impl Why {
    fn code(self) -> &'static str {
        match self {
            Self::SourcePace => "source_pace",
            Self::UrgentFull => "urgent_lane_full",
            Self::OrdinaryFull => "ordinary_lane_full",
        }
    }

    fn problem(self) -> Problem {
        match self {
            Self::SourcePace => {
                let detail = format!(
                    "more than {SOURCE_PER_S_MAX} alerts a second that are neither red nor a Cancel; \
                     this one is not taken, send it again in a moment"
                );
                let status = StatusCode::TOO_MANY_REQUESTS;
                Problem::of(status, "too-many-alerts", "该来源报文过多，请稍后重发", detail)
            }
            Self::UrgentFull | Self::OrdinaryFull => Problem::busy(
                "too many alerts wait to be read; this one is not taken, send it again",
            ),
        }
    }
}

/// How much of its pace a source has left, thousandths of an alert.
#[derive(Debug)]
struct Pace {
    left: u64,
    at_ms: u64,
}

impl Pace {
    fn refill(&mut self, now_ms: u64) {
        let gained = now_ms.saturating_sub(self.at_ms).saturating_mul(SOURCE_PER_S_MAX);
        self.left = self.left.saturating_add(gained).min(SOURCE_BURST_MAX * MILLI);
        self.at_ms = now_ms;
    }
}

/// Places for reading, and room to wait for one.
#[derive(Debug)]
struct Lane {
    room: Semaphore,
    places: Semaphore,
}

impl Lane {
    fn new(at_once: usize, waiting: usize) -> Self {
        Self { room: Semaphore::new(at_once + waiting), places: Semaphore::new(at_once) }
    }

    async fn enter(&self) -> Option<Place<'_>> {
        let room = self.room.try_acquire().ok()?;
        let place = self.places.acquire().await.ok()?;
        Some(Place { _place: place, _room: room })
    }
}

/// A place in a lane, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _place: SemaphorePermit<'a>,
    _room: SemaphorePermit<'a>,
}

/// What was shed and is not on record yet, by source and reason.
type ShedBy = BTreeMap<(String, Why), u32>;

/// The way in of posted alerts.
#[derive(Debug)]
pub struct Intake {
    bodies: Arc<Semaphore>,
    /// Of each source, its own part of them.
    bodies_of: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    urgent: Lane,
    ordinary: Lane,
    sources: Mutex<BTreeMap<String, Pace>>,
    shed: Mutex<ShedBy>,
    began: Monotonic,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            bodies: Arc::new(Semaphore::new(BODIES_AT_ONCE_MAX)),
            bodies_of: Mutex::default(),
            urgent: Lane::new(URGENT_AT_ONCE_MAX, URGENT_WAITING_MAX),
            ordinary: Lane::new(ORDINARY_AT_ONCE_MAX, ORDINARY_WAITING_MAX),
            sources: Mutex::default(),
            shed: Mutex::default(),
            began: Monotonic::start(),
        }
    }
}

impl Intake {
    /// A place to receive a body of this source, until it is dropped.
    ///
    /// # Errors
    /// When the gateway is stopping.
    pub(super) async fn body(&self, source: &str) -> Result<[OwnedSemaphorePermit; 2], Problem> {
        let stopping = |_| Problem::busy("the gateway is stopping");
        // Its own first: while it waits for that, it takes no place from others.
        let own = self.own_bodies(source).acquire_owned().await.map_err(stopping)?;
        let all = Arc::clone(&self.bodies).acquire_owned().await.map_err(stopping)?;
        Ok([own, all])
    }

    fn own_bodies(&self, source: &str) -> Arc<Semaphore> {
        let mut all = self.bodies_of.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SOURCES_MAX && !all.contains_key(source) {
            // Whoever sends nothing now has all of its places anyway.
            all.retain(|_, own| Arc::strong_count(own) > 1);
        }
        let fresh = || Arc::new(Semaphore::new(BODIES_OF_SOURCE_MAX));
        Arc::clone(all.entry(source.to_owned()).or_insert_with(fresh))
    }

    /// A place to read and record an alert of this source.
    ///
    /// # Errors
    /// 429 or 503; counted, for the record.
    pub(super) async fn enter(&self, source: &str, urgent: bool) -> Result<Place<'_>, Problem> {
        if !urgent && !self.keeps_pace(source, self.began.elapsed_ms()) {
            return Err(self.shed(source, Why::SourcePace));
        }
        let (lane, full) = match urgent {
            true => (&self.urgent, Why::UrgentFull),
            false => (&self.ordinary, Why::OrdinaryFull),
        };
        lane.enter().await.ok_or_else(|| self.shed(source, full))
    }

    fn keeps_pace(&self, source: &str, now_ms: u64) -> bool {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= SOURCES_MAX && !sources.contains_key(source) {
            sources.retain(|_, pace| {
                pace.refill(now_ms);
                pace.left < SOURCE_BURST_MAX * MILLI
            });
        }
        let fresh = Pace { left: SOURCE_BURST_MAX * MILLI, at_ms: now_ms };
        let pace = sources.entry(source.to_owned()).or_insert(fresh);
        pace.refill(now_ms);
        let keeps = pace.left >= MILLI;
        if keeps {
            pace.left -= MILLI;
        }
        keeps
    }

    fn shed(&self, source: &str, why: Why) -> Problem {
        let mut shed = self.shed.lock().unwrap_or_else(PoisonError::into_inner);
        let n = shed.entry((source.to_owned(), why)).or_default();
        *n = n.saturating_add(1);
        why.problem()
    }

    /// Puts what was shed on record, once a second, until the core has ended.
    pub(crate) async fn tell(self: Arc<Self>, core: CoreHandle, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(TELL_EVERY);
        let mut stopping = false;
        loop {
            tokio::select! {
                () = stopped(&mut stop), if !stopping => stopping = true,
                _ = ticks.tick() => {}
            }
            let shed =
                std::mem::take(&mut *self.shed.lock().unwrap_or_else(PoisonError::into_inner));
            for ((by, why), n) in shed {
                let shed = Shed { by, why: why.code().to_owned(), n };
                if core.happened(Input::AlertsShed(shed.clone())).await.is_err() {
                    tracing::warn!(?shed, "alerts were shed while the gateway stopped, unrecorded");
                }
            }
            if core.is_gone() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_keeps_its_pace_and_does_not_take_that_of_others() {
        let intake = Intake::default();
        let taken = |source: &str, tries: u64, now_ms: u64| -> u64 {
            let kept = (0..tries).filter(|_| intake.keeps_pace(source, now_ms));
            kept.count().try_into().unwrap()
        };
        assert_eq!(taken("a", 2_000, 0), SOURCE_BURST_MAX);
        assert_eq!(taken("b", 10, 0), 10);
        assert_eq!(taken("a", 2_000, 1_000), SOURCE_PER_S_MAX);
        assert_eq!(taken("a", 2_000, 1_019), 0, "less than one in 20 ms");
        assert_eq!(taken("a", 2_000, 1_020), 1);
        assert_eq!(taken("a", 2_000, 3_600_000), SOURCE_BURST_MAX);
    }

    #[tokio::test]
    async fn who_sends_slowly_holds_up_his_own_alone() {
        let intake = Intake::default();
        let mut held = Vec::new();
        for _ in 0..BODIES_OF_SOURCE_MAX {
            held.push(intake.body("slow").await.unwrap());
        }
        let more = intake.body("slow");
        let mut more = Box::pin(more);
        assert!(futures_util::FutureExt::now_or_never(&mut more).is_none());
        held.push(intake.body("other").await.unwrap());
        drop(held);
        assert!(more.await.is_ok());
        // All of them together have an end too.
        let mut held = Vec::new();
        for n in 0..BODIES_AT_ONCE_MAX {
            held.push(intake.body(&format!("{}", n / BODIES_OF_SOURCE_MAX)).await.unwrap());
        }
        assert!(futures_util::FutureExt::now_or_never(intake.body("late")).is_none());
    }

    #[tokio::test]
    async fn a_full_lane_sheds_and_the_other_goes_on() {
        let intake = Intake::default();
        let mut held = Vec::new();
        for _ in 0..ORDINARY_AT_ONCE_MAX {
            held.push(intake.enter("a", false).await.unwrap());
        }
        let waiting: Vec<_> =
            (0..ORDINARY_WAITING_MAX).map(|_| Box::pin(intake.enter("b", false))).collect();
        let mut waiting = futures_util::future::join_all(waiting);
        assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none());
        assert_eq!(intake.enter("c", false).await.unwrap_err().status, 503);
        assert!(intake.enter("c", true).await.is_ok(), "a red one does not wait behind them");
        held.clear();
        drop(waiting);
        assert!(intake.enter("c", false).await.is_ok());
        let shed = intake.shed.lock().unwrap();
        assert_eq!(shed.get(&("c".to_owned(), Why::OrdinaryFull)), Some(&1));
    }
}
