//! Whether response plans and templates make sense: the same questions for `mingluo check`, for the
//! form on screen and for the core, so that what one lets through the others do too.

use super::alert_words::level_word;
use super::interlock_check::interlock_faults;
use super::matching::UNMATCHED_PLAN;
use super::text::{MESSAGE_CHARS_MAX, SLOTS, bad_slots};
use crate::model::{
    ApprovalMode, AreaCode, Level, Network, Policy, PolicyPart, ResponsePlan, Template,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Seconds people have to decide.
pub const DECIDE_WITHIN_S: RangeInclusive<i64> = 30..=86_400;
/// Plays per terminal.
pub const REPEATS: RangeInclusive<i64> = 1..=20;
/// Seconds between plays.
pub const INTERVAL_S: RangeInclusive<i64> = 0..=3_600;
/// Volume in percent.
pub const VOLUME_PERCENT: RangeInclusive<i64> = 1..=100;
/// Longest validity in seconds.
pub const VALIDITY_S: RangeInclusive<i64> = 60..=604_800;
/// Seconds in which a called level must answer.
pub const ANSWER_WITHIN_S: RangeInclusive<i64> = 30..=86_400;
/// Characters of a title.
pub const TITLE_CHARS_MAX: usize = 40;
/// Codes, words or senders of one plan.
const LIST_MAX: usize = 200;
/// Characters of a word, a sender, a voice or the name of a recording.
const WORD_CHARS_MAX: usize = 80;
/// Levels, highest first.
const LEVELS: [Level; 4] = [Level::Red, Level::Orange, Level::Yellow, Level::Blue];

/// One thing wrong with a policy, or only odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// Where; `None` = the policy as a whole.
    pub part: Option<PolicyPart>,
    /// The key in `policy.toml`; empty = the part as a whole.
    pub key: &'static str,
    /// Whether nothing may go into force with it.
    pub grave: bool,
    /// What is wrong and what to do, Chinese.
    pub zh: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Collects the faults of one part.
struct Found {
    part: PolicyPart,
    faults: Vec<PolicyFault>,
}

impl Found {
    fn of(part: PolicyPart) -> Self {
        Self { part, faults: Vec::new() }
    }

    fn add(&mut self, grave: bool, key: &'static str, zh: String, what: String, remedy: &str) {
        let (part, remedy) = (Some(self.part.clone()), remedy.to_owned());
        self.faults.push(PolicyFault { part, key, grave, zh, what, remedy });
    }

    fn grave(&mut self, key: &'static str, zh: String, what: String, remedy: &str) {
        self.add(true, key, zh, what, remedy);
    }

    /// A number outside of its range.
    fn range(&mut self, key: &'static str, number: impl Into<i64>, range: &RangeInclusive<i64>) {
        let number = number.into();
        if !range.contains(&number) {
            let (low, high) = (range.start(), range.end());
            let zh = format!("应为 {low} 至 {high} 的整数，收到 {number}");
            let what = format!("expected a whole number from {low} to {high}, got {number}");
            self.grave(key, zh, what, "correct the value");
        }
    }

    /// A text that is empty or too long.
    fn length(&mut self, key: &'static str, text: &str, n_max: usize) {
        let n = text.trim().chars().count();
        if n == 0 {
            self.grave(key, "不能为空".to_owned(), "is empty".to_owned(), "write it");
        } else if n > n_max || text.chars().any(char::is_control) {
            let zh = format!("最多 {n_max} 字，不含控制字符，收到 {n} 字");
            let what = format!("expected at most {n_max} characters without controls, got {n}");
            self.grave(key, zh, what, "shorten it");
        }
    }

    /// A list that is too long, or holds such a text.
    fn list(&mut self, key: &'static str, list: &[String]) {
        if list.len() > LIST_MAX {
            let zh = format!("最多 {LIST_MAX} 项，收到 {} 项", list.len());
            let what = format!("expected at most {LIST_MAX} entries, got {}", list.len());
            self.grave(key, zh, what, "remove some");
        }
        list.iter().for_each(|text| self.length(key, text, WORD_CHARS_MAX));
    }
}

/// Everything wrong with a policy, and everything odd, in its order.
#[must_use]
pub fn policy_faults(policy: &Policy, network: &Network) -> Vec<PolicyFault> {
    let mut faults = Vec::new();
    if policy.plans.is_empty() {
        faults.push(PolicyFault {
            part: None,
            key: "",
            grave: true,
            zh: "没有任何预案，所有预警都将等待人工处理".to_owned(),
            what: "holds no response plan, every alert would wait for a person".to_owned(),
            remedy: "add `[[plans]]`".to_owned(),
        });
    }
    faults.extend(interlock_faults(&policy.interlock, network));
    faults.extend(policy.templates.iter().flat_map(template_faults));
    for (at, plan) in policy.plans.iter().enumerate() {
        let mut found = Found::of(PolicyPart::Plan(plan.name.clone()));
        matches(&mut found, plan, network);
        sounds(&mut found, plan, &policy.templates);
        beside(&mut found, plan, policy.plans.get(..at).unwrap_or_default());
        faults.extend(found.faults);
    }
    faults.extend(uncovered(policy));
    faults
}

fn template_faults(template: &Template) -> Vec<PolicyFault> {
    let mut found = Found::of(PolicyPart::Template(template.name.clone()));
    let n = template.text.chars().count();
    if template.text.trim().is_empty() {
        let remedy = "write the words, with slots such as {headline}";
        found.grave("text", "不能为空".to_owned(), "is empty".to_owned(), remedy);
    } else if n > MESSAGE_CHARS_MAX {
        let zh = format!("最多 {MESSAGE_CHARS_MAX} 字，收到 {n} 字");
        let what = format!("expected at most {MESSAGE_CHARS_MAX} characters, got {n}");
        found.grave("text", zh, what, "shorten it");
    }
    for slot in bad_slots(&template.text) {
        let zh = format!("“{slot}”不是可用的填充项，或花括号没有成对；可用：{}", SLOTS.join("、"));
        let what = format!("slot `{slot}` is not known or never closes");
        found.grave("text", zh, what, &format!("use {}", SLOTS.join(", ")));
    }
    found.faults
}

/// What it matches.
fn matches(found: &mut Found, plan: &ResponsePlan, network: &Network) {
    if plan.name == UNMATCHED_PLAN || plan.name == "manual" {
        let zh = "这是内置名称，请换一个".to_owned();
        found.grave("name", zh, "is a built-in name".to_owned(), "choose another one");
    }
    if plan.hazards.is_empty() && plan.event_words.is_empty() {
        let zh = "灾种代码和灾种用词至少填一项".to_owned();
        let what = "neither codes nor words".to_owned();
        found.grave("hazards", zh, what, "say which hazards the plan is for");
    }
    for code in plan.hazards.iter().filter(|code| !is_hazard(code)) {
        let zh = format!("应如 11B03、11D，收到“{code}”");
        let what = format!("expected codes such as 11B03 or 11D, got `{code}`");
        found.grave("hazards", zh, what, "use the 11Axx family; 102xx is read as 11Bxx");
    }
    found.list("hazards", &plan.hazards);
    found.list("event_words", &plan.event_words);
    found.list("senders", &plan.senders);
    if plan.levels.is_empty() {
        let what = "is empty".to_owned();
        found.grave(
            "levels",
            "至少选一个级别".to_owned(),
            what,
            "name the levels, such as [\"red\"]",
        );
    }
    for area in plan.areas.iter().filter(|area| !network.areas.contains_key(area)) {
        let zh = format!("没有这个区域：{area}");
        let what = format!("response plan `{}` names unknown area {area}", plan.name);
        found.grave("areas", zh, what, "correct the area");
    }
}

fn is_hazard(code: &str) -> bool {
    let family = (2..=5).contains(&code.len())
        && code.starts_with('1')
        && code.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    family || (code.len() == 5 && code.chars().all(|c| c.is_ascii_digit()))
}

/// Who must agree, and how it sounds.
fn sounds(found: &mut Found, plan: &ResponsePlan, templates: &[Template]) {
    found.length("title", &plan.title, TITLE_CHARS_MAX);
    found.range("decide_within_s", plan.decide_within_s, &DECIDE_WITHIN_S);
    if !templates.iter().any(|template| template.name == plan.template) {
        let zh = format!("没有模板“{}”", plan.template);
        let what = format!("no template `{}`", plan.template);
        found.grave("template", zh, what, "name one of `[[templates]]`");
    }
    found.length("voice", &plan.voice, WORD_CHARS_MAX);
    if let Some(recording) = &plan.recording {
        found.length("recording", recording, WORD_CHARS_MAX);
    }
    found.length("fallback_recording", &plan.fallback_recording, WORD_CHARS_MAX);
    found.range("repeats", plan.repeats, &REPEATS);
    found.range("interval_s", plan.interval_s, &INTERVAL_S);
    if let Some(volume) = plan.volume_percent {
        found.range("volume_percent", volume, &VOLUME_PERCENT);
    }
    found.range("validity_s_max", plan.validity_s_max, &VALIDITY_S);
    if let Some(call) = plan.call {
        found.range("call", call.answer_within_s, &ANSWER_WITHIN_S);
    }
    let loud_at_night = plan.quiet_hours_exempt && plan.levels.contains(&Level::Blue);
    if loud_at_night && plan.approval == ApprovalMode::Automatic {
        let zh = "蓝色预警将在静音时段自动播发，请核对".to_owned();
        let what = format!("response plan `{}` sounds blue at night by itself", plan.name);
        found.add(false, "", zh, what, "remove `quiet_hours_exempt`");
    }
}

/// What the plans before it leave to it.
fn beside(found: &mut Found, plan: &ResponsePlan, before: &[ResponsePlan]) {
    let hidden = hidden_by(plan, before);
    let n_pairs = plan.hazards.len() * plan.levels.len();
    if n_pairs > 0 && hidden.len() == n_pairs && plan.event_words.is_empty() {
        let by = hidden.values().next().copied().unwrap_or_default();
        let zh = format!("永远轮不到它：“{by}”在它之前，第一个符合的预案生效");
        let what = format!("response plan `{}` is never reached, `{by}` is before it", plan.name);
        found.grave("", zh, what, "the first match wins: move or remove it");
    } else if let Some(((hazard, level), by)) = hidden.iter().next() {
        let zh = format!("灾种 {hazard} 的部分级别与“{by}”重复，排在前面的生效");
        let what = format!(
            "response plan `{}` overlaps `{by}` for {hazard} {level:?}; the first one wins",
            plan.name
        );
        found.add(false, "", zh, what, "make the hazards or levels disjoint");
    }
}

/// Pairs of hazard and level that an earlier plan takes, with that plan's name.
fn hidden_by<'a>(
    plan: &ResponsePlan,
    before: &'a [ResponsePlan],
) -> BTreeMap<(String, Level), &'a str> {
    let mut hidden = BTreeMap::new();
    let covers = |upper: &[AreaCode]| upper.is_empty() || upper == plan.areas;
    for hazard in &plan.hazards {
        for level in &plan.levels {
            let earlier = before.iter().find(|other| {
                other.levels.contains(level)
                    && other.hazards.iter().any(|prefix| hazard.starts_with(prefix))
                    && (other.senders.is_empty() || other.senders == plan.senders)
                    && covers(&other.areas)
            });
            if let Some(earlier) = earlier {
                hidden.insert((hazard.clone(), *level), earlier.name.as_str());
            }
        }
    }
    hidden
}

/// Hazards that have a plan for some levels, but not for others.
fn uncovered(policy: &Policy) -> Vec<PolicyFault> {
    let hazards: BTreeSet<&String> = policy.plans.iter().flat_map(|plan| &plan.hazards).collect();
    let mut odd = Vec::new();
    for hazard in hazards {
        let covers = |plan: &&ResponsePlan| {
            plan.hazards.iter().any(|prefix| hazard.starts_with(prefix.as_str()))
        };
        let open = |level: &Level| {
            !policy.plans.iter().filter(covers).any(|plan| plan.levels.contains(level))
        };
        let open: Vec<Level> = LEVELS.into_iter().filter(open).collect();
        let missing: Vec<String> =
            open.iter().map(|level| format!("{level:?}").to_lowercase()).collect();
        let colours: Vec<&str> = open.iter().map(|level| level_word(Some(*level))).collect();
        let Some(first) = policy.plans.iter().find(covers).filter(|_| !missing.is_empty()) else {
            continue;
        };
        let mut found = Found::of(PolicyPart::Plan(first.name.clone()));
        let zh = format!("灾种 {hazard} 没有{}预案，将等待人工处理", colours.join("、"));
        let what = format!("hazard {hazard} has no plan for {}", missing.join(", "));
        found.add(false, "", zh, what, "these wait for a person");
        odd.extend(found.faults);
    }
    odd
}
