//! A response plan or template as it would stand in `policy.toml`: what was changed on screen can be
//! taken over into the file.

use crate::model::{
    AfterDeadline, ApprovalMode, Chime, Level, OnCancel, Playback, PolicyContent, ResponsePlan,
};

/// The table with its head, every key written out.
#[must_use]
pub fn policy_text(content: &PolicyContent) -> String {
    let mut lines = match content {
        PolicyContent::Template(template) => vec![
            "[[templates]]".to_owned(),
            format!("name = {}", quoted(&template.name)),
            format!("text = {}", quoted(&template.text)),
        ],
        PolicyContent::Plan(plan) => plan_lines(plan),
    };
    lines.push(String::new());
    lines.join("\n")
}

fn plan_lines(plan: &ResponsePlan) -> Vec<String> {
    let levels: Vec<String> =
        plan.levels.iter().map(|level| level_name(*level).to_owned()).collect();
    let areas: Vec<String> = plan.areas.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        "[[plans]]".to_owned(),
        format!("name = {}", quoted(&plan.name)),
        format!("title = {}", quoted(&plan.title)),
        format!("hazards = {}", list(&plan.hazards)),
        format!("event_words = {}", list(&plan.event_words)),
        format!("levels = {}", list(&levels)),
        format!("senders = {}", list(&plan.senders)),
        format!("areas = {}", list(&areas)),
        format!("approval = {}", quoted(approval_name(plan.approval))),
        format!("decide_within_s = {}", plan.decide_within_s),
        format!("after_deadline = {}", quoted(after_name(plan.after_deadline))),
        format!("chime = {}", quoted(chime_name(plan.chime))),
        format!("template = {}", quoted(&plan.template)),
        format!("voice = {}", quoted(&plan.voice)),
        format!("fallback_recording = {}", quoted(&plan.fallback_recording)),
        format!("repeats = {}", plan.repeats),
        format!("interval_s = {}", plan.interval_s),
        format!("quiet_hours_exempt = {}", plan.quiet_hours_exempt),
        format!("playback = {}", quoted(playback_name(plan.playback))),
        format!("validity_s_max = {}", plan.validity_s_max),
        format!("on_cancel = {}", quoted(cancel_name(plan.on_cancel))),
    ];
    lines.extend(plan.recording.as_ref().map(|name| format!("recording = {}", quoted(name))));
    lines.extend(plan.volume_percent.map(|volume| format!("volume_percent = {volume}")));
    let call = plan.call.map(|rule| rule.answer_within_s);
    lines.extend(call.map(|within_s| format!("call = {{ answer_within_s = {within_s} }}")));
    lines
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Red => "red",
        Level::Orange => "orange",
        Level::Yellow => "yellow",
        Level::Blue => "blue",
    }
}

fn approval_name(approval: ApprovalMode) -> &'static str {
    match approval {
        ApprovalMode::Automatic => "automatic",
        ApprovalMode::OnePerson => "one-person",
        ApprovalMode::TwoPerson => "two-person",
    }
}

fn after_name(after: AfterDeadline) -> &'static str {
    match after {
        AfterDeadline::Release => "release",
        AfterDeadline::Expire => "expire",
    }
}

fn chime_name(chime: Chime) -> &'static str {
    match chime {
        Chime::None => "none",
        Chime::Notice => "notice",
        Chime::Blue => "blue",
        Chime::Yellow => "yellow",
        Chime::Orange => "orange",
        Chime::Red => "red",
    }
}

fn playback_name(playback: Playback) -> &'static str {
    match playback {
        Playback::Simultaneous => "simultaneous",
        Playback::Staggered => "staggered",
    }
}

fn cancel_name(on_cancel: OnCancel) -> &'static str {
    match on_cancel {
        OnCancel::Stop => "stop",
        OnCancel::StopAndAnnounce => "stop_and_announce",
    }
}
