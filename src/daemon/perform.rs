//! Performs the core's actions: hands orders to the link, audio to the renderer, receipts to
//! terminals, alarms to people.

use super::call::CallDesk;
use super::metrics::Metrics;
use super::pins::Pins;
use super::receivers::ReceiverDesk;
use super::render::RenderQueue;
use crate::clock;
use crate::console::KnownKeys;
use crate::deliver::{self, KeyRing, Outgoing, Publish, TerminalAccess};
use crate::gateway::{Action, Gateway};
use crate::model::{Address, AreaCode, BroadcastId, LinkKind, OrderKind, TerminalId, UtcMs};
use crate::record::entry::Entry;
use mingluo_bridge::message::Order;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

/// Batches of orders waiting for the link. When it is full, batches wait in the core and go first
/// with the next group; the schedule repeats them anyway until they expire.
pub(crate) const OUTGOING_MAX: usize = 1_024;
/// How long receipts are collected: several reports of one terminal need one receipt, and orders
/// go first. A terminal repeats an unreceipted report after 4 s.
const RECEIPT_WAIT: Duration = Duration::from_secs(1);
/// Entries a slow watcher (`GET /events`) may lag behind before it loses the oldest.
pub(crate) const WATCH_LAG_MAX: usize = 4_096;

/// What watchers see: the stored text of an entry.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Kind of the entry.
    pub kind: &'static str,
    /// Its JSON body.
    pub body: Arc<str>,
}

/// What takes in the entries as they become durable, or is told by actions.
pub(crate) type Followers = (Pins, CallDesk, Arc<KnownKeys>, Arc<TerminalAccess>, ReceiverDesk);

/// Performs actions, on the core's thread; never waits.
pub(crate) struct Performer {
    keys: Arc<KeyRing>,
    prefix: String,
    outgoing: mpsc::Sender<Outgoing>,
    waiting: VecDeque<Outgoing>,
    render: RenderQueue,
    receipts: BTreeMap<(TerminalId, BroadcastId), u32>,
    receipts_since: Option<clock::Monotonic>,
    metrics: Arc<Metrics>,
    watchers: broadcast::Sender<Seen>,
    pins: Pins,
    calls: CallDesk,
    api_keys: Arc<KnownKeys>,
    access: Arc<TerminalAccess>,
    receivers: ReceiverDesk,
    space_low_told: bool,
}

impl Performer {
    /// A performer over its drivers.
    #[must_use]
    pub(crate) fn new(
        keys: Arc<KeyRing>,
        prefix: String,
        outgoing: mpsc::Sender<Outgoing>,
        render: RenderQueue,
        metrics: Arc<Metrics>,
        watchers: broadcast::Sender<Seen>,
        (pins, calls, api_keys, access, receivers): Followers,
    ) -> Self {
        Self {
            keys,
            prefix,
            outgoing,
            waiting: VecDeque::new(),
            render,
            receipts: BTreeMap::new(),
            receipts_since: None,
            metrics,
            watchers,
            pins,
            calls,
            api_keys,
            access,
            receivers,
            space_low_told: false,
        }
    }

    /// Tells metrics and watchers about an entry; called when it is durable.
    pub(crate) fn recorded(&self, entry: &Entry) {
        self.metrics.entry(entry);
        self.pins.follow(entry);
        self.api_keys.follow(entry);
        self.receivers.follow(entry);
        if let Entry::RegistryChanged { set, retired, .. } = entry {
            self.access.change(set, retired);
        }
        if self.watchers.receiver_count() > 0
            && let Ok(body) = serde_json::to_string(entry)
        {
            // Nobody watching any more is fine.
            let _watchers = self.watchers.send(Seen { kind: entry.kind(), body: body.into() });
        }
    }

    /// Notes how long a group of inputs took from its first to its durable rows.
    pub(crate) fn committed(&self, took: Duration) {
        self.metrics.group_committed(took);
    }

    /// Tells health whether the record takes entries.
    pub(crate) fn journal_state(&self, good: bool) {
        self.metrics.journal_good.store(good, std::sync::atomic::Ordering::Relaxed);
    }

    /// Raises the alarm of a record that lives on its last reserve, once.
    pub(super) fn space_low(&mut self) {
        if !self.space_low_told {
            self.space_low_told = true;
            self.metrics.alarm("record_space_low");
            self.metrics.health.set_space_low();
            tracing::error!("磁盘将满：记录正在使用最后的预留空间，请立即清理");
        }
    }

    /// Performs one action that is not a record or a reply.
    pub(crate) fn perform(&mut self, gateway: &Gateway, action: Action) {
        match action {
            Action::Record(_) | Action::Reply(..) => {}
            Action::Render(order) => self.render.push(*order),
            Action::Send { broadcast, order, to, kind, link, expires } => {
                let known = gateway.state().broadcasts.get(&broadcast);
                let hazard = known.and_then(|state| state.broadcast.hazard());
                let publishes = Vec::new();
                let batch = Outgoing { broadcast, kind, link, hazard, to, publishes };
                self.send(gateway, batch, &order, expires);
            }
            Action::Receipt(terminal, broadcast, sequence) => {
                let slot = self.receipts.entry((terminal, broadcast)).or_insert(sequence);
                *slot = sequence.max(*slot);
                self.receipts_since.get_or_insert_with(clock::Monotonic::start);
            }
            Action::Call(order) => self.calls.push(*order),
            Action::Alarm(reason) => {
                self.metrics.alarm(&reason.code);
                tracing::warn!(code = %reason.code, "{}", reason.text);
            }
        }
    }

    fn send(&mut self, gateway: &Gateway, mut batch: Outgoing, order: &Order, expires: UtcMs) {
        let broadcast = batch.broadcast;
        let cover: &[AreaCode] =
            gateway.state().broadcasts.get(&broadcast).map_or(&[], |state| state.broadcast.areas());
        let terminals = &gateway.rules().network.terminals;
        let mut publishes = Vec::with_capacity(batch.to.len());
        // Repairs of one area carry the same bytes: seal them once.
        let mut sealed: Vec<(Order, Arc<[u8]>)> = Vec::new();
        for address in &batch.to {
            let terminal = match address {
                Address::Terminal(id) => terminals.get(id),
                Address::Area(_) => None,
            };
            let aimed = deliver::aimed(order, *address, cover, terminal);
            let known = sealed.iter().find(|(order, _)| *order == aimed);
            let payload = match known {
                Some((_, payload)) => Arc::clone(payload),
                None => match self.keys.seal_order(&aimed) {
                    Ok(payload) => {
                        if sealed.len() < 16 {
                            sealed.push((aimed, Arc::clone(&payload)));
                        }
                        payload
                    }
                    Err(fault) => {
                        tracing::error!(%fault, %broadcast, "order can't be sealed");
                        continue;
                    }
                },
            };
            let topic = deliver::order_topic(&self.prefix, *address);
            publishes.push(Publish { topic, payload, expires_at: Some(expires) });
        }
        batch.publishes = publishes;
        self.waiting.push_back(batch);
        self.hand_over();
    }

    /// Sends the collected receipts once the first of them waited [`RECEIPT_WAIT`]; called on every
    /// wake.
    pub(crate) fn flush_receipts_due(&mut self) {
        if self.receipts_since.is_some_and(|since| since.elapsed() >= RECEIPT_WAIT) {
            self.flush_receipts();
        } else {
            self.hand_over();
        }
    }

    /// Sends the collected receipts.
    pub(crate) fn flush_receipts(&mut self) {
        self.receipts_since = None;
        let receipts = std::mem::take(&mut self.receipts);
        let publishes: Vec<Publish> = receipts
            .into_iter()
            .filter_map(|((terminal, broadcast), sequence)| {
                let payload = self.keys.seal_receipt(terminal, broadcast, sequence).ok()?;
                let topic = deliver::receipt_topic(&self.prefix, terminal);
                Some(Publish { topic, payload, expires_at: None })
            })
            .collect();
        if !publishes.is_empty() {
            let outgoing = Outgoing {
                broadcast: BroadcastId(0),
                kind: OrderKind::Query,
                link: LinkKind::Mqtt,
                hazard: None,
                to: Vec::new(),
                publishes,
            };
            self.waiting.push_back(outgoing);
        }
        self.hand_over();
    }

    fn hand_over(&mut self) {
        while let Some(next) = self.waiting.pop_front() {
            if let Err(refused) = self.outgoing.try_send(next) {
                if let mpsc::error::TrySendError::Full(back) = refused {
                    self.waiting.push_front(back);
                }
                return;
            }
        }
    }
}
