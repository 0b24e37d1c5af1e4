//! Warnings and phrases placed in terminals beforehand: one keep order a line at a time, lowest of
//! all, while nothing else needs the line.

use super::lines::{Line, LineMember, SerialLines};
use super::port::PortInput;
use super::transfer::{Bring, Content};
use super::words::{LineOrder, TimeUse};
use super::{airtime, lines};
use crate::model::{AreaCode, UtcMs};
use mingluo_bridge::message as wire;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Clips kept in every terminal at most; the rest of its flash is for what comes.
pub const KEPT_MAX: usize = 56;
/// How long after it was asked for a clip is not asked for again, milliseconds: with content, and
/// without.
const AGAIN_MS: (i64, i64) = (30 * 60_000, 6 * 3_600_000);
/// Validity of a keep order beyond what its content takes, milliseconds.
const SLACK_MS: i64 = 120_000;

/// Of those, phrases and chimes at most.
pub const PHRASES_KEPT_MAX: usize = 32;
/// Of those, chimes.
pub const CHIMES_KEPT: usize = 5;
/// Makes the sealed keep order of a clip, valid so many milliseconds.
pub type Seal<'a> = dyn Fn(&Kept, i64) -> Option<Arc<[u8]>> + 'a;

/// A clip to keep.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The clip.
    pub clip: wire::Clip,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Its number in phrase lists, if it is a phrase.
    pub phrase: Option<u16>,
    /// Where it is kept; empty = everywhere.
    pub areas: Vec<AreaCode>,
}

impl Kept {
    /// Whether a terminal of a line keeps it: that of a phrase must know lists.
    fn is_for(&self, member: &LineMember) -> bool {
        let plays = |wanted| member.codecs.iter().any(|codec| lines::same(*codec, wanted));
        let here = self.areas.is_empty() || self.areas.iter().any(|own| own.contains(member.area));
        here && plays(self.clip.codec) && (self.phrase.is_none() || plays(wire::Codec::Phrases))
    }
}

/// What a line remembers of its placing.
#[derive(Debug, Default)]
pub(super) struct Placing {
    /// The last order's content is on its way until then.
    until: Option<UtcMs>,
    /// When a clip was last asked for, and whether it was sent.
    asked: BTreeMap<[u8; 32], (UtcMs, bool)>,
    /// Numbers that phrases have got.
    numbers: BTreeMap<[u8; 32], u16>,
}

impl Placing {
    /// Whether a clip is one that is kept.
    pub(super) fn is_kept(&self, sha256: &[u8; 32]) -> bool {
        self.asked.contains_key(sha256)
    }

    /// Other content that had the number of this phrase: whoever has this one has none of them.
    pub(super) fn replaced_by(&self, sha256: &[u8; 32]) -> Vec<[u8; 32]> {
        let Some(number) = self.numbers.get(sha256) else { return Vec::new() };
        let same = self.numbers.iter().filter(|(_, other)| *other == number);
        same.map(|(other, _)| *other).filter(|other| other != sha256).collect()
    }

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
        let numbered = kept.iter().filter_map(|kept| Some((kept.phrase?, kept.clip.sha256)));
        *self.phrases.lock().unwrap_or_else(PoisonError::into_inner) = numbered.collect();
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
        let members = line.config.members.iter();
        members
            .filter(|member| area.contains(member.area))
            .filter(|member| kept.is_for(member))
            .map(|member| member.address)
            .filter(|address| have.is_none_or(|have| !have.contains(address)))
            .collect::<Vec<u8>>()
    };
    let (kept, to) = kept
        .iter()
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
    if let Some(number) = kept.phrase {
        placing.numbers.insert(kept.clip.sha256, number);
    }
    placing.until = Some(UtcMs(now.0.saturating_add(takes_ms)));
    let order = LineOrder {
        frame: seal(kept, valid_ms)?,
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
