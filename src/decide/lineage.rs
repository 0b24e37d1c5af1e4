//! Which alerts are the same, and which replace or end which.
//!
//! References are matched by identifier (and sender when given), never by time: the CMA feed writes
//! the new message's time into the triple. The national form refers to the *first* message of the
//! event, so an Update or Cancel also takes with it every earlier Update of the same first message.
//! Only messages with status Actual replace or end anything: an exercise can't silence a warning.

use crate::model::{Alert, AlertId, MsgType, Reference, Sha256, Status, UtcMs};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Alerts whose identity is kept. When full, the oldest is forgotten: a repeat of it would then
/// count as new, and its age sends it to a person.
pub const LINEAGE_ALERTS_MAX: usize = 20_000;

/// What an alert is in the light of the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not seen before.
    New {
        /// Known alerts that it replaces or ends.
        supersedes: Vec<AlertId>,
        /// A Cancel or Update that came earlier and replaces or ends this one.
        already_cancelled: Option<AlertId>,
        /// References to messages that never came.
        dangling: Vec<Reference>,
    },
    /// The same message again.
    Duplicate,
    /// Same sender, identifier and time, other content.
    Conflict {
        /// Digest of the content that came first.
        first: Sha256,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    id: AlertId,
    content: Sha256,
    msg_type: MsgType,
    actual: bool,
    references: Vec<Reference>,
}

impl Known {
    fn ends_others(&self) -> bool {
        self.actual && matches!(self.msg_type, MsgType::Update | MsgType::Cancel)
    }
}

/// The identities and references of the alerts so far, oldest first; a fold of the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "VecDeque<Known>", into = "VecDeque<Known>")]
pub struct Lineage {
    known: VecDeque<Known>,
    /// How many were forgotten: position in `known` plus this is a number for life.
    n_forgotten: usize,
    by_id: BTreeMap<AlertId, usize>,
    by_identifier: BTreeMap<String, BTreeSet<usize>>,
    referred_by: BTreeMap<String, BTreeSet<usize>>,
}

impl Lineage {
    /// What `alert` with the digest `content` of its normalised content is.
    #[must_use]
    pub fn verdict(&self, alert: &Alert, content: Sha256) -> Verdict {
        if let Some(known) = self.by_id.get(&alert.id).and_then(|number| self.get(*number)) {
            return if known.content == content {
                Verdict::Duplicate
            } else {
                Verdict::Conflict { first: known.content }
            };
        }
        let dangling = alert
            .references
            .iter()
            .filter(|reference| self.meant(reference).next().is_none())
            .cloned()
            .collect();
        let ends = alert.status == Status::Actual
            && matches!(alert.msg_type, MsgType::Update | MsgType::Cancel);
        let supersedes = if ends { self.chain(alert) } else { Vec::new() };
        Verdict::New { supersedes, already_cancelled: self.ended_by(alert), dangling }
    }

    /// Folds an alert in. Inserting the same one again changes nothing.
    pub fn insert(
        &mut self,
        id: &AlertId,
        content: Sha256,
        msg_type: MsgType,
        status: Status,
        references: &[Reference],
    ) {
        self.push(Known {
            id: id.clone(),
            content,
            msg_type,
            actual: status == Status::Actual,
            references: references.to_vec(),
        });
    }

    fn push(&mut self, known: Known) {
        if self.by_id.contains_key(&known.id) {
            return;
        }
        if self.known.len() >= LINEAGE_ALERTS_MAX {
            self.forget_oldest();
        }
        let number = self.n_forgotten + self.known.len();
        self.by_id.insert(known.id.clone(), number);
        self.by_identifier.entry(known.id.identifier.clone()).or_default().insert(number);
        for reference in &known.references {
            self.referred_by.entry(reference.identifier.clone()).or_default().insert(number);
        }
        self.known.push_back(known);
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.known.pop_front() else { return };
        let number = self.n_forgotten;
        self.n_forgotten += 1;
        self.by_id.remove(&oldest.id);
        drop_number(&mut self.by_identifier, &oldest.id.identifier, number);
        for reference in &oldest.references {
            drop_number(&mut self.referred_by, &reference.identifier, number);
        }
    }

    fn get(&self, number: usize) -> Option<&Known> {
        self.known.get(number.checked_sub(self.n_forgotten)?)
    }

    /// Known alerts that a reference means.
    fn meant<'a>(&'a self, reference: &'a Reference) -> impl Iterator<Item = &'a Known> {
        self.by_identifier
            .get(&reference.identifier)
            .into_iter()
            .flatten()
            .filter_map(|number| self.get(*number))
            .filter(move |known| means(reference, &known.id))
    }

    /// Known alerts that refer to `id`.
    fn referring<'a>(&'a self, id: &'a AlertId) -> impl Iterator<Item = &'a Known> {
        self.referred_by
            .get(&id.identifier)
            .into_iter()
            .flatten()
            .filter_map(|number| self.get(*number))
            .filter(move |known| known.references.iter().any(|reference| means(reference, id)))
    }

    /// What an Update or Cancel ends: what it refers to, what those referred to, and earlier
    /// Updates that refer to any of these.
    fn chain(&self, alert: &Alert) -> Vec<AlertId> {
        let mut found: BTreeSet<&AlertId> = BTreeSet::new();
        let mut open: Vec<&Known> = Vec::new();
        for reference in &alert.references {
            open.extend(self.meant(reference));
            // The first message may never have come, but an Update of it may have.
            open.extend(self.siblings(reference, alert.id.sent));
        }
        while let Some(known) = open.pop() {
            if !found.insert(&known.id) {
                continue;
            }
            for reference in &known.references {
                open.extend(self.meant(reference));
            }
            open.extend(
                self.referring(&known.id)
                    .filter(|later| later.id.sent <= alert.id.sent && later.ends_others()),
            );
        }
        found.remove(&alert.id);
        found.into_iter().cloned().collect()
    }

    /// Updates not later than `sent` that carry a reference to the same message.
    fn siblings<'a>(
        &'a self,
        reference: &'a Reference,
        sent: UtcMs,
    ) -> impl Iterator<Item = &'a Known> {
        self.referred_by
            .get(&reference.identifier)
            .into_iter()
            .flatten()
            .filter_map(|number| self.get(*number))
            .filter(move |known| {
                known.ends_others()
                    && known.id.sent <= sent
                    && known.references.iter().any(|theirs| same_target(theirs, reference))
            })
    }

    /// The Cancel or Update that overtook `alert`: it refers to `alert` itself, or it refers to the
    /// same first message and was sent later.
    fn ended_by(&self, alert: &Alert) -> Option<AlertId> {
        let direct = self.referring(&alert.id).find(|known| known.ends_others());
        let by_sibling = || {
            alert.references.iter().find_map(|reference| {
                self.referred_by
                    .get(&reference.identifier)
                    .into_iter()
                    .flatten()
                    .filter_map(|number| self.get(*number))
                    .find(|known| {
                        known.ends_others()
                            && known.id.sent > alert.id.sent
                            && known.references.iter().any(|theirs| same_target(theirs, reference))
                    })
            })
        };
        let over = alert.status == Status::Actual && alert.msg_type != MsgType::Cancel;
        direct.or_else(by_sibling).filter(|_| over).map(|known| known.id.clone())
    }
}

fn means(reference: &Reference, id: &AlertId) -> bool {
    reference.identifier == id.identifier
        && reference.sender.as_ref().is_none_or(|sender| *sender == id.sender)
}

fn same_target(a: &Reference, b: &Reference) -> bool {
    let senders_agree = match (&a.sender, &b.sender) {
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => true,
    };
    a.identifier == b.identifier && senders_agree
}

fn drop_number(index: &mut BTreeMap<String, BTreeSet<usize>>, key: &str, number: usize) {
    if let Some(numbers) = index.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            index.remove(key);
        }
    }
}

impl From<VecDeque<Known>> for Lineage {
    fn from(known: VecDeque<Known>) -> Self {
        let mut lineage = Self::default();
        known.into_iter().for_each(|known| lineage.push(known));
        lineage
    }
}

impl From<Lineage> for VecDeque<Known> {
    fn from(lineage: Lineage) -> Self {
        lineage.known
    }
}
