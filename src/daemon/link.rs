//! Between the link and the core: orders out, reports in. Signatures are checked here, off the
//! core's thread.

use super::core::CoreHandle;
use super::metrics::Metrics;
use crate::clock;
use crate::deliver::national::{National, NationalWord};
use crate::deliver::serial::{LineWord, SerialLines};
use crate::deliver::{self, KeyRing, Link, LinkInput, Outgoing, Publish, TerminalAccess};
use crate::gateway::Input;
use crate::model::{Address, LinkKind, OrderKind, SilentAnswer, TerminalId};
use mingluo_bridge::frame::{Kind, peek};
use mingluo_bridge::message::{Report, Status};
use mingluo_bridge::topics::{self, Leaf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The ways to the terminals.
pub(crate) struct Links {
    /// Their broker.
    pub(crate) mqtt: Link,
    /// Serial lines.
    pub(crate) lines: SerialLines,
    /// Terminals of the national protocol.
    pub(crate) national: National,
    /// Who may log in at our own broker.
    pub(crate) access: Arc<TerminalAccess>,
}

impl Links {
    /// Ends them all.
    pub(crate) async fn close(&self) {
        self.mqtt.close().await;
        self.lines.close();
        self.national.close();
    }
}

/// Sends batches of orders and tells the core what the link took.
pub(crate) async fn pump_out(
    link: Arc<Links>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    core: CoreHandle,
) {
    while let Some(mut batch) = outgoing.recv().await {
        let mut taken = Vec::with_capacity(batch.to.len());
        if batch.link == LinkKind::National {
            taken = national_out(&link, &mut batch).await;
        }
        // A link that is down refuses thousands in a row: one line tells of them.
        let (mut n_refused, mut refused) = (0_usize, None);
        let mut addresses = batch.to.iter();
        for publish in batch.publishes {
            let address = addresses.next();
            if publish.expires_at.is_some_and(|at| clock::now_utc() >= at) {
                continue;
            }
            let sent = match batch.link {
                LinkKind::Serial => link.lines.publish(&publish, clock::now_utc()).await,
                LinkKind::National | LinkKind::Mqtt => {
                    if batch.to.is_empty() {
                        link.lines.receipt(&publish);
                    }
                    link.mqtt.publish(publish).await
                }
            };
            match sent {
                Ok(()) => taken.extend(address.copied()),
                // The schedule sends it again until it expires.
                Err(fault) => {
                    n_refused += 1;
                    refused.get_or_insert(fault);
                }
            }
        }
        if let Some(fault) = refused {
            tracing::warn!(%fault, orders = n_refused, "the link did not take orders");
        }
        let (broadcast, kind, by) = (batch.broadcast, batch.kind, batch.link);
        let known = kind != OrderKind::Query && !taken.is_empty();
        let took = Input::LinkTook { broadcast, to: taken, kind, link: by };
        if known && core.happened(took).await.is_err() {
            return;
        }
    }
}

/// Sends a batch to national terminals, who share packets, and leaves nothing of it; gives who is on
/// the way to have it.
async fn national_out(link: &Links, batch: &mut Outgoing) -> Vec<Address> {
    let now = clock::now_utc();
    let is_over = |publish: &Publish| publish.expires_at.is_some_and(|at| now >= at);
    if batch.publishes.first().is_some_and(is_over) {
        batch.publishes.clear();
        return Vec::new();
    }
    let taken = link.national.deliver(batch).await;
    batch.publishes.clear();
    if taken.n_refused > 0 {
        tracing::warn!(orders = taken.n_refused, "national terminals without session or room");
    }
    taken.to
}

/// Takes what the link brings until it ends.
pub(crate) async fn pump_in(
    mut inputs: mpsc::Receiver<LinkInput>,
    keys: Arc<KeyRing>,
    prefix: String,
    core: CoreHandle,
    metrics: Arc<Metrics>,
) {
    while let Some(input) = inputs.recv().await {
        let input = match input {
            LinkInput::Up => {
                metrics.link_went(true, "");
                Some(Input::Link(true))
            }
            LinkInput::Down { why } => {
                metrics.link_went(false, &why);
                tracing::warn!(%why, "link down");
                Some(Input::Link(false))
            }
            LinkInput::Serial { terminal, word: LineWord::Presence(online) } => {
                Some(Input::LinePresence(terminal, online))
            }
            LinkInput::Serial { terminal, word: LineWord::Frame(frame) } => {
                line_frame(&keys, terminal, &frame, &metrics)
            }
            LinkInput::Serial { word: LineWord::Here(_) | LineWord::Never(_), .. } => None,
            LinkInput::National { terminal, word } => Some(match word {
                NationalWord::Presence(online) => Input::NationalPresence(terminal, online),
                NationalWord::Report(report) => Input::Acknowledged(report),
                NationalWord::Health(health) => Input::Health(terminal, LinkKind::National, health),
                NationalWord::Tested { test, finding, sequence } => {
                    // It has no word for its clock.
                    let (clock, link) = (None, LinkKind::National);
                    Input::Tested(SilentAnswer { terminal, test, finding, clock, link, sequence })
                }
            }),
            LinkInput::Noticed { code } => {
                metrics.alarm(code);
                None
            }
            LinkInput::Connected { .. } => None,
            LinkInput::Disconnected { client_id } => {
                TerminalId::parse(&client_id).map(|terminal| Input::Presence(terminal, false))
            }
            LinkInput::Message { topic, payload, from } => {
                message(&keys, &prefix, &topic, &payload, from.as_deref(), &metrics)
            }
        };
        if let Some(input) = input
            && core.happened(input).await.is_err()
        {
            return;
        }
    }
}

/// A report or a status, opened with the key of the terminal whose topic it came on.
fn message(
    keys: &KeyRing,
    prefix: &str,
    topic: &str,
    payload: &[u8],
    from: Option<&str>,
    metrics: &Metrics,
) -> Option<Input> {
    let (number, leaf) = topics::parse_terminal(prefix, topic)?;
    let terminal = TerminalId::from_number(number)?;
    if from.is_some_and(|from| TerminalId::parse(from) != Some(terminal)) {
        metrics.alarm("foreign_topic");
        return None;
    }
    let opened = match leaf {
        Leaf::Acknowledgement => keys
            .open_report(terminal, payload)
            .map(|report| told(terminal, &report, LinkKind::Mqtt)),
        Leaf::Status => keys.open_status(terminal, payload).map(|status| match status.online {
            true => Some(well(terminal, &status, LinkKind::Mqtt)),
            false => Some(Input::Presence(terminal, false)),
        }),
        Leaf::Order | Leaf::Receipt => return None,
    };
    opened.unwrap_or_else(|fault| {
        metrics.alarm("bad_terminal_frame");
        tracing::warn!(%terminal, %fault, "a frame from a terminal was dropped");
        None
    })
}

/// A terminal's report, about a broadcast or a silent test; not one in another's name.
fn told(terminal: TerminalId, report: &Report, link: LinkKind) -> Option<Input> {
    let answer = deliver::test_answer(report, link).filter(|answer| answer.terminal == terminal);
    let report = || deliver::acknowledgement(report, link).filter(|r| r.terminal == terminal);
    answer.map(Input::Tested).or_else(|| report().map(Input::Acknowledged))
}

/// A terminal is up, and says how it is.
fn well(terminal: TerminalId, status: &Status, link: LinkKind) -> Input {
    Input::Health(terminal, link, Box::new(deliver::health(status)))
}

/// A report or a status from a serial line, opened with the key of the terminal at that address.
fn line_frame(
    keys: &KeyRing,
    terminal: TerminalId,
    frame: &[u8],
    metrics: &Metrics,
) -> Option<Input> {
    let opened = match peek(frame).map(|head| head.kind) {
        Ok(Kind::Acknowledgement) => keys
            .open_report(terminal, frame)
            .map(|report| told(terminal, &report, LinkKind::Serial)),
        Ok(Kind::Status) => keys.open_status(terminal, frame).map(|status| match status.online {
            true => Some(well(terminal, &status, LinkKind::Serial)),
            false => Some(Input::LinePresence(terminal, false)),
        }),
        Ok(Kind::Order | Kind::Receipt) => return None,
        Err(fault) => Err(fault),
    };
    opened.unwrap_or_else(|fault| {
        metrics.alarm("bad_terminal_frame");
        tracing::warn!(%terminal, %fault, "a frame from a serial line was dropped");
        None
    })
}
