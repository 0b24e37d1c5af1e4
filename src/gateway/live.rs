//! Live speaking 现场喊话: an authorised broadcast like any other, whose words are spoken while it goes
//! out. Nothing leaves before its officer begins; then the opening, then part after part, each recorded
//! before it is ordered; and the end, by the officer, by silence, by the clock.

use super::people::{areas_of, deny, may, refuse_ask};
use super::{
    Action, Answer, BroadcastState, Gateway, Outbox, Phase, RenderOrder, RequestId, State,
};
use crate::deliver::{self, Presence};
use crate::model::{
    Actor, Address, Broadcast, BroadcastId, Chime, Class, ClipRef, Codec, LinkKind, Message,
    OrderKind, Reason, Refusal, Right, Terminal, TerminalId, UtcMs,
};
use crate::record::entry::Entry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Longest speech, seconds.
pub const LIVE_S_MAX: i64 = 600;
/// How long an allowed broadcast waits for its officer to begin, seconds; then it is cancelled.
pub const LIVE_BEGIN_S_MAX: i64 = 600;
/// Silence of the speaker's page after which nothing more is expected, seconds. The page's own desk
/// ends sooner; this is for one that died.
const LIVE_STALL_S: i64 = 12;
/// How long a part is of use, seconds.
const PART_VALID_S: i64 = 15;
/// How often the end is told, and how far apart in seconds: a lost end would be a failure of everybody.
const END_TIMES: (u8, i64) = (4, 2);
/// The recorded words before a live drill.
const DRILL_BEFORE: &str = "drill-before";
/// The part of a renderer's request that means: a chime and no words.
const CHIME_ALONE: &str = "chime";

/// What the officer, or the desk that takes the sound, does.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveAct {
    /// Begins: the opening goes out.
    Begin,
    /// Says the next part.
    Part {
        /// From 0, rising by one.
        number: u32,
        /// When its first sound came.
        spoken_at: UtcMs,
        /// Its sound, in every encoding that is wanted.
        clips: Vec<ClipRef>,
    },
    /// Ends, and why.
    End(String),
    /// Everything that was said, as one clip.
    Keep(ClipRef),
}

/// How far it is with what is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaking {
    /// Who speaks.
    pub by: String,
    /// When the opening went out.
    pub begun_at: UtcMs,
    /// Terminals whose session was up then.
    pub n_connected: u32,
    /// Parts that went out.
    pub n_parts: u32,
    /// When the first sound of the first part came.
    pub first_at: Option<UtcMs>,
    /// When the last part went out.
    pub last_at: UtcMs,
    /// Length of all parts, milliseconds.
    pub spoken_ms: u32,
    /// When it ended.
    pub ended_at: Option<UtcMs>,
    /// Why.
    pub end_reason: String,
    /// Everything that was said.
    pub whole: Option<ClipRef>,
    /// How often the end was told in this life of the process.
    #[serde(skip)]
    pub n_end_told: u8,
}

impl Speaking {
    /// Whether more is expected.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Longest time it takes, milliseconds.
    #[must_use]
    pub fn spoken_ms_max(&self) -> i64 {
        if self.goes_on() { LIVE_S_MAX * 1_000 } else { i64::from(self.spoken_ms) }
    }
}

impl BroadcastState {
    /// Whether its officer has not begun yet: then nothing of it leaves, except a cancel.
    #[must_use]
    pub fn is_unspoken(&self) -> bool {
        let waits = self.broadcast.speaker().is_some() && self.speaking.is_none();
        waits && self.cancellation.is_none()
    }

    /// Whether its officer may begin or is speaking.
    fn has_the_word(&self) -> bool {
        self.phase == Phase::Sending && self.speaking.as_ref().is_some_and(Speaking::goes_on)
    }
}

/// The encoding in which a terminal hears what is spoken; `None` = it can't.
pub(super) fn codec(terminal: &Terminal) -> Option<Codec> {
    let hears = terminal.links.contains(&LinkKind::Mqtt);
    terminal.codecs.iter().copied().find(|codec| hears && *codec != Codec::Text)
}

/// What is rendered before an officer speaks: the chime, and in a drill the words that say so.
pub(super) fn opening(broadcast: &Broadcast, codecs: BTreeSet<Codec>) -> RenderOrder {
    let drill = broadcast.class() == Class::Drill;
    RenderOrder {
        broadcast: broadcast.id(),
        message: Message {
            text: String::new(),
            voice: CHIME_ALONE.to_owned(),
            recording: drill.then(|| DRILL_BEFORE.to_owned()),
            fallback_recording: String::new(),
        },
        // An alarm's signal comes after the words of the drill, or not at all.
        chime: if drill { Chime::Notice } else { broadcast.chime() },
        drill: false,
        codecs,
        stored: false,
    }
}

/// Whether a broadcast is a drill that is spoken.
pub(super) fn is_drill(out: &Outbox<'_>, id: BroadcastId) -> bool {
    let broadcast = out.state.broadcasts.get(&id).map(|state| &state.broadcast);
    broadcast.is_some_and(|all| all.speaker().is_some() && all.class() == Class::Drill)
}

fn against(code: &str, text: &str) -> Refusal {
    Refusal { reasons: vec![Reason { code: code.to_owned(), text: text.to_owned() }] }
}

impl Gateway {
    pub(super) fn live(
        &mut self,
        now: UtcMs,
        request: RequestId,
        actor: &Actor,
        id: BroadcastId,
        act: LiveAct,
    ) -> Vec<Action> {
        self.outbox(now, |rules, out| {
            let what = format!("speak in broadcast {id}");
            let Some(state) = out.state.broadcasts.get(&id) else {
                return out.reply(request, Answer::NotFound(format!("no broadcast {id}")));
            };
            if state.broadcast.speaker() != Some(actor.name.as_str()) {
                return deny(out, request, actor, &what, "another officer is to speak");
            }
            let areas = areas_of(rules, state.broadcast.terminals());
            if let Err(why) = may(actor, Right::Broadcast, areas) {
                return deny(out, request, actor, &what, &why);
            }
            let refusal = match act {
                LiveAct::Begin => begin(out, id, &actor.name),
                LiveAct::Part { number, spoken_at, clips } => {
                    part(out, id, number, spoken_at, &clips)
                }
                LiveAct::End(reason) => {
                    end(out, id, &actor.name, &reason);
                    None
                }
                LiveAct::Keep(clip) => {
                    let begun = out.state.broadcasts.get(&id).and_then(|all| all.speaking.as_ref());
                    if begun.is_some_and(|speaking| speaking.whole.is_none()) {
                        out.record(Entry::LiveKept { broadcast: id, clip });
                    }
                    None
                }
            };
            match refusal {
                Some(refusal) => refuse_ask(out, request, actor, &what, refusal),
                None => out.reply(request, Answer::Done(vec![id])),
            }
        })
    }
}

fn begin(out: &mut Outbox<'_>, id: BroadcastId, by: &str) -> Option<Refusal> {
    let now = out.now;
    let state = out.state.broadcasts.get(&id)?;
    let broadcast = &state.broadcast;
    if state.speaking.is_some() {
        return Some(against("begun_before", "这次喊话已经开始过，不能再次开始"));
    }
    if state.cancellation.is_some() || now >= broadcast.expires() {
        return Some(against("over", "播发已取消或已过有效期"));
    }
    if state.phase != Phase::Sending {
        return Some(against("not_ready", "开场提示音尚未生成，请稍候"));
    }
    if broadcast.class() == Class::Drill && out.state.drill_armed(now).is_none() {
        return Some(against("drill_not_armed", "演练未开启或已结束"));
    }
    let mine = broadcast.terminals();
    let other = out.state.running().find(|(other, state)| {
        **other != id && state.has_the_word() && !state.broadcast.terminals().is_disjoint(mine)
    });
    if let Some((other, speaking)) = other {
        let by = speaking.speaking.as_ref().map_or("", |speaking| speaking.by.as_str());
        return Some(against("live_busy", &format!("{by} 正在同一区域喊话（播发 {other}）")));
    }
    let up = |terminal: &&TerminalId| {
        out.presence.get(&(**terminal, LinkKind::Mqtt)) == Some(&Presence::Online)
    };
    let connected: Vec<TerminalId> = mine.iter().filter(up).copied().collect();
    out.record(Entry::LiveBegun { broadcast: id, by: by.to_owned(), connected });
    super::delivering::send_group(out, id);
    None
}

fn part(
    out: &mut Outbox<'_>,
    id: BroadcastId,
    number: u32,
    spoken_at: UtcMs,
    clips: &[ClipRef],
) -> Option<Refusal> {
    let now = out.now;
    let state = out.state.broadcasts.get(&id)?;
    let Some(speaking) = state.speaking.as_ref().filter(|_| state.has_the_word()) else {
        return Some(against("over", "喊话已结束、已停播或尚未开始"));
    };
    if now >= state.broadcast.expires() {
        return Some(against("expired", "播发已过有效期"));
    }
    if state.broadcast.class() == Class::Drill && out.state.drill_armed(now).is_none() {
        return Some(against("drill_not_armed", "演练已结束"));
    }
    if number != speaking.n_parts || clips.is_empty() {
        let text = format!("应为第 {} 段，收到第 {number} 段", speaking.n_parts);
        return Some(against("out_of_turn", &text));
    }
    if i64::from(speaking.spoken_ms) >= LIVE_S_MAX * 1_000 {
        end(out, id, "gateway", "已达最长喊话时间");
        return Some(against("too_long", "已达最长喊话时间"));
    }
    out.record(Entry::LivePart { broadcast: id, number, spoken_at, clips: clips.to_vec() });
    send_part(out, id, number, clips);
    None
}

/// Ends it; once.
fn end(out: &mut Outbox<'_>, id: BroadcastId, by: &str, reason: &str) {
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    if !state.speaking.as_ref().is_some_and(Speaking::goes_on) {
        return;
    }
    let (by, reason) = (by.to_owned(), reason.to_owned());
    out.record(Entry::LiveEnded { broadcast: id, by, reason });
    tell_end(out, id);
}

fn tell_end(out: &mut Outbox<'_>, id: BroadcastId) {
    let Some(state) = out.state.broadcasts.get_mut(&id) else { return };
    let Some(speaking) = &mut state.speaking else { return };
    speaking.n_end_told = speaking.n_end_told.saturating_add(1);
    let number = speaking.n_parts;
    if state.phase == Phase::Sending {
        send_part(out, id, number, &[]);
    }
}

/// To everybody at once; a part is never repeated: who missed it hears the next.
fn send_part(out: &mut Outbox<'_>, id: BroadcastId, number: u32, clips: &[ClipRef]) {
    let Some(state) = out.state.broadcasts.get(&id) else { return };
    let broadcast = &state.broadcast;
    let expires = out.now.plus_s(PART_VALID_S).min(broadcast.expires());
    if out.now >= expires {
        return;
    }
    let order = Box::new(deliver::part_order(broadcast, number, clips, out.now, PART_VALID_S));
    let to: Vec<Address> = if broadcast.areas().is_empty() {
        broadcast.terminals().iter().map(|terminal| Address::Terminal(*terminal)).collect()
    } else {
        broadcast.areas().iter().map(|area| Address::Area(*area)).collect()
    };
    // Like a question it is no step of the ladder, so nobody books it.
    let (kind, link) = (OrderKind::Query, LinkKind::Mqtt);
    out.effect(Action::Send { broadcast: id, order, to, kind, link, expires });
}

/// What the clock ends: silence, length, an officer who never begins; and ends that may be lost.
pub(super) fn watch(out: &mut Outbox<'_>) {
    let now = out.now;
    let spoken = out.state.running().filter(|(_, state)| state.broadcast.speaker().is_some());
    let spoken: Vec<BroadcastId> = spoken.map(|(id, _)| *id).collect();
    for id in spoken {
        let Some(state) = out.state.broadcasts.get(&id) else { continue };
        let Some(speaking) = &state.speaking else {
            let late = now.since_ms(state.started_at) >= LIVE_BEGIN_S_MAX * 1_000
                || now.plus_s(LIVE_STALL_S) >= state.broadcast.expires();
            if late {
                super::people::cancel_broadcast(out, id, "gateway", "无人开始喊话");
            }
            continue;
        };
        let silent_ms = now.since_ms(speaking.last_at);
        match speaking.ended_at {
            None if state.cancellation.is_some() => end(out, id, "gateway", "播发已取消"),
            None if now >= state.broadcast.expires() => end(out, id, "gateway", "有效期已到"),
            None if silent_ms >= LIVE_STALL_S * 1_000 + opening_ms(state) => {
                end(out, id, "gateway", "没有收到声音");
            }
            None => {}
            Some(at) => {
                let (times, apart_s) = END_TIMES;
                let due = at.plus_s(i64::from(speaking.n_end_told) * apart_s);
                if speaking.n_end_told < times && now >= due {
                    tell_end(out, id);
                }
            }
        }
    }
}

/// While the opening sounds nobody speaks.
fn opening_ms(state: &BroadcastState) -> i64 {
    state.clips.iter().map(|clip| i64::from(clip.duration_ms)).max().unwrap_or(0)
}

impl State {
    pub(super) fn apply_live(&mut self, at: UtcMs, entry: &Entry) {
        if let Entry::LiveBegun { broadcast, by, connected } = entry {
            if let Some(state) = self.broadcasts.get_mut(broadcast) {
                state.speaking = Some(Speaking {
                    by: by.clone(),
                    begun_at: at,
                    n_connected: u32::try_from(connected.len()).unwrap_or(u32::MAX),
                    n_parts: 0,
                    first_at: None,
                    last_at: at,
                    spoken_ms: 0,
                    ended_at: None,
                    end_reason: String::new(),
                    whole: None,
                    n_end_told: 0,
                });
            }
        } else if let Entry::LivePart { broadcast, number, spoken_at, clips } = entry
            && let Some(speaking) = self.speaking_mut(*broadcast)
        {
            speaking.n_parts = number.saturating_add(1);
            speaking.first_at.get_or_insert(*spoken_at);
            speaking.last_at = at;
            let part_ms = clips.iter().map(|clip| clip.duration_ms).max().unwrap_or(0);
            speaking.spoken_ms = speaking.spoken_ms.saturating_add(part_ms);
        } else if let Entry::LiveEnded { broadcast, reason, .. } = entry
            && let Some(speaking) = self.speaking_mut(*broadcast)
        {
            speaking.ended_at = Some(at);
            speaking.end_reason.clone_from(reason);
        } else if let Entry::LiveKept { broadcast, clip } = entry
            && let Some(speaking) = self.speaking_mut(*broadcast)
        {
            speaking.whole = Some(clip.clone());
        }
    }

    fn speaking_mut(&mut self, id: BroadcastId) -> Option<&mut Speaking> {
        self.broadcasts.get_mut(&id).and_then(|state| state.speaking.as_mut())
    }
}
