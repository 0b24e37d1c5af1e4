//! Telling the upper platform: what stands on record until it is taken, heartbeats, what there is and how
//! it is, and answers to its questions. One package at a time, so that order is kept.

use super::exchange::{Party, Receipt, Saying};
use super::inventory::{Inventory, records};
use super::{Asked, Metrics, told};
use crate::clock;
use crate::config::PlatformSettings;
use crate::daemon::core::CoreHandle;
use crate::gateway::{Input, Outgoing, PlatformInput};
use crate::ingest::ebd::{Body, LogItem, Params, ResourceRecord};
use crate::model::{EbdKind, ResultCode, UtcMs};
use crate::tls;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often it is looked what is to be told, milliseconds.
const LOOK_MS: u64 = 500;
/// How often the presence of terminals is looked at, seconds: an outage is told at once.
const PRESENCE_S: i64 = 5;
/// Things on record that are sent in one look.
const SENT_PER_LOOK_MAX: usize = 16;
/// Records of one package.
const RECORDS_PER_PACKAGE_MAX: usize = 5_000;
/// Longest wait for a receipt, seconds (JS 2018: 20 s without an answer is abnormal).
const POST_S_MAX: u64 = 20;
/// Wait after a failed post, seconds; it doubles from failure to failure.
const RETRY_S_MIN: i64 = 1;
/// Longest wait between two tries, seconds.
const RETRY_S_MAX: i64 = 60;
/// Failures in a row after which people are told.
const SILENT_AFTER: u32 = 3;

/// What tells upstream.
pub(super) struct Upward {
    url: String,
    settings: PlatformSettings,
    party: Party,
    core: CoreHandle,
    metrics: Arc<Metrics>,
    client: reqwest::Client,
    inventory: Inventory,
    /// Failures in a row.
    n_failed: u32,
    /// Nothing is posted before this.
    next_at: UtcMs,
    heartbeat_at: UtcMs,
    info_at: UtcMs,
    state_at: UtcMs,
    presence_at: UtcMs,
}

impl Upward {
    pub(super) fn new(
        url: String,
        settings: PlatformSettings,
        party: Party,
        core: CoreHandle,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let client = tls::posting_client(&url, None, Duration::from_secs(POST_S_MAX))?;
        let never = UtcMs::default();
        Ok(Self {
            url,
            settings,
            party,
            core,
            metrics,
            client,
            inventory: Inventory::default(),
            n_failed: 0,
            next_at: never,
            heartbeat_at: never,
            info_at: never,
            state_at: never,
            presence_at: never,
        })
    }

    /// Tells until the daemon stops; what was not taken is told after the next start.
    pub(super) async fn run(
        mut self,
        mut asked: mpsc::Receiver<Asked>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval(Duration::from_millis(LOOK_MS));
        let tells = async {
            loop {
                ticks.tick().await;
                if clock::now_utc() < self.next_at {
                    continue;
                }
                // A failed post has said so and set the time of the next.
                let _failed = self.tell(&mut asked).await;
            }
        };
        tokio::select! {
            () = tells => {}
            _stop = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Everything that is due; `None` as soon as a post failed.
    async fn tell(&mut self, asked: &mut mpsc::Receiver<Asked>) -> Option<()> {
        self.recorded().await?;
        let now = clock::now_utc();
        if now >= self.heartbeat_at {
            let body = Body::Check { at: now };
            self.say(Saying::new(EbdKind::ConnectionCheck, body)).await?;
            self.heartbeat_at = now.plus_s(i64::from(self.settings.heartbeat_s));
        }
        if now >= self.info_at {
            let first = !self.inventory.has(EbdKind::EbrpsInfo);
            self.report(EbdKind::EbrpsInfo, false, None, true).await?;
            self.report(EbdKind::EbrdtInfo, !first, None, first).await?;
            self.info_at = now.plus_s(i64::from(self.settings.info_s));
        }
        if now >= self.state_at {
            self.report(EbdKind::EbrpsState, false, None, true).await?;
            self.report(EbdKind::EbrdtState, false, None, true).await?;
            self.state_at = now.plus_s(i64::from(self.settings.state_s));
        }
        if now >= self.presence_at {
            self.report(EbdKind::EbrdtState, true, None, false).await?;
            self.report(EbdKind::EbrdtInfo, true, None, false).await?;
            self.presence_at = now.plus_s(PRESENCE_S);
        }
        while let Ok(question) = asked.try_recv() {
            self.answer(question).await?;
        }
        Some(())
    }

    /// What stands on record, oldest first.
    async fn recorded(&mut self) -> Option<()> {
        let look = |gateway: &crate::gateway::Gateway| {
            let waiting = gateway.state().platform.outgoing.iter().take(SENT_PER_LOOK_MAX);
            waiting.map(|(sequence, one)| (*sequence, one.clone())).collect::<Vec<_>>()
        };
        let waiting: Vec<(u64, Outgoing)> = self.core.look(look).await.ok()?;
        for (sequence, one) in waiting {
            let receipt = self.say(told::saying(&self.party, sequence, &one)).await?;
            let code = receipt.code;
            let input = PlatformInput::Taken { sequence, code };
            // Without the core there is nobody to note it; it is told again after the next start.
            self.core.ask(None, move |request| Input::Platform(request, input)).await.ok()?;
        }
        Some(())
    }

    async fn answer(&mut self, asked: Asked) -> Option<()> {
        let Asked { request, related } = asked;
        let params = request.params;
        if request.what != EbdKind::EbmBrdLog {
            return self.report(request.what, params.incremental, Some(&related), true).await;
        }
        let within = move |at: UtcMs| {
            params.from.is_none_or(|from| at >= from)
                && params.until.is_none_or(|until| at <= until)
        };
        let look = move |gateway: &crate::gateway::Gateway| {
            let reports = gateway.state().platform.reports();
            reports.filter(|report| within(report.at)).cloned().collect::<Vec<_>>()
        };
        let reports = self.core.look(look).await.ok()?;
        let items: Vec<LogItem> = reports.iter().map(|one| told::log(&self.party, one)).collect();
        let saying = Saying::new(EbdKind::EbmBrdLog, Body::Log(params, items));
        self.say(saying.answering(Some(related))).await.map(drop)
    }

    /// What there is of a kind. `even_none` = an empty list is said too.
    async fn report(
        &mut self,
        kind: EbdKind,
        incremental: bool,
        related: Option<&str>,
        even_none: bool,
    ) -> Option<()> {
        let (settings, now) = (self.settings.clone(), clock::now_utc());
        let look = move |gateway: &crate::gateway::Gateway| records(&settings, gateway, kind, now);
        let there = self.core.look(look).await.ok()?;
        let news = self.inventory.news(kind, &there, incremental);
        if news.is_empty() && !even_none {
            return Some(());
        }
        let none: &[ResourceRecord] = &[];
        let pieces: Vec<&[ResourceRecord]> = match news.is_empty() {
            true => vec![none],
            false => news.chunks(RECORDS_PER_PACKAGE_MAX).collect(),
        };
        for piece in pieces {
            let params = Params { incremental, ..Params::default() };
            let saying = Saying::new(kind, Body::Records(params, piece.to_vec()));
            let receipt = self.say(saying.answering(related.map(str::to_owned))).await?;
            if receipt.code.is_taken() {
                self.inventory.took(kind, piece);
            }
        }
        Some(())
    }

    /// Posts; `None` = it did not arrive, and the next try waits.
    async fn say(&mut self, saying: Saying) -> Option<Receipt> {
        let kind = saying.kind;
        let posted = match self.party.package(saying, &[]) {
            Ok((id, package)) => self.party.post(&self.client, &self.url, &id, &package).await,
            Err(fault) => Err(fault),
        };
        match posted {
            Ok(receipt) => {
                if self.n_failed >= SILENT_AFTER {
                    tracing::info!("the upper platform answers again");
                }
                self.n_failed = 0;
                self.told_no(kind, &receipt);
                Some(receipt)
            }
            Err(fault) => {
                self.n_failed = self.n_failed.saturating_add(1);
                let wait_s = RETRY_S_MIN << (self.n_failed - 1).min(6);
                let wait_s = wait_s.min(RETRY_S_MAX);
                self.next_at = clock::now_utc().plus_s(wait_s);
                if self.n_failed == SILENT_AFTER {
                    self.metrics.alarm("platform_silent");
                }
                tracing::warn!(
                    kind = kind.name(),
                    fault = format!("{fault:#}"),
                    wait_s,
                    "not told upstream"
                );
                None
            }
        }
    }

    fn told_no(&self, kind: EbdKind, receipt: &Receipt) {
        if !receipt.code.is_taken() {
            self.metrics.alarm("platform_says_no");
            let code = ResultCode::number(receipt.code);
            tracing::error!(kind = kind.name(), code, desc = %receipt.desc, "the upper platform refused");
        }
    }
}
