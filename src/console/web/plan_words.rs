//! The words for response plans and templates: what each key is called, and a part of the policy as lines
//! that people read and compare.

use super::words::{self, Tongue};
use crate::decide::PolicyFault;
use crate::model::{
    AfterDeadline, ApprovalMode, AreaCode, Chime, Level, Network, OnCancel, Playback, Policy,
    PolicyContent, PolicyPart, ResponsePlan,
};

/// Levels, highest first, with the names forms use.
pub(super) const LEVELS: [(&str, Level); 4] = [
    ("red", Level::Red),
    ("orange", Level::Orange),
    ("yellow", Level::Yellow),
    ("blue", Level::Blue),
];
/// Chimes, with the names forms use.
pub(super) const CHIMES: [(&str, Chime); 6] = [
    ("none", Chime::None),
    ("notice", Chime::Notice),
    ("blue", Chime::Blue),
    ("yellow", Chime::Yellow),
    ("orange", Chime::Orange),
    ("red", Chime::Red),
];
/// Who must agree.
pub(super) const APPROVALS: [(&str, ApprovalMode); 3] = [
    ("automatic", ApprovalMode::Automatic),
    ("one-person", ApprovalMode::OnePerson),
    ("two-person", ApprovalMode::TwoPerson),
];
/// What happens when nobody decided.
pub(super) const AFTERS: [(&str, AfterDeadline); 2] =
    [("expire", AfterDeadline::Expire), ("release", AfterDeadline::Release)];
/// How neighbours play.
pub(super) const PLAYBACKS: [(&str, Playback); 2] =
    [("simultaneous", Playback::Simultaneous), ("staggered", Playback::Staggered)];
/// What a Cancel does.
pub(super) const CANCELS: [(&str, OnCancel); 2] =
    [("stop_and_announce", OnCancel::StopAndAnnounce), ("stop", OnCancel::Stop)];

/// Keys of `policy.toml` with what people call them.
const LABELS: [(&str, &str, &str); 24] = [
    ("name", "内部名称", "Name"),
    ("text", "内容", "Words"),
    ("title", "名称", "Title"),
    ("levels", "级别", "Levels"),
    ("hazards", "灾种代码", "Hazard codes"),
    ("event_words", "灾种用词", "Hazard words"),
    ("senders", "信任的发布单位（空 = 全部）", "Trusted senders (empty = all)"),
    ("areas", "适用区域（不选 = 全部）", "Areas (none = all)"),
    ("approval", "审批", "Approval"),
    ("decide_within_s", "审批时限（秒）", "Time to decide (seconds)"),
    ("after_deadline", "逾期未决", "When nobody decided"),
    ("chime", "提示音", "Chime"),
    ("template", "模板", "Template"),
    ("voice", "音色", "Voice"),
    ("recording", "改放录音（空 = 合成语音）", "Recording instead (empty = speech)"),
    ("fallback_recording", "备用录音", "Recording if no voice"),
    ("repeats", "遍数", "Times"),
    ("interval_s", "间隔（秒）", "Pause (seconds)"),
    ("volume_percent", "音量 %（空 = 终端自定）", "Volume % (empty = the terminal's)"),
    ("quiet_hours_exempt", "静音时段照常播发", "Sounds in quiet hours"),
    ("playback", "播放方式", "Playback"),
    ("validity_s_max", "最长有效（秒）", "Valid at most (seconds)"),
    ("on_cancel", "解除时", "On cancel"),
    ("call", "叫应时限（秒，空 = 不叫应）", "Answer within (seconds, empty = no calls)"),
];

/// What people call a key.
pub(super) fn label(tongue: Tongue, key: &str) -> &'static str {
    let known = LABELS.iter().find(|(known, ..)| *known == key);
    known.map_or("", |(_, zh, en)| tongue.say(zh, en))
}

/// Who must agree.
pub(super) fn approval(tongue: Tongue, mode: ApprovalMode) -> &'static str {
    match mode {
        ApprovalMode::Automatic => tongue.say("自动播发", "automatic"),
        ApprovalMode::OnePerson => tongue.say("一人批准", "one person"),
        ApprovalMode::TwoPerson => tongue.say("两人批准", "two persons"),
    }
}

/// What happens when nobody decided.
pub(super) fn after(tongue: Tongue, after: AfterDeadline) -> &'static str {
    match after {
        AfterDeadline::Release => tongue.say("未决则放行", "then it goes out"),
        AfterDeadline::Expire => tongue.say("未决则作废", "then it ends"),
    }
}

/// How neighbours play.
pub(super) fn playback(tongue: Tongue, playback: Playback) -> &'static str {
    match playback {
        Playback::Simultaneous => tongue.say("同时播放", "all at once"),
        Playback::Staggered => tongue.say("相邻终端错开", "neighbours in turns"),
    }
}

/// What a Cancel does.
pub(super) fn on_cancel(tongue: Tongue, on_cancel: OnCancel) -> &'static str {
    match on_cancel {
        OnCancel::Stop => tongue.say("只停播", "stop"),
        OnCancel::StopAndAnnounce => tongue.say("停播并播报解除", "stop and announce it"),
    }
}

/// A fault of a check, with the key it is about.
pub(super) fn fault(tongue: Tongue, fault: &PolicyFault) -> String {
    let head = label(tongue, fault.key);
    let colon = if head.is_empty() { "" } else { tongue.say("：", ": ") };
    match tongue {
        Tongue::Zh => format!("{head}{colon}{}", fault.zh),
        Tongue::En => format!("{head}{colon}{}; {}", fault.what, fault.remedy),
    }
}

/// What people call a part: a response plan's title, a template's name.
pub(super) fn title(tongue: Tongue, policy: &Policy, part: &PolicyPart) -> String {
    match part {
        PolicyPart::Plan(name) => {
            let known = policy.plans.iter().find(|plan| plan.name == *name);
            known.map_or_else(|| name.clone(), |plan| plan.title.clone())
        }
        PolicyPart::Template(name) => template(tongue, policy, name),
    }
}

/// A template, by the response plans that use it.
pub(super) fn template(tongue: Tongue, policy: &Policy, name: &str) -> String {
    let users: Vec<&str> = policy
        .plans
        .iter()
        .filter(|plan| plan.template == name)
        .map(|plan| plan.title.as_str())
        .collect();
    let used = match (name, users.is_empty()) {
        ("general", _) => tongue.say("无对应预案的预警", "alerts without a plan").to_owned(),
        ("all-clear", _) => tongue.say("解除播报", "the all-clear").to_owned(),
        (_, true) => tongue.say("未使用", "unused").to_owned(),
        (_, false) => users.join("、"),
    };
    format!("{}（{used}）", tongue.say("模板 ", "template ").to_owned() + name)
}

/// What a part says, a line each: for people, and to be compared.
pub(super) fn lines(tongue: Tongue, network: &Network, content: &PolicyContent) -> String {
    match content {
        PolicyContent::Template(template) => {
            let sentences = template.text.split_inclusive(['。', '！', '？', '}']);
            sentences.map(|sentence| format!("{sentence}\n")).collect()
        }
        PolicyContent::Plan(plan) => {
            let line = |(key, value): (&str, String)| {
                format!("{}{}{value}\n", short(label(tongue, key)), tongue.say("：", ": "))
            };
            values(tongue, network, plan).into_iter().map(line).collect()
        }
    }
}

/// A label without what an empty field would mean.
fn short(label: &str) -> &str {
    let head = label.split(['（', '(']).next().unwrap_or(label);
    if label.contains(" = ") { head.trim_end() } else { label }
}

fn values(tongue: Tongue, network: &Network, plan: &ResponsePlan) -> Vec<(&'static str, String)> {
    let area = |code: &AreaCode| {
        network.areas.get(code).map_or_else(|| code.to_string(), |area| area.name.clone())
    };
    let none = || "—".to_owned();
    let list = |items: &[String]| if items.is_empty() { none() } else { items.join("、") };
    let levels = plan.levels.iter().map(|level| words::level(tongue, Some(*level)));
    let areas: Vec<String> = plan.areas.iter().map(area).collect();
    vec![
        ("title", plan.title.clone()),
        ("levels", levels.collect::<Vec<_>>().join("、")),
        ("hazards", list(&plan.hazards)),
        ("event_words", list(&plan.event_words)),
        ("senders", list(&plan.senders)),
        ("areas", list(&areas)),
        ("approval", approval(tongue, plan.approval).to_owned()),
        ("decide_within_s", plan.decide_within_s.to_string()),
        ("after_deadline", after(tongue, plan.after_deadline).to_owned()),
        ("chime", words::chime(tongue, plan.chime).to_owned()),
        ("template", plan.template.clone()),
        ("voice", plan.voice.clone()),
        ("recording", plan.recording.clone().unwrap_or_else(none)),
        ("fallback_recording", plan.fallback_recording.clone()),
        ("repeats", plan.repeats.to_string()),
        ("interval_s", plan.interval_s.to_string()),
        ("volume_percent", plan.volume_percent.map_or_else(none, |volume| volume.to_string())),
        (
            "quiet_hours_exempt",
            tongue
                .say(
                    if plan.quiet_hours_exempt { "是" } else { "否，转人工" },
                    if plan.quiet_hours_exempt { "yes" } else { "no, a person decides" },
                )
                .to_owned(),
        ),
        ("playback", playback(tongue, plan.playback).to_owned()),
        ("validity_s_max", plan.validity_s_max.to_string()),
        ("on_cancel", on_cancel(tongue, plan.on_cancel).to_owned()),
        (
            "call",
            plan.call.map_or_else(none, |rule| words::span(tongue, rule.answer_within_s.into())),
        ),
    ]
}
