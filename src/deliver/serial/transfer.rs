//! One clip on its way to the terminals of a bus: everything once for all, then what anyone still
//! misses, until all have it. Silence is not "everything is missing": who does not answer is asked
//! again, and holds up nobody.

use mingluo_bridge::intake::chunk_count;
use mingluo_bridge::line::{Chunk, Progress, Tag, tag};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Wait before a terminal that is still checking is asked again, microseconds.
const CHECKING_WAIT_US: i64 = 60_000;
/// Polls without an answer before a terminal is left alone for a while.
const SILENT_POLLS_MAX: u8 = 3;
/// How long it is left alone, microseconds: doubling from the first to the second.
const SILENT_WAIT_US: (i64, i64) = (2_000_000, 60_000_000);
/// Answers in a row that no order named the clip, until the order goes out less often.
const UNASKED_MAX: u8 = 3;
/// After so many chunks of the first round the order goes out once more: whoever missed it would
/// take none of the chunks.
const ORDER_AGAIN_AFTER: u16 = 8;

/// Content that goes with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its digest.
    pub sha256: [u8; 32],
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Addresses that must have it.
    pub to: Vec<u8>,
    /// How it gets there.
    pub bring: Bring,
}

/// How content gets to its receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bring {
    /// It is sent at once; one is asked first, who may have it.
    Send,
    /// They probably have it: it is named to all at once, then they are asked, and what anyone
    /// lacks is sent.
    Name,
    /// They are asked whether they have it, and nothing is sent.
    Look,
}

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// The receiver has the content, for the first time.
    Here,
    /// The receiver can't have it.
    Never,
    /// Neither.
    Nothing,
}

/// Where one receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// To be asked, not before this time.
    Ask(i64),
    /// Told what it misses.
    Told,
    /// Has it.
    Here,
    /// Can't have it.
    Impossible,
}

#[derive(Debug, Clone)]
struct Receiver {
    address: u8,
    /// The order that names this clip to it: its own, or one for several.
    order: Arc<[u8]>,
    stand: Stand,
    silent: u8,
    /// Answers in a row that no order named the clip.
    unasked: u8,
}

/// What the transfer wants on the line next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// This order.
    Order(Arc<[u8]>),
    /// Say to all which content is meant.
    Name,
    /// This chunk.
    Chunk(u16),
    /// Ask this receiver.
    Ask(u8),
    /// Nothing before this time.
    Wait(i64),
}

/// The question before the first round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    ToAsk,
    Asked,
    Done,
}

/// The transfer.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) content: Content,
    pub(super) priority: u8,
    pub(super) expires_us: i64,
    pub(super) tag: Tag,
    /// The address whose answer is awaited; 0 = none.
    pub(super) asked_last: u8,
    units: u8,
    count: u16,
    receivers: Vec<Receiver>,
    /// Chunks of this round still to send.
    pending: BTreeSet<u16>,
    /// Chunks that answers of this round found missing: the next round.
    missing: BTreeSet<u16>,
    /// Orders to send before anything else.
    orders: Vec<Arc<[u8]>>,
    /// One receiver is asked before everything is sent: it may keep the clip from before we knew.
    probe: Probe,
    to_name: bool,
    sent_first_round: u16,
}

impl Transfer {
    /// A transfer that begins; `None` when the content does not fit the line.
    pub(super) fn new(
        content: Content,
        order: Arc<[u8]>,
        priority: u8,
        expires_us: i64,
        units: u8,
    ) -> Option<Self> {
        let count = chunk_count(u32::try_from(content.bytes.len()).ok()?, units)?;
        let receivers = content
            .to
            .iter()
            .map(|address| Receiver {
                address: *address,
                order: Arc::clone(&order),
                stand: Stand::Ask(0),
                silent: 0,
                unasked: 0,
            })
            .collect();
        let send = content.bring == Bring::Send;
        let pending = if send { (0..count).collect() } else { BTreeSet::new() };
        let orders = vec![order];
        let to_name = content.bring == Bring::Name;
        Some(Self {
            tag: tag(&content.sha256),
            asked_last: 0,
            content,
            priority,
            expires_us,
            units,
            count,
            receivers,
            pending,
            missing: BTreeSet::new(),
            orders,
            probe: if send { Probe::ToAsk } else { Probe::Done },
            to_name,
            sent_first_round: 0,
        })
    }

    /// The same content for these too, by a newer order.
    pub(super) fn join(&mut self, now_us: i64, to: &[u8], order: &Arc<[u8]>) {
        let mut is_new = false;
        for address in to {
            match self.receivers.iter_mut().find(|r| r.address == *address) {
                Some(known) => {
                    known.silent = 0;
                    known.order = Arc::clone(order);
                    if known.stand != Stand::Told {
                        known.stand = Stand::Ask(now_us);
                    }
                }
                None => {
                    self.content.to.push(*address);
                    let (stand, order) = (Stand::Ask(now_us), Arc::clone(order));
                    let (address, silent, unasked) = (*address, 0, 0);
                    self.receivers.push(Receiver { address, order, stand, silent, unasked });
                    is_new = true;
                }
            }
        }
        // Whoever is known and missed its order says so when asked.
        if is_new {
            self.orders.push(Arc::clone(order));
        }
    }

    /// Every order once more.
    fn again(&mut self) {
        for receiver in &self.receivers {
            if !self.orders.contains(&receiver.order) {
                self.orders.push(Arc::clone(&receiver.order));
            }
        }
    }

    /// Whether nothing more will be done: all have it or can't have it, or its time is over.
    pub(super) fn is_over(&self, now_us: i64) -> bool {
        let ended = |r: &Receiver| matches!(r.stand, Stand::Here | Stand::Impossible);
        now_us >= self.expires_us || self.receivers.iter().all(ended)
    }

    /// Whether an order goes before anything else.
    pub(super) fn has_order(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Whether what goes next is for all and wants no answer: an order, or which content it means.
    pub(super) fn has_word(&self) -> bool {
        self.has_order() || self.to_name
    }

    /// What goes on the line next.
    pub(super) fn next(&mut self, now_us: i64) -> Next {
        if let Some(order) = self.orders.pop() {
            return Next::Order(order);
        }
        if std::mem::take(&mut self.to_name) {
            return Next::Name;
        }
        if self.probe == Probe::ToAsk
            && let Some(first) = self.receivers.first()
        {
            self.probe = Probe::Asked;
            return Next::Ask(first.address);
        }
        if let Some(index) = self.pending.pop_first() {
            self.sent_first_round = self.sent_first_round.saturating_add(1);
            if self.sent_first_round == ORDER_AGAIN_AFTER && self.content.bring == Bring::Send {
                self.again();
            }
            return Next::Chunk(index);
        }
        let asked = |receiver: &Receiver| match receiver.stand {
            Stand::Ask(at) => Some((at, receiver.address)),
            Stand::Told | Stand::Here | Stand::Impossible => None,
        };
        let next = self.receivers.iter().filter_map(asked).min_by_key(|(at, _)| *at);
        match next {
            Some((at, address)) if at <= now_us => Next::Ask(address),
            later => {
                // Everyone who talks has said what is missing: the next round is that for all.
                // Who is silent is asked again after it.
                if !self.missing.is_empty() {
                    self.pending = std::mem::take(&mut self.missing);
                    for receiver in self.receivers.iter_mut().filter(|r| r.stand == Stand::Told) {
                        receiver.stand = Stand::Ask(now_us);
                    }
                    return self.next(now_us);
                }
                Next::Wait(later.map_or(i64::MAX, |(at, _)| at))
            }
        }
    }

    /// The chunk of a number.
    pub(super) fn chunk(&self, index: u16) -> Option<Chunk<'_>> {
        let size = usize::from(self.units) * usize::from(mingluo_bridge::line::CHUNK_UNIT_BYTES);
        let from = usize::from(index) * size;
        let to = (from + size).min(self.content.bytes.len());
        let bytes = self.content.bytes.get(from..to)?;
        Some(Chunk { tag: self.tag, units: self.units, index, bytes })
    }

    /// A receiver's answer.
    pub(super) fn answered(
        &mut self,
        now_us: i64,
        address: u8,
        progress: Progress,
        missing: &[u8],
    ) -> Turned {
        let Some(receiver) = self.receivers.iter_mut().find(|r| r.address == address) else {
            return Turned::Nothing;
        };
        receiver.silent = 0;
        receiver.unasked =
            if progress == Progress::Unasked { receiver.unasked.saturating_add(1) } else { 0 };
        if std::mem::replace(&mut self.probe, Probe::Done) == Probe::Asked {
            match progress {
                // Whoever has it got it together with the others: all are asked.
                Progress::Here => self.pending.clear(),
                Progress::Unasked => self.orders = vec![Arc::clone(&receiver.order)],
                Progress::Missing { .. } | Progress::Checking | Progress::Impossible => {}
            }
            if !self.pending.is_empty() {
                return Turned::Nothing;
            }
        }
        let before = receiver.stand;
        receiver.stand = match progress {
            Progress::Here => Stand::Here,
            Progress::Impossible => Stand::Impossible,
            Progress::Checking => Stand::Ask(now_us + CHECKING_WAIT_US),
            Progress::Missing { .. } if self.content.bring == Bring::Look => Stand::Impossible,
            // It refuses the order, or knows the content no more: it is told now and then.
            Progress::Unasked if receiver.unasked > UNASKED_MAX => {
                self.orders = vec![Arc::clone(&receiver.order)];
                let beyond = u32::from(receiver.unasked - UNASKED_MAX);
                Stand::Ask(now_us + (SILENT_WAIT_US.0 << beyond.min(5)).min(SILENT_WAIT_US.1))
            }
            Progress::Unasked => {
                self.orders = vec![Arc::clone(&receiver.order)];
                Stand::Ask(now_us)
            }
            Progress::Missing { .. } if missing.is_empty() => {
                self.missing.extend(0..self.count);
                Stand::Told
            }
            Progress::Missing { first, .. } => {
                for (at, bits) in (0_u16..).zip(missing) {
                    for bit in (0..8_u16).filter(|bit| bits & (1 << bit) != 0) {
                        let index = first.saturating_add(at * 8 + bit);
                        if index < self.count {
                            self.missing.insert(index);
                        }
                    }
                }
                Stand::Told
            }
        };
        match receiver.stand {
            now if now == before => Turned::Nothing,
            Stand::Here => Turned::Here,
            Stand::Impossible if progress == Progress::Impossible => Turned::Never,
            // Only asked, and it lacks the content.
            Stand::Impossible => Turned::Nothing,
            Stand::Ask(_) | Stand::Told => Turned::Nothing,
        }
    }

    /// A receiver did not answer.
    pub(super) fn silent(&mut self, now_us: i64, address: u8) {
        let Some(receiver) = self.receivers.iter_mut().find(|r| r.address == address) else {
            return;
        };
        if std::mem::replace(&mut self.probe, Probe::Done) == Probe::Asked {
            // It is asked with all others after the first round.
            return;
        }
        receiver.silent = receiver.silent.saturating_add(1);
        if let Stand::Ask(_) = receiver.stand {
            let beyond = receiver.silent.saturating_sub(SILENT_POLLS_MAX);
            let wait_us = if receiver.silent < SILENT_POLLS_MAX {
                0
            } else {
                (SILENT_WAIT_US.0 << beyond.min(5)).min(SILENT_WAIT_US.1)
            };
            receiver.stand = Stand::Ask(now_us + wait_us);
        }
    }
}
