//! Telling the upper platform: what stands on record until it is taken, heartbeats, what there is and how
//! it is, and answers to its questions. One package at a time, so that order is kept; only what is in vain again
//! and again lets other messages go first.

use super::exchange::{Party, PostFault, Receipt, Saying};
use super::inventory::{Inventory, records};
use super::patience::{Patience, SILENT_AFTER};
use super::watch::{PlatformWatch, SaidNow};
use super::{Asked, Metrics, told};
use crate::clock;
use crate::daemon::core::CoreHandle;
use crate::gateway::{Input, Outgoing, PlatformInput};
use crate::ingest::ebd::{Body, LogItem, Params, ResourceRecord};
use crate::model::{EbdKind, ResultCode, UtcMs};
use crate::tls;
use std::collections::BTreeSet;
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

/// A report that was not taken is told again after so many seconds.
const REPORT_AGAIN_S: i64 = 10;
/// A question is answered within so many seconds or not at all, with an alarm; its sender asks again.
const QUESTION_S_MAX: i64 = 600;

/// Something that stands on record and waits.
struct Waiting {
    sequence: u64,
    /// Tries in vain on record.
    n_tries: u32,
    /// `EBMID` of the message it is about.
    ebm: String,
}

/// What tells upstream.
pub(super) struct Upward {
    url: String,
    watch: Arc<PlatformWatch>,
    party: Party,
    core: CoreHandle,
    metrics: Arc<Metrics>,
    client: reqwest::Client,
    inventory: Inventory,
    patience: Patience,
    /// A question whose answer was not taken yet.
    question: Option<Asked>,
    heartbeat_at: UtcMs,
    info_at: UtcMs,
    state_at: UtcMs,
    presence_at: UtcMs,
}

impl Upward {
    pub(super) fn new(
        url: String,
        watch: Arc<PlatformWatch>,
        party: Party,
        core: CoreHandle,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let (settings, wait_max) = (&watch.settings, Duration::from_secs(POST_S_MAX));
        let (trusted, own) = (settings.ca_file.as_deref(), settings.client());
        let client = tls::posting_client_as(&url, trusted, own, wait_max)?;
        let never = UtcMs::default();
        Ok(Self {
            url,
            watch,
            party,
            core,
            metrics,
            client,
            inventory: Inventory::default(),
            patience: Patience::default(),
            question: None,
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
                if clock::now_utc() < self.patience.next_at {
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
        let aside = self.recorded().await?;
        let now = clock::now_utc();
        if now >= self.heartbeat_at {
            let body = Body::Check { at: now };
            self.say(Saying::new(EbdKind::ConnectionCheck, body)).await?;
            self.heartbeat_at = now.plus_s(i64::from(self.watch.settings.heartbeat_s));
        }
        self.reports(now).await?;
        while let Some(question) = self.question.take().or_else(|| asked.try_recv().ok()) {
            if now.since_ms(question.at) > QUESTION_S_MAX * 1_000 {
                self.metrics.alarm("platform_question_dropped");
                let what = question.request.what.name();
                tracing::error!(what, related = %question.related, "a question was not answered in time");
                continue;
            }
            // Until its answer is taken it is the next to be answered.
            self.question = Some(question.clone());
            self.answer(question).await?;
            self.question = None;
        }
        // At last, and one at a time, what was in vain before.
        if let Some(one) = aside.into_iter().find(|one| self.patience.is_due(one.sequence, now)) {
            let before = self.patience.n_failed;
            if self.one(one).await.is_none() && before == 0 {
                // Others were answered just now: this is no silence.
                self.patience.forgive();
            }
        }
        Some(())
    }

    /// What there is and how it is, when it is due. A report that is not taken is due again after a while,
    /// so that the others are told meanwhile.
    async fn reports(&mut self, now: UtcMs) -> Option<()> {
        let again_at = now.plus_s(REPORT_AGAIN_S);
        if now >= self.info_at {
            self.info_at = again_at;
            let first = !self.inventory.has(EbdKind::EbrpsInfo);
            self.report(EbdKind::EbrpsInfo, false, None, true).await?;
            self.report(EbdKind::EbrdtInfo, !first, None, first).await?;
            self.info_at = now.plus_s(i64::from(self.watch.settings.info_s));
        }
        if now >= self.state_at {
            self.state_at = again_at;
            self.report(EbdKind::EbrpsState, false, None, true).await?;
            self.report(EbdKind::EbrdtState, false, None, true).await?;
            self.state_at = now.plus_s(i64::from(self.watch.settings.state_s));
        }
        if now >= self.presence_at {
            self.presence_at = now.plus_s(PRESENCE_S);
            self.report(EbdKind::EbrdtState, true, None, false).await?;
            self.report(EbdKind::EbrdtInfo, true, None, false).await?;
        }
        Some(())
    }

    /// What stands on record, oldest first; gives what stepped aside.
    async fn recorded(&mut self) -> Option<Vec<Waiting>> {
        let look = |gateway: &crate::gateway::Gateway| {
            let platform = &gateway.state().platform;
            let waiting = platform.outgoing.iter().map(|(sequence, one)| {
                let n_tries = platform.exchanged.n_tries(*sequence);
                let ebm = one.content.report().ebm.clone();
                Waiting { sequence: *sequence, n_tries, ebm }
            });
            waiting.collect::<Vec<_>>()
        };
        let waiting: Vec<Waiting> = self.core.look(look).await.ok()?;
        self.patience.keep(|sequence| waiting.iter().any(|one| one.sequence == sequence));
        let (mut aside, mut first) = (Vec::new(), Vec::new());
        let mut held = BTreeSet::new();
        for one in waiting {
            if self.patience.is_aside(one.sequence) {
                held.insert(one.ebm.clone());
                aside.push(one);
            } else if !held.contains(&one.ebm) {
                // What is newer of the same message waits behind what is older.
                first.push(one);
            }
        }
        for one in first.into_iter().take(SENT_PER_LOOK_MAX) {
            self.one(one).await?;
        }
        Some(aside)
    }

    /// One thing that stands on record. What becomes of it goes on record as well.
    async fn one(&mut self, waiting: Waiting) -> Option<()> {
        let Waiting { sequence, n_tries, .. } = waiting;
        let look = move |gateway: &crate::gateway::Gateway| {
            gateway.state().platform.outgoing.get(&sequence).cloned()
        };
        let one: Option<Outgoing> = self.core.look(look).await.ok()?;
        // It was dropped by its age meanwhile.
        let Some(one) = one else { return Some(()) };
        let posted = self.post(told::saying(&self.party, sequence, &one)).await;
        let input = match &posted {
            Ok(receipt) => {
                self.patience.taken(sequence);
                PlatformInput::Taken { sequence, code: receipt.code }
            }
            Err(fault) => {
                let n_tries = self.patience.in_vain(sequence, n_tries, clock::now_utc());
                PlatformInput::Unanswered { sequence, n_tries, why: fault.to_string() }
            }
        };
        // Without the core there is nobody to note it; it is told again after the next start.
        self.core.ask(None, move |request| Input::Platform(request, input)).await.ok()?;
        posted.is_ok().then_some(())
    }

    async fn answer(&mut self, asked: Asked) -> Option<()> {
        let Asked { request, related, .. } = asked;
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
        let (watch, now) = (Arc::clone(&self.watch), clock::now_utc());
        let look =
            move |gateway: &crate::gateway::Gateway| records(&watch.settings, gateway, kind, now);
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

    /// Posts what stands on no record; `None` = it did not arrive, and the next try waits.
    async fn say(&mut self, saying: Saying) -> Option<Receipt> {
        let (kind, at) = (saying.kind, clock::now_utc());
        let n_records = match &saying.body {
            Body::Records(_, records) => Some(records.len()),
            Body::Log(_, items) => Some(items.len()),
            Body::Ebm(_)
            | Body::StateRequest { .. }
            | Body::State(_)
            | Body::Request(_)
            | Body::Check { .. }
            | Body::Result { .. } => None,
        };
        let posted = self.post(saying).await;
        let answer = match &posted {
            Ok(receipt) => Ok((receipt.code, receipt.desc.clone())),
            Err(fault) => Err(fault.to_string()),
        };
        self.watch.said(SaidNow { at, kind, n_records, answer });
        posted.ok()
    }

    /// Posts, and counts what fails.
    async fn post(&mut self, saying: Saying) -> Result<Receipt, PostFault> {
        let kind = saying.kind;
        let posted = match self.party.package(saying, &[]) {
            Ok((id, package)) => self.party.post(&self.client, &self.url, &id, &package).await,
            Err(fault) => Err(PostFault::Unreached(fault)),
        };
        match &posted {
            Ok(receipt) => {
                if self.patience.answered() {
                    tracing::info!("the upper platform answers again");
                }
                self.watch.answered(clock::now_utc());
                self.told_no(kind, receipt);
            }
            Err(fault) => {
                let wait_s = self.patience.failed(clock::now_utc());
                let Patience { n_failed, next_at, .. } = self.patience;
                let why = fault.to_string();
                self.watch.unanswered(n_failed, &why, next_at);
                if n_failed == SILENT_AFTER {
                    self.metrics.alarm("platform_silent");
                }
                tracing::warn!(kind = kind.name(), fault = %why, wait_s, "not told upstream");
            }
        }
        posted
    }

    fn told_no(&self, kind: EbdKind, receipt: &Receipt) {
        if !receipt.code.is_taken() {
            self.metrics.alarm("platform_says_no");
            let code = ResultCode::number(receipt.code);
            tracing::error!(kind = kind.name(), code, desc = %receipt.desc, "the upper platform refused");
        }
    }
}
