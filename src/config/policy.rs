//! `policy.toml`: response plans, templates and limits.

use super::reader::{Document, Faults, Keys};
use crate::decide::{
    ANSWER_WITHIN_S, DECIDE_WITHIN_S, INTERVAL_S, REPEATS, VALIDITY_S, VOLUME_PERCENT,
};
use crate::model::{
    AfterDeadline, ApprovalMode, AreaCode, BreakGlassRules, CallRule, Chime, Interlock, Level,
    ManualRules, OnCancel, Playback, Policy, PolicyPart, QuietHours, ResponsePlan, Role, Template,
};
use std::collections::BTreeMap;

const LEVELS: [(&str, Level); 4] = [
    ("red", Level::Red),
    ("orange", Level::Orange),
    ("yellow", Level::Yellow),
    ("blue", Level::Blue),
];
const CHIMES: [(&str, Chime); 6] = [
    ("none", Chime::None),
    ("notice", Chime::Notice),
    ("blue", Chime::Blue),
    ("yellow", Chime::Yellow),
    ("orange", Chime::Orange),
    ("red", Chime::Red),
];
const APPROVALS: [(&str, ApprovalMode); 3] = [
    ("automatic", ApprovalMode::Automatic),
    ("one-person", ApprovalMode::OnePerson),
    ("two-person", ApprovalMode::TwoPerson),
];

/// Keys of templates and response plans about which the checks have something to say.
const CHECKED: [&str; 16] = [
    "name",
    "text",
    "title",
    "hazards",
    "event_words",
    "levels",
    "senders",
    "areas",
    "decide_within_s",
    "template",
    "voice",
    "recording",
    "fallback_recording",
    "repeats",
    "validity_s_max",
    "call",
];

/// Where templates and response plans stand in the file, key by key.
#[derive(Debug, Default)]
pub(super) struct PolicyLines(BTreeMap<(PolicyPart, &'static str), u32>);

impl PolicyLines {
    /// Notes a table and its keys; false when there is one of that name already.
    fn note(&mut self, part: &PolicyPart, keys: &Keys<'_>) -> bool {
        let table = keys.line().unwrap_or_default();
        if self.0.contains_key(&(part.clone(), "")) {
            return false;
        }
        let name = keys.line_of("name").unwrap_or(table);
        self.0.insert((part.clone(), ""), name);
        for key in CHECKED {
            if let Some(line) = keys.line_of(key) {
                self.0.insert((part.clone(), key), line);
            }
        }
        true
    }

    /// Line of a key, when it stands there.
    pub(super) fn key(&self, part: &PolicyPart, key: &'static str) -> Option<u32> {
        self.0.get(&(part.clone(), key)).copied()
    }

    /// Line of a response plan.
    pub(super) fn plan(&self, name: &str) -> Option<u32> {
        self.key(&PolicyPart::Plan(name.to_owned()), "")
    }
}

/// Reads it. Whether what it says makes sense is asked in `cross::policy`.
pub(super) fn read(document: &Document, faults: &Faults) -> (Policy, PolicyLines) {
    let root = document.parse(faults);
    let mut keys = document.keys(&root, None, faults);
    let validity_s_default = keys.number("validity_s_default", Some(86_400), VALIDITY_S);
    let mut lines = PolicyLines::default();
    let mut templates: Vec<Template> = Vec::new();
    for mut table in keys.tables("templates") {
        let template = Template { name: table.text("name", None), text: table.text("text", None) };
        if !lines.note(&PolicyPart::Template(template.name.clone()), &table) {
            let what = format!("template `{}` stands twice", template.name);
            faults.push(document.file, table.line(), what, "give each its own name");
        }
        table.finish();
        templates.push(template);
    }
    let mut plans: Vec<ResponsePlan> = Vec::new();
    for mut table in keys.tables("plans") {
        let plan = response_plan(&mut table, validity_s_default);
        if !lines.note(&PolicyPart::Plan(plan.name.clone()), &table) {
            let what = format!("response plan `{}` stands twice", plan.name);
            let line = table.line_of("name").or(table.line());
            faults.push(document.file, line, what, "give each its own name");
        }
        table.finish();
        plans.push(plan);
    }
    let policy = Policy {
        plans,
        templates,
        quiet_hours: keys.has("quiet_hours").then(|| quiet_hours(keys.table("quiet_hours"))),
        interlock: interlock(keys.table("interlock")),
        manual: manual(keys.table("manual")),
        break_glass: break_glass(keys.table("break_glass")),
        validity_s_default,
        local_offset_minutes: keys.number("local_offset_minutes", Some(480), -720..=840),
        sent_age_s_max: keys.number("sent_age_s_max", Some(21_600), 60..=604_800),
        sent_ahead_s_max: keys.number("sent_ahead_s_max", Some(300), 0..=86_400),
    };
    keys.finish();
    (policy, lines)
}

fn response_plan(keys: &mut Keys<'_>, validity_s_default: u32) -> ResponsePlan {
    let levels = levels(keys);
    let default_chime = levels.iter().max().map(|level| match level {
        Level::Blue => Chime::Blue,
        Level::Yellow => Chime::Yellow,
        Level::Orange => Chime::Orange,
        Level::Red => Chime::Red,
    });
    let afters = [("release", AfterDeadline::Release), ("expire", AfterDeadline::Expire)];
    let playbacks = [("simultaneous", Playback::Simultaneous), ("staggered", Playback::Staggered)];
    let cancels = [("stop", OnCancel::Stop), ("stop_and_announce", OnCancel::StopAndAnnounce)];
    // A misspelt approval must not cause a second fault about the clock; nothing starts with one.
    let approval = keys.choice("approval", None, &APPROVALS, ApprovalMode::Automatic);
    let automatic = approval == ApprovalMode::Automatic;
    ResponsePlan {
        name: keys.text("name", None),
        title: keys.text("title", None),
        hazards: keys.texts("hazards"),
        event_words: keys.texts("event_words"),
        levels,
        senders: keys.texts("senders"),
        areas: areas(keys),
        approval,
        decide_within_s: keys.number("decide_within_s", automatic.then_some(900), DECIDE_WITHIN_S),
        after_deadline: keys.choice(
            "after_deadline",
            Some(AfterDeadline::Expire),
            &afters,
            AfterDeadline::Expire,
        ),
        chime: keys.choice("chime", default_chime, &CHIMES, Chime::Notice),
        template: keys.text("template", None),
        voice: keys.text("voice", Some("default")),
        recording: keys.text_opt("recording"),
        fallback_recording: keys.text("fallback_recording", None),
        repeats: keys.number("repeats", Some(2), REPEATS),
        interval_s: keys.number("interval_s", Some(10), INTERVAL_S),
        volume_percent: keys
            .has("volume_percent")
            .then(|| keys.number("volume_percent", None, VOLUME_PERCENT)),
        quiet_hours_exempt: keys.flag("quiet_hours_exempt", false),
        playback: keys.choice(
            "playback",
            Some(Playback::Simultaneous),
            &playbacks,
            Playback::Simultaneous,
        ),
        validity_s_max: keys.number("validity_s_max", Some(validity_s_default), VALIDITY_S),
        on_cancel: keys.choice(
            "on_cancel",
            Some(OnCancel::StopAndAnnounce),
            &cancels,
            OnCancel::StopAndAnnounce,
        ),
        call: keys.has("call").then(|| call(keys.table("call"))),
    }
}

pub(super) fn levels(keys: &mut Keys<'_>) -> Vec<Level> {
    let mut levels = Vec::new();
    for name in keys.texts("levels") {
        match LEVELS.iter().find(|(option, _)| *option == name) {
            Some((_, level)) => levels.push(*level),
            None => {
                let what = format!("expected red, orange, yellow or blue, got `{name}`");
                keys.fault("levels", &what, "correct the level");
            }
        }
    }
    levels
}

pub(super) fn areas(keys: &mut Keys<'_>) -> Vec<AreaCode> {
    let mut areas = Vec::new();
    for text in keys.texts("areas") {
        match AreaCode::parse(&text) {
            Some(code) => areas.push(code),
            None => {
                let what = format!("expected 12-digit area codes, got `{text}`");
                keys.fault("areas", &what, "correct the code");
            }
        }
    }
    areas
}

fn quiet_hours(mut keys: Keys<'_>) -> QuietHours {
    let mut minute = |key: &'static str| {
        let text = keys.text(key, None);
        let parsed = text.split_once(':').and_then(|(hour, minute)| {
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        });
        if parsed.is_none() && keys.has(key) {
            let what = format!("expected a local time, got `{text}`");
            keys.fault(key, &what, format!("write it like `{key} = \"22:00\"`"));
        }
        parsed
    };
    let (from, until) = (minute("from"), minute("until"));
    if let (Some(from), Some(until)) = (from, until) {
        let long = (i32::from(until) - i32::from(from)).rem_euclid(1_440);
        if long == 0 {
            keys.fault("until", "equals `from`", "remove [quiet_hours] or give it a span");
        } else if long > 14 * 60 {
            keys.fault("until", "quiet hours last over 14 h", "exchange `from` and `until`");
        }
    }
    keys.finish();
    QuietHours { from_minute: from.unwrap_or_default(), until_minute: until.unwrap_or_default() }
}

fn interlock(mut keys: Keys<'_>) -> Interlock {
    let interlock = Interlock {
        automatic_per_hour_max: keys.number("automatic_per_hour_max", Some(6), 0..=1_000),
        automatic_terminals_max: keys.number("automatic_terminals_max", Some(500), 0..=1_000_000),
        lifted_by: keys.texts("lifted_by"),
    };
    keys.finish();
    interlock
}

fn manual(mut keys: Keys<'_>) -> ManualRules {
    let default = ManualRules::default();
    let alone = default.terminals_alone_max;
    let rules = ManualRules {
        terminals_alone_max: keys.number("terminals_alone_max", Some(alone), 0..=1_000_000),
        quiet_hours_second_person: keys
            .flag("quiet_hours_second_person", default.quiet_hours_second_person),
        decide_within_s: keys.number("decide_within_s", Some(default.decide_within_s), 30..=86_400),
        validity_s_max: keys.number("validity_s_max", Some(default.validity_s_max), 60..=604_800),
    };
    keys.finish();
    rules
}

fn break_glass(mut keys: Keys<'_>) -> BreakGlassRules {
    let default = BreakGlassRules::default();
    let day_max = default.per_officer_per_day_max;
    let within_s = default.countersign_within_s;
    let mut rules = BreakGlassRules {
        enabled: keys.flag("enabled", default.enabled),
        roles: Vec::new(),
        areas: areas(&mut keys),
        per_officer_per_day_max: keys.number("per_officer_per_day_max", Some(day_max), 0..=100),
        countersign_within_s: keys.number("countersign_within_s", Some(within_s), 600..=604_800),
    };
    for name in keys.texts("roles") {
        match [("officer", Role::Officer), ("leader", Role::Leader)]
            .into_iter()
            .find(|(option, _)| *option == name)
        {
            Some((_, role)) => rules.roles.push(role),
            None => {
                let what = format!("expected officer or leader, got `{name}`");
                keys.fault("roles", &what, "nobody else may release anything");
            }
        }
    }
    if rules.roles.is_empty() {
        rules.roles = default.roles;
    }
    keys.finish();
    rules
}

fn call(mut keys: Keys<'_>) -> CallRule {
    let rule = CallRule { answer_within_s: keys.number("answer_within_s", None, ANSWER_WITHIN_S) };
    keys.finish();
    rule
}
