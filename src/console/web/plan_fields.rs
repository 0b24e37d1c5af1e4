//! The fields of the form of a response plan or template: filled in from what stands, and read back with
//! every fault at once.

use super::plan_words::{AFTERS, APPROVALS, CANCELS, CHIMES, LEVELS, PLAYBACKS};
use super::visitor::Fields;
use crate::decide::{
    ANSWER_WITHIN_S, DECIDE_WITHIN_S, INTERVAL_S, PolicyFault, REPEATS, VALIDITY_S, VOLUME_PERCENT,
};
use crate::model::{AreaCode, CallRule, PolicyContent, PolicyPart, ResponsePlan, Template};
use std::ops::RangeInclusive;

/// What stands between the entries of a list.
const BETWEEN: [char; 7] = ['\n', '、', ',', '，', ';', '；', '\t'];

/// The form filled in.
pub(super) fn as_fields(content: &PolicyContent) -> Fields {
    let mut fields = Fields::default();
    match content {
        PolicyContent::Template(template) => {
            fields.push("text".to_owned(), template.text.clone());
        }
        PolicyContent::Plan(plan) => plan_fields(plan, &mut fields),
    }
    fields
}

fn plan_fields(plan: &ResponsePlan, fields: &mut Fields) {
    let mut push = |name: &str, value: String| fields.push(name.to_owned(), value);
    push("title", plan.title.clone());
    for (name, _) in LEVELS.iter().filter(|(_, level)| plan.levels.contains(level)) {
        push("levels", (*name).to_owned());
    }
    push("hazards", plan.hazards.join("、"));
    push("event_words", plan.event_words.join("、"));
    push("senders", plan.senders.join("、"));
    plan.areas.iter().for_each(|area| push("areas", area.to_string()));
    push("approval", named(&APPROVALS, plan.approval));
    push("decide_within_s", plan.decide_within_s.to_string());
    push("after_deadline", named(&AFTERS, plan.after_deadline));
    push("chime", named(&CHIMES, plan.chime));
    push("template", plan.template.clone());
    push("voice", plan.voice.clone());
    push("recording", plan.recording.clone().unwrap_or_default());
    push("fallback_recording", plan.fallback_recording.clone());
    push("repeats", plan.repeats.to_string());
    push("interval_s", plan.interval_s.to_string());
    push("volume_percent", plan.volume_percent.map(|v| v.to_string()).unwrap_or_default());
    if plan.quiet_hours_exempt {
        push("quiet_hours_exempt", "yes".to_owned());
    }
    push("playback", named(&PLAYBACKS, plan.playback));
    push("validity_s_max", plan.validity_s_max.to_string());
    push("on_cancel", named(&CANCELS, plan.on_cancel));
    push("call", plan.call.map(|rule| rule.answer_within_s.to_string()).unwrap_or_default());
}

fn named<T: Copy + PartialEq>(options: &[(&str, T)], value: T) -> String {
    let found = options.iter().find(|(_, option)| *option == value);
    found.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
}

/// What was typed in, over what stood before, and what could not be read of it.
pub(super) fn read(before: &PolicyContent, fields: &Fields) -> (PolicyContent, Vec<PolicyFault>) {
    let mut typed = Typed { part: before.part(), fields, faults: Vec::new() };
    let content = match before {
        PolicyContent::Template(template) => PolicyContent::Template(Template {
            name: template.name.clone(),
            // A form sends line breaks that nobody wants to hear.
            text: fields.one("text").replace(['\r', '\n'], ""),
        }),
        PolicyContent::Plan(plan) => PolicyContent::Plan(Box::new(typed.plan(plan))),
    };
    (content, typed.faults)
}

/// A form as it is read.
struct Typed<'a> {
    part: PolicyPart,
    fields: &'a Fields,
    faults: Vec<PolicyFault>,
}

impl Typed<'_> {
    fn plan(&mut self, before: &ResponsePlan) -> ResponsePlan {
        let fields = self.fields;
        let text = |key: &str| fields.one(key).to_owned();
        let given = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
        let list = |key: &str| -> Vec<String> {
            let items = fields.one(key).split(BETWEEN).map(str::trim);
            items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        let on = |name: &str| fields.all("levels").any(|level| level == name);
        ResponsePlan {
            name: before.name.clone(),
            title: text("title"),
            hazards: list("hazards").iter().map(|code| code.to_ascii_uppercase()).collect(),
            event_words: list("event_words"),
            levels: LEVELS.iter().filter(|(name, _)| on(name)).map(|(_, level)| *level).collect(),
            senders: list("senders"),
            areas: self.areas(),
            approval: self.choice("approval", &APPROVALS, before.approval),
            decide_within_s: self
                .number("decide_within_s", &DECIDE_WITHIN_S)
                .unwrap_or(before.decide_within_s),
            after_deadline: self.choice("after_deadline", &AFTERS, before.after_deadline),
            chime: self.choice("chime", &CHIMES, before.chime),
            template: text("template"),
            voice: text("voice"),
            recording: given("recording"),
            fallback_recording: text("fallback_recording"),
            repeats: self.number("repeats", &REPEATS).unwrap_or(before.repeats),
            interval_s: self.number("interval_s", &INTERVAL_S).unwrap_or(before.interval_s),
            volume_percent: given("volume_percent")
                .and_then(|_| self.number("volume_percent", &VOLUME_PERCENT)),
            quiet_hours_exempt: fields.one("quiet_hours_exempt") == "yes",
            playback: self.choice("playback", &PLAYBACKS, before.playback),
            validity_s_max: self
                .number("validity_s_max", &VALIDITY_S)
                .unwrap_or(before.validity_s_max),
            on_cancel: self.choice("on_cancel", &CANCELS, before.on_cancel),
            call: given("call")
                .and_then(|_| self.number("call", &ANSWER_WITHIN_S))
                .map(|answer_within_s| CallRule { answer_within_s }),
        }
    }

    fn fault(&mut self, key: &'static str, zh: String, what: String) {
        let (part, remedy) = (Some(self.part.clone()), "correct the value".to_owned());
        self.faults.push(PolicyFault { part, key, grave: true, zh, what, remedy });
    }

    /// A number in its range; `None` is at fault.
    fn number<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: &RangeInclusive<i64>,
    ) -> Option<T> {
        let text = self.fields.one(key);
        let number = text.parse::<i64>().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            let zh = format!("应为 {low} 至 {high} 的整数，收到“{text}”");
            let what = format!("expected a whole number from {low} to {high}, got `{text}`");
            self.fault(key, zh, what);
        }
        number
    }

    fn choice<T: Copy>(&mut self, key: &'static str, options: &[(&str, T)], before: T) -> T {
        let text = self.fields.one(key);
        let found = options.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
            let zh = format!("没有这个选项：“{text}”");
            let what = format!("expected one of {}, got `{text}`", names.join(", "));
            self.fault(key, zh, what);
        }
        found.map_or(before, |(_, value)| *value)
    }

    fn areas(&mut self) -> Vec<AreaCode> {
        let mut areas = Vec::new();
        let fields = self.fields;
        for text in fields.all("areas") {
            match AreaCode::parse(text) {
                Some(code) => areas.push(code),
                None => {
                    let zh = format!("没有这个区域：“{text}”");
                    let what = format!("expected 12-digit area codes, got `{text}`");
                    self.fault("areas", zh, what);
                }
            }
        }
        areas
    }
}
