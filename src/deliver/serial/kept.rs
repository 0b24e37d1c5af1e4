//! Warnings placed in terminals beforehand: one keep order a line at a time, lowest of all, while
//! nothing else needs the line.

use super::lines::{Line, SerialLines};
use super::port::PortInput;
use super::transfer::{Bring, Content};
use super::words::{LineOrder, TimeUse};
use super::{airtime, lines};
use crate::model::{AreaCode, UtcMs};
use mingluo_bridge::message as wire;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Clips kept in every terminal at most; the rest of its flash is for what comes.
pub const KEPT_MAX: usize = 56;
/// How long after it was asked for a clip is not asked for again, milliseconds: with content, and
/// without.
const AGAIN_MS: (i64, i64) = (30 * 60_000, 6 * 3_600_000);
/// Validity of a keep order beyond what its content takes, milliseconds.
const SLACK_MS: i64 = 120_000;

/// Makes the sealed keep order of a clip, valid so many milliseconds.
pub type Seal<'a> = dyn Fn(&wire::Clip, i64) -> Option<Arc<[u8]>> + 'a;

/// A clip to keep.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The clip.
    pub clip: wire::Clip,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// What a line remembers of its placing.
#[derive(Debug, Default)]
pub(super) struct Placing {
    /// The last order's content is on its way until then.
    until: Option<UtcMs>,
    /// When a clip was last asked for, and whether it was sent.
    asked: std::collections::BTreeMap<[u8; 32], (UtcMs, bool)>,
}

impl Placing {
    fn is_due(&self, sha256: &[u8; 32], now: UtcMs, send: bool) -> bool {
        self.asked.get(sha256).is_none_or(|(at, sent)| {
            let again_ms = if send { AGAIN_MS.0 } else { AGAIN_MS.1 };
            // Who was only asked gets the content as soon as it may be sent.
            (send && !sent) || now.since_ms(*at) >= again_ms
        })
    }
}

impl SerialLines {
    /// Lets every line that has nothing of this on its way ask for the next clip that somebody of
    /// `area` on it may lack, and sends it when `send` is true. `seal` makes the order's frame, valid
    /// so many milliseconds. Gives how many orders went out.
    pub fn keep(
        &self,
        kept: &[Kept],
        area: AreaCode,
        send: bool,
        now: UtcMs,
        seal: &Seal<'_>,
    ) -> usize {
        let up = |line: &&Line| line.up.load(Ordering::Relaxed);
        let next = |line: &Line| keep_next(line, kept, area, send, now, seal).is_some();
        self.lines.iter().filter(up).filter(|line| next(line)).count()
    }
}

fn keep_next(
    line: &Line,
    kept: &[Kept],
    area: AreaCode,
    send: bool,
    now: UtcMs,
    seal: &Seal<'_>,
) -> Option<()> {
    let mut placing = line.placing.lock().unwrap_or_else(PoisonError::into_inner);
    if placing.until.is_some_and(|until| now < until) {
        return None;
    }
    let lacking = |kept: &Kept| {
        let placed = line.placed.lock().unwrap_or_else(PoisonError::into_inner);
        let have = placed.get(&kept.clip.sha256);
        let plays = |codec| lines::same(codec, kept.clip.codec);
        let members = line.config.members.iter();
        members
            .filter(|member| area.contains(member.area))
            .filter(|member| member.codecs.iter().any(|codec| plays(*codec)))
            .map(|member| member.address)
            .filter(|address| have.is_none_or(|have| !have.contains(address)))
            .collect::<Vec<u8>>()
    };
    let (kept, to) = kept
        .iter()
        .take(KEPT_MAX)
        .filter(|kept| placing.is_due(&kept.clip.sha256, now, send))
        .map(|kept| (kept, lacking(kept)))
        .find(|(_, to)| !to.is_empty())?;
    let setup = &line.config.setup;
    let polls_ms = airtime::polls_us(setup.baud, to.len()) / 1_000;
    let units = airtime::units_for(kept.clip.clip_bytes, setup.units)?;
    let clip_ms = airtime::clip_ms(setup.baud, kept.clip.clip_bytes, units, to.len())?;
    let takes_ms = if send { clip_ms } else { polls_ms };
    let valid_ms = takes_ms.saturating_mul(2).saturating_add(SLACK_MS);
    placing.asked.insert(kept.clip.sha256, (now, send));
    placing.until = Some(UtcMs(now.0.saturating_add(takes_ms)));
    let order = LineOrder {
        frame: seal(&kept.clip, valid_ms)?,
        to: to.clone(),
        priority: 0,
        expires_us: valid_ms.saturating_mul(1_000),
        content: vec![Content {
            sha256: kept.clip.sha256,
            bytes: Arc::clone(&kept.bytes),
            to,
            bring: if send { Bring::Send } else { Bring::Look },
        }],
        watch_us: 0,
        time: TimeUse::Needs,
    };
    line.inputs.try_send(PortInput::Order(Box::new(order))).ok()
}
