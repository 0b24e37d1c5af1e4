//! A broadcast by an officer's own hand: text or recording, to chosen places.

use super::interlock::{Cell, Judged, judge, local_hour};
use super::need::{decide_by, in_quiet_hours};
use super::priority::priority;
use super::target::cover;
use super::text::{MESSAGE_CHARS_MAX, spoken};
use super::{Memory, Rules, geometry, reason};
use crate::model::{
    AfterDeadline, AreaCode, Chime, Class, Codec, HazardClass, LIVE_VOICE, Level, LinkKind,
    Message, Need, OriginKind, Plan, PlanId, Playback, Position, Reason, Refusal, TerminalId,
    UtcMs,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most plays of one broadcast.
const REPEATS_MAX: u8 = 20;
/// Longest pause between plays, seconds.
const INTERVAL_S_MAX: u16 = 3_600;
/// Corners a drawn polygon may have.
const POLYGON_CORNERS_MAX: usize = 1_000;

/// Emergency or daily (GD/J 089-2018 B.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Pre-empts everything of lower level.
    Emergency,
    /// News, notices, music.
    Daily,
}

/// What an officer asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManualRequest {
    /// Words to speak; at most 2,000 characters.
    pub text: Option<String>,
    /// Recorded message by name, instead of or (when it can't be played) before the words.
    pub recording: Option<String>,
    /// Whole areas.
    pub areas: Vec<AreaCode>,
    /// Single terminals.
    pub terminals: Vec<TerminalId>,
    /// Saved groups by name; the gateway puts their areas and terminals beside these.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Ring of positions on the map; every terminal inside is meant.
    pub polygon: Option<Vec<Position>>,
    /// Live or drill.
    pub class: Class,
    /// Level, for chime and rank.
    pub level: Option<Level>,
    /// Emergency or daily.
    pub urgency: Urgency,
    /// Chime before it.
    pub chime: Chime,
    /// Wanted voice; `None` = default.
    pub voice: Option<String>,
    /// Plays per terminal, 1 to 20.
    pub repeats: u8,
    /// Seconds between plays, at most 3,600.
    pub interval_s: u16,
    /// Volume 1 to 100 percent; `None` = each terminal's own.
    pub volume_percent: Option<u8>,
    /// Seconds it stays valid.
    pub valid_s: u32,
    /// Canonical name of the officer.
    pub requested_by: String,
    /// Areas within which the officer may broadcast.
    pub allowed_areas: Vec<AreaCode>,
}

/// Makes the plan of a manual broadcast. The officer who asks is the first person; over the limits
/// of the policy (`ManualRules`) a second one must approve.
///
/// # Errors
/// A refusal with every reason: nothing to say, limits passed, nobody chosen, outside the officer's
/// areas, unknown place, drill not armed.
pub fn manual(
    rules: &Rules,
    now: UtcMs,
    request: &ManualRequest,
    memory: &Memory,
    id: PlanId,
) -> Result<Plan, Refusal> {
    let mut faults = check_form(rules, request, memory);
    let live = request.voice.as_deref() == Some(LIVE_VOICE);
    let mut terminals = audience(rules, request, &mut faults);
    let judged = judged(rules, now, request, memory, &mut terminals);
    if judged.silenced {
        faults.extend(judged.refused.iter().cloned());
    }
    // Group orders go to whole areas: those that can't hear what is spoken are not reached by them.
    let areas = cover(&rules.index, &rules.network, &terminals);
    let n_deaf = if live { keep_hearing(rules, &mut terminals) } else { 0 };
    if terminals.is_empty() && n_deaf > 0 {
        faults.push(reason("nobody_hears", format!("所选 {n_deaf} 个终端都听不到现场喊话")));
    }
    if terminals.is_empty() && faults.is_empty() {
        faults.push(reason("no_audience", "所选范围内没有终端"));
    }
    check_bounds(rules, request, &terminals, &mut faults);
    if !faults.is_empty() {
        return Err(Refusal { reasons: faults });
    }
    let expires = now.plus_s(i64::from(request.valid_s));
    let mut against = second_person(rules, now, request, terminals.len());
    against.extend(judged.ask);
    let need = if against.is_empty() {
        Need::Nothing
    } else {
        let decide_by = decide_by(now, rules.policy.manual.decide_within_s, expires);
        Need::Officers { officers: 1, decide_by, after: AfterDeadline::Expire }
    };
    let text = request.text.as_deref().map(spoken).unwrap_or_default();
    let text = if live && text.trim().is_empty() { "现场喊话".into() } else { text };
    let voice = match &request.voice {
        Some(_) if live => format!("{LIVE_VOICE}:{}", request.requested_by),
        Some(voice) => voice.clone(),
        None => "default".to_owned(),
    };
    let mut reasons = vec![reason("manual", format!("{} 申请的人工播发", request.requested_by))];
    reasons.extend(against);
    reasons.extend(judged.refused);
    if n_deaf > 0 {
        let text = format!("{n_deaf} 个终端只有串行线路、国标链路或语音芯片，听不到现场喊话");
        reasons.push(reason("no_live_audio", text));
    }
    Ok(Plan {
        id,
        alert: None,
        response_plan: "manual".to_owned(),
        basis: None,
        requested_by: request.requested_by.clone(),
        class: request.class,
        priority: priority(request.class, request.level, Some(request.urgency)),
        message: Message {
            text: text.into_owned(),
            voice,
            recording: request.recording.clone(),
            fallback_recording: fallback(request),
        },
        chime: request.chime,
        playback: Playback::Simultaneous,
        volume_percent: request.volume_percent,
        repeats: if live { 1 } else { request.repeats },
        interval_s: if live { 0 } else { request.interval_s },
        areas,
        terminals,
        not_before: now,
        expires,
        need,
        supersedes: Vec::new(),
        reasons,
        hazard: None,
    })
}

/// What the county's interlock says of an officer's own words: they name no hazard, and without a level
/// they are the mildest.
fn judged(
    rules: &Rules,
    now: UtcMs,
    request: &ManualRequest,
    memory: &Memory,
    terminals: &mut BTreeSet<TerminalId>,
) -> Judged {
    let cell = Cell {
        origin: OriginKind::Duty,
        class: HazardClass::Other,
        level: Some(request.level.unwrap_or(Level::Blue)),
        hour: local_hour(now, rules.policy.local_offset_minutes),
    };
    judge(rules, cell, &memory.limits_used, terminals)
}

fn fallback(request: &ManualRequest) -> String {
    let level = match request.level {
        Some(Level::Red) => "red",
        Some(Level::Orange) => "orange",
        Some(Level::Yellow) => "yellow",
        Some(Level::Blue) | None => "blue",
    };
    format!("general-{level}")
}

pub(super) fn check_form(rules: &Rules, request: &ManualRequest, memory: &Memory) -> Vec<Reason> {
    let mut faults = Vec::new();
    let mut fault = |wrong: bool, code: &str, text: String| {
        if wrong {
            faults.push(reason(code, text));
        }
    };
    let text = request.text.as_deref().map(spoken).unwrap_or_default();
    let n_chars = text.chars().count();
    let live = request.voice.as_deref() == Some(LIVE_VOICE);
    let silent = !text.chars().any(char::is_alphanumeric) && request.recording.is_none() && !live;
    let forged = request.voice.as_deref().is_some_and(|voice| {
        voice.strip_prefix(LIVE_VOICE).is_some_and(|rest| rest.starts_with(':'))
    });
    fault(forged, "bad_voice", "不能代他人喊话".to_owned());
    fault(
        live && request.recording.is_some(),
        "live_or_recording",
        "现场喊话与播放录音只能选一种".to_owned(),
    );
    fault(silent, "nothing_to_say", "没有播发内容".to_owned());
    fault(
        n_chars > MESSAGE_CHARS_MAX,
        "text_too_long",
        format!("内容 {n_chars} 字，最多 {MESSAGE_CHARS_MAX} 字"),
    );
    fault(
        request.recording.as_deref().is_some_and(|name| !is_plain_name(name)),
        "bad_recording",
        "录音名称只能含文字、数字、- 和 _".to_owned(),
    );
    fault(
        !(1..=REPEATS_MAX).contains(&request.repeats),
        "bad_repeats",
        format!("播放遍数应为 1 至 {REPEATS_MAX}，收到 {}", request.repeats),
    );
    fault(
        request.interval_s > INTERVAL_S_MAX,
        "bad_interval",
        format!("间隔最长 {INTERVAL_S_MAX} 秒，收到 {}", request.interval_s),
    );
    fault(
        request.volume_percent.is_some_and(|volume| !(1..=100).contains(&volume)),
        "bad_volume",
        "音量应为 1 至 100".to_owned(),
    );
    let valid_s_max = rules.policy.manual.validity_s_max;
    fault(
        request.valid_s == 0 || request.valid_s > valid_s_max,
        "bad_validity",
        format!("有效时间应为 1 至 {valid_s_max} 秒，收到 {}", request.valid_s),
    );
    fault(request.requested_by.trim().is_empty(), "nameless", "缺少申请人".to_owned());
    fault(
        request.class == Class::Drill && !memory.drill_armed,
        "drill_not_armed",
        "未启动演练，不能播发演练内容".to_owned(),
    );
    faults
}

/// Keeps the terminals that can hear what is spoken live: parts come over the network, as sound. Gives
/// how many can't.
pub(super) fn keep_hearing(rules: &Rules, terminals: &mut BTreeSet<TerminalId>) -> usize {
    let before = terminals.len();
    terminals.retain(|id| {
        rules.network.terminals.get(id).is_some_and(|terminal| {
            terminal.links.contains(&LinkKind::Mqtt)
                && terminal.codecs.iter().any(|codec| *codec != Codec::Text)
        })
    });
    before - terminals.len()
}

/// Whether a name can't lead out of the folder of recordings.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= 80
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
}

pub(super) fn audience(
    rules: &Rules,
    request: &ManualRequest,
    faults: &mut Vec<Reason>,
) -> BTreeSet<TerminalId> {
    let network = &rules.network;
    let mut terminals = BTreeSet::new();
    for area in &request.areas {
        let served = network
            .served
            .iter()
            .any(|served| served.contains(*area) && network.areas.contains_key(area));
        if served {
            terminals.extend(rules.index.members(network, *area));
        } else {
            faults.push(reason("unknown_area", format!("没有这个区域：{area}")));
        }
    }
    for terminal in &request.terminals {
        if network.terminals.contains_key(terminal) {
            terminals.insert(*terminal);
        } else {
            faults.push(reason("unknown_terminal", format!("没有这个终端：{terminal}")));
        }
    }
    if let Some(ring) = &request.polygon {
        if ring.len() < 3 || ring.len() > POLYGON_CORNERS_MAX {
            let text = format!("图形应有 3 至 {POLYGON_CORNERS_MAX} 个点，收到 {}", ring.len());
            faults.push(reason("bad_polygon", text));
        } else {
            terminals.extend(
                network
                    .terminals
                    .values()
                    .filter(|terminal| {
                        terminal.position.is_some_and(|at| geometry::in_ring(at, ring))
                    })
                    .map(|terminal| terminal.id),
            );
        }
    }
    terminals
}

pub(super) fn check_bounds<'a>(
    rules: &Rules,
    request: &ManualRequest,
    terminals: impl IntoIterator<Item = &'a TerminalId>,
    faults: &mut Vec<Reason>,
) {
    let n_outside = terminals
        .into_iter()
        .filter_map(|terminal| rules.network.terminals.get(terminal))
        .filter(|terminal| !request.allowed_areas.iter().any(|own| own.contains(terminal.area)))
        .count();
    if n_outside > 0 {
        let text = format!("{n_outside} 个终端不在您的管辖范围");
        faults.push(reason("outside_officer_areas", text));
    }
}

/// Why one officer is not enough.
pub(super) fn second_person(
    rules: &Rules,
    now: UtcMs,
    request: &ManualRequest,
    n_terminals: usize,
) -> Vec<Reason> {
    let mut why = Vec::new();
    let limits = &rules.policy.manual;
    let alone_max = usize::try_from(limits.terminals_alone_max).unwrap_or(usize::MAX);
    if n_terminals > alone_max {
        let text = format!("将到达 {n_terminals} 个终端，超过 {alone_max} 个，需另一人批准");
        why.push(reason("many_terminals", text));
    }
    let policy = &rules.policy;
    let quiet = in_quiet_hours(policy.quiet_hours, policy.local_offset_minutes, now);
    let exempt = request.class == Class::Live && request.urgency == Urgency::Emergency;
    if quiet && !exempt && limits.quiet_hours_second_person {
        why.push(reason("quiet_hours", "当前为静音时段，需另一人批准"));
    }
    why
}
