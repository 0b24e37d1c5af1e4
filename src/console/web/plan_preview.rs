//! What a sample alert would come to under a change: which response plan takes it, who must agree, who
//! would hear it, and the words. Made by the functions that decide; nothing is sent.

use super::plan_form::Scene;
use super::plan_words;
use super::visitor::{Fields, Visitor};
use super::words;
use crate::clock;
use crate::decide::{Explanation, Memory, Rules, explain};
use crate::model::{
    Alert, AlertArea, AlertForm, AlertId, AreaCode, AreaLevel, Geocode, Info, Level, MsgType,
    NameValue, Need, Plan, Policy, PolicyContent, PolicyDeed, PolicyPart, ResponsePlan, Scope,
    Status, UtcMs,
};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Spoken Chinese, characters a second, before the audio is made.
const CHARS_PER_S: usize = 4;
/// Longest words of a sample.
const WORDS_MAX: usize = 500;
/// What a sample says when nobody typed anything.
const DESCRIPTION: &str = "预计未来3小时，本地有较重灾害风险。";
const INSTRUCTION: &str = "请注意防范。";
/// The hour of the sample that comes at night.
const NIGHT_MINUTE: i64 = 2 * 60;
/// Minutes of a day.
const DAY_MINUTES: i64 = 1_440;

/// The sample as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    area: Option<AreaCode>,
    level: Option<Level>,
    words: String,
    night: bool,
}

impl Sample {
    pub(super) fn read(fields: &Fields) -> Self {
        let level = plan_words::LEVELS.iter().find(|(name, _)| *name == fields.one("sample_level"));
        let words = fields.one("sample_words").chars().filter(|c| !c.is_control());
        Self {
            area: AreaCode::parse(fields.one("sample_area")),
            level: level.map(|(_, level)| *level),
            words: words.take(WORDS_MAX).collect(),
            night: fields.one("sample_when") == "night",
        }
    }

    /// When it comes: now, or at the next 02:00.
    fn at(&self, offset_minutes: i16) -> UtcMs {
        let now = clock::now_utc();
        if !self.night {
            return now;
        }
        let minute = now.0.div_euclid(60_000) + i64::from(offset_minutes);
        let until = (NIGHT_MINUTE - minute.rem_euclid(DAY_MINUTES)).rem_euclid(DAY_MINUTES);
        now.plus_s(until * 60)
    }
}

/// The fields that choose the sample.
pub(super) fn fields(
    visitor: &Visitor,
    fields: &Fields,
    scene: &Scene,
    content: &PolicyContent,
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let network = &scene.rules.network;
    let served = |code: AreaCode| network.served.iter().any(|served| served.contains(code));
    let places = network
        .areas
        .values()
        .filter(|area| served(area.code) && area.code.level() <= AreaLevel::Township);
    let plan = plan_of(&scene.rules, content);
    let levels: &[Level] = plan.map_or(&[], |plan| &plan.levels);
    let chosen = |key: &str, value: &str| fields.one(key) == value;
    html! {
        fieldset {
            legend { (say("用一条样例预警预览", "Preview with a sample alert")) }
            div.manner {
                label { (say("样例级别", "Level"))
                    select name="sample_level" {
                        @for (name, level) in plan_words::LEVELS.iter().filter(|(_, level)| levels.is_empty() || levels.contains(level)) {
                            option value=(name) selected[chosen("sample_level", name)] { (words::level(visitor.tongue(), Some(*level))) }
                        }
                    }
                }
                label { (say("样例区域", "Area"))
                    select name="sample_area" {
                        @for area in places {
                            option value=(area.code) selected[chosen("sample_area", &area.code.to_string())] { (area.name) }
                        }
                    }
                }
                label { (say("样例到达时间", "Arrives"))
                    select name="sample_when" {
                        option value="now" { (say("现在", "now")) }
                        option value="night" selected[chosen("sample_when", "night")] { (say("凌晨 2 点", "at 02:00")) }
                    }
                }
            }
            label { (say("样例正文（可不填）", "What it says (optional)"))
                input name="sample_words" maxlength=(WORDS_MAX) autocomplete="off" value=(fields.one("sample_words")); }
        }
    }
}

/// The response plan a part is about: itself, or the first that uses the template.
fn plan_of<'a>(rules: &'a Rules, content: &'a PolicyContent) -> Option<&'a ResponsePlan> {
    match content {
        PolicyContent::Plan(plan) => Some(plan),
        PolicyContent::Template(template) => {
            rules.policy.plans.iter().find(|plan| plan.template == template.name)
        }
    }
}

/// What the sample comes to with the change in force.
pub(super) fn shown(
    visitor: &Visitor,
    scene: &Scene,
    (changed, deed): (&Policy, PolicyDeed),
    content: &PolicyContent,
    sample: &Sample,
) -> Markup {
    let mut rules = scene.rules.clone();
    rules.policy.clone_from(changed);
    let Some(plan) = plan_of(&rules, content).cloned() else {
        return unused(visitor, &rules, content);
    };
    let at = sample.at(rules.policy.local_offset_minutes);
    let alert = alert(&rules, &plan, sample, at);
    let explained = explain(&rules, at, &alert, &Memory::default());
    let say = |zh, en| visitor.say(zh, en);
    let own = PolicyPart::Plan(plan.name.clone());
    html! {
        section.card.preview id="preview" {
            h2 { (say("预览：样例预警会这样播发", "Preview: what the sample comes to")) }
            @match &explained.plan {
                Some(planned) => {
                    @if deed == PolicyDeed::Remove {
                        p.flash.warn { (say("移除后，这样的预警由它处理：", "Without it, such an alert is handled by: ")) (planned.title()) }
                    } @else if planned.response_plan != own.name() {
                        p.flash.bad role="alert" { (say("样例会先符合另一个预案：", "Another response plan takes the sample first: ")) (planned.title()) }
                    }
                    (outcome(visitor, &explained, planned, at, rules.policy.local_offset_minutes))
                }
                None => p.flash.bad role="alert" { (say("样例不会播发。", "The sample is not broadcast.")) }
            }
            ul.reasons { @for reason in &explained.reasons { li { (reason.text) } } }
        }
    }
}

fn outcome(
    visitor: &Visitor,
    explained: &Explanation,
    plan: &Plan,
    at: UtcMs,
    offset: i16,
) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let tongue = visitor.tongue();
    let seconds = plan.message.text.chars().count().div_ceil(CHARS_PER_S);
    html! {
        blockquote.words { (plan.message.text) }
        dl.facts {
            dt { (say("到达时间", "Arrives")) } dd { (words::moment(at, offset)) }
            dt { (say("审批", "Approval")) } dd { @match plan.need {
                Need::Nothing => (say("自动播发，无需审批", "goes out by itself")),
                Need::Officers { officers, decide_by, after } => {
                    (officers) (say(" 人批准，", " persons, ")) (say("限 ", "within "))
                    (words::span(tongue, decide_by.since_ms(at) / 1000)) " · " (plan_words::after(tongue, after))
                }
            } }
            dt { (say("听众", "Audience")) } dd { (plan.terminals.len()) (say(" 个终端：", " terminals: "))
                @for (n, township) in explained.townships.iter().enumerate() {
                    @if n > 0 { "、" } (township.name) " " (township.n_terminals)
                }
            }
            dt { (say("提示音", "Chime")) } dd { (words::chime(tongue, plan.chime)) }
            dt { (say("播放", "Plays")) } dd {
                (plan.repeats) (say(" 遍，每遍约 ", " times, each about ")) (words::span(tongue, i64::try_from(seconds).unwrap_or(i64::MAX)))
                @if let Some(recording) = &plan.message.recording { (say("，播录音 ", ", the recording ")) (recording) }
            }
            @if let Some(rule) = plan.basis.as_ref().and_then(|basis| basis.call) {
                dt { (say("叫应", "Calls")) } dd { (say("责任人须在 ", "persons must answer within ")) (words::span(tongue, i64::from(rule.answer_within_s))) (say(" 内应答", "")) }
            }
        }
    }
}

/// The words of a template that no response plan uses.
fn unused(visitor: &Visitor, rules: &Rules, content: &PolicyContent) -> Markup {
    let slots: BTreeMap<String, String> = [
        ("headline", "岳阳县气象台发布暴雨红色预警"),
        ("description", DESCRIPTION),
        ("instruction", INSTRUCTION),
    ]
    .map(|(name, words)| (name.to_owned(), words.to_owned()))
    .into();
    let filled = rules.template_words(content.part().name(), &slots);
    html! {
        section.card.preview id="preview" {
            h2 { (visitor.say("预览：填入样例后的内容", "Preview: the words of a sample")) }
            blockquote.words { (filled.unwrap_or_else(|why| why)) }
        }
    }
}

/// The sample as an alert of a source that the plan trusts.
fn alert(rules: &Rules, plan: &ResponsePlan, sample: &Sample, at: UtcMs) -> Alert {
    let level = sample.level.filter(|level| plan.levels.contains(level));
    let level = level.or_else(|| plan.levels.first().copied());
    let area = sample.area.or_else(|| rules.network.served.first().copied());
    let name = area.and_then(|area| rules.network.areas.get(&area));
    let name = name.map(|area| area.name.as_str()).unwrap_or_default();
    let sender = plan.senders.first().cloned().unwrap_or_else(|| "样例发布单位".to_owned());
    let colour = words::level(words::Tongue::Zh, level);
    let hazard = plan.event_words.first().or(plan.hazards.first()).cloned().unwrap_or_default();
    let words = Some(sample.words.clone()).filter(|words| !words.is_empty());
    let code = plan.hazards.first().cloned();
    let info = Info {
        language: "zh-CN".to_owned(),
        categories: Vec::new(),
        event: hazard.clone(),
        event_codes: code
            .into_iter()
            .map(|value| NameValue { name: "eventType".to_owned(), value })
            .collect(),
        response_types: Vec::new(),
        urgency: String::new(),
        severity: String::new(),
        level,
        certainty: String::new(),
        effective: None,
        onset: None,
        expires: None,
        sender_name: Some(sender.clone()),
        headline: Some(format!("{name}发布{hazard}{colour}预警")),
        description: words.or_else(|| Some(DESCRIPTION.to_owned())),
        instruction: Some(INSTRUCTION.to_owned()),
        speaker_message: None,
        web: None,
        contact: None,
        parameters: Vec::new(),
        resources: Vec::new(),
        areas: area
            .into_iter()
            .map(|code| AlertArea {
                desc: name.to_owned(),
                polygons: Vec::new(),
                circles: Vec::new(),
                geocodes: vec![Geocode { name: "area_code".to_owned(), value: code.to_string() }],
            })
            .collect(),
    };
    Alert {
        id: AlertId { sender: sender.clone(), identifier: "preview".to_owned(), sent: at },
        form: AlertForm::Json,
        sender_name: Some(sender),
        status: Status::Actual,
        msg_type: MsgType::Alert,
        scope: Scope::Public,
        source: None,
        restriction: None,
        addresses: None,
        codes: Vec::new(),
        note: None,
        references: Vec::new(),
        incidents: None,
        infos: vec![info],
        oddities: Vec::new(),
    }
}
