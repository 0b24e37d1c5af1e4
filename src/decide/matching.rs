//! Hazard codes and the choice of the response plan.

use super::reason;
use super::target::Targets;
use crate::model::{
    AfterDeadline, Alert, ApprovalMode, Chime, HazardCode, Info, Level, Network, OnCancel,
    Playback, Policy, Reason, ResponsePlan,
};

/// Name of the built-in response plan for what no plan of the policy matches: one person decides.
pub const UNMATCHED_PLAN: &str = "unmatched";
/// Words of the built-in response plan when the policy has no template `general`.
pub(super) const GENERAL_TEMPLATE: &str = "{headline}。{description}{instruction}";
/// Letters of the 11Axx code family in order; I and O are not used (11A → 101 … 12Q → 215,
/// 12T → 218 in GB/T 35561-2017).
const LETTERS: [char; 24] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U',
    'V', 'W', 'X', 'Y', 'Z',
];
/// Spoken names by code (national information resource codes, used by 12379); the first prefix
/// that fits counts.
const NAMES: [(&str, &str); 48] = [
    ("11A01", "洪水"),
    ("11A02", "内涝"),
    ("11A03", "水库险情"),
    ("11A04", "堤防险情"),
    ("11A51", "山洪灾害"),
    ("11A", "水旱灾害"),
    ("11B01", "台风"),
    ("11B02", "龙卷风"),
    ("11B03", "暴雨"),
    ("11B04", "暴雪"),
    ("11B05", "寒潮"),
    ("11B06", "大风"),
    ("11B07", "沙尘暴"),
    ("11B08", "低温冻害"),
    ("11B09", "高温"),
    ("11B14", "雷电"),
    ("11B15", "冰雹"),
    ("11B16", "霜冻"),
    ("11B17", "大雾"),
    ("11B19", "霾"),
    ("11B20", "雷雨大风"),
    ("11B21", "道路结冰"),
    ("11B22", "干旱"),
    ("11B25", "森林火险"),
    ("11B27", "冰冻"),
    ("11B30", "低温雨雪冰冻"),
    ("11B31", "强对流"),
    ("11B33", "大雪"),
    ("11B36", "渍涝风险"),
    ("11B37", "地质灾害气象风险"),
    ("11B38", "强降雨"),
    ("11B41", "森林火险"),
    ("11B", "气象灾害"),
    ("11C", "地震"),
    ("11D01", "滑坡"),
    ("11D02", "泥石流"),
    ("11D03", "山体崩塌"),
    ("11D04", "地面塌陷"),
    ("11D", "地质灾害"),
    ("11E", "海洋灾害"),
    ("11F", "生物灾害"),
    ("11G", "森林草原火灾"),
    ("11", "自然灾害"),
    ("12D", "危险化学品事故"),
    ("12G", "火灾事故"),
    ("12Q", "环境污染"),
    ("12", "事故灾难"),
    ("13", "公共卫生事件"),
];

/// Codes of hazards, each with its spoken name; longer codes before their beginnings.
pub(super) fn hazard_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES.into_iter()
}

/// What an alert is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hazard {
    /// Code of the 11Axx family, or five digits when it is outside it; `None` = words only.
    pub code: Option<String>,
    /// Its spoken name, Chinese when known; may be empty.
    pub title: String,
}

impl Hazard {
    /// Reads the hazard of an `info` block.
    #[must_use]
    pub fn of(info: &Info) -> Self {
        let values = info.event_codes.iter().map(|code| code.value.as_str());
        let code = values.chain([info.event.as_str()]).find_map(read_code);
        let by_code = code.as_deref().and_then(|code| {
            NAMES.iter().find(|(prefix, _)| code.starts_with(prefix)).map(|(_, name)| *name)
        });
        let event = info.event.trim();
        let words = if read_code(event).is_some() { "" } else { event };
        let title = by_code.unwrap_or(words).to_owned();
        Self { code, title }
    }

    /// As the national protocol carries it; `None` when it has no code of its own, but a group's.
    #[must_use]
    pub fn national(&self) -> Option<HazardCode> {
        self.code.as_deref().and_then(HazardCode::parse)
    }
}

/// Reads a hazard code: two digits, a letter and up to two digits, or five digits of GB/T 35561.
fn read_code(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    let mut chars = text.chars();
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    if text.len() == 5 && digits(&text) {
        return Some(lettered(&text).unwrap_or(text));
    }
    let well_formed = matches!(text.len(), 3..=5)
        && chars.next() == Some('1')
        && chars.next().is_some_and(|c| ('1'..='4').contains(&c))
        && chars.next().is_some_and(|c| LETTERS.contains(&c))
        && digits(chars.as_str());
    well_formed.then_some(text)
}

/// `10203` → `11B03`.
fn lettered(digits: &str) -> Option<String> {
    let group = digits.get(..1).filter(|group| matches!(*group, "1" | "2" | "3" | "4"))?;
    let number: usize = digits.get(1..3)?.parse().ok()?;
    let letter = LETTERS.get(number.checked_sub(1)?)?;
    Some(format!("1{group}{letter}{}", digits.get(3..)?))
}

/// The response plan for an alert, and why the others are not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Match {
    pub(super) plan: ResponsePlan,
    pub(super) found: bool,
    pub(super) trusted: bool,
    pub(super) misses: Vec<(String, Reason)>,
}

/// The first response plan that fits hazard, level and area and trusts the sender; else the first
/// that fits but does not trust the sender; else the built-in one.
pub(super) fn match_plan(
    policy: &Policy,
    network: &Network,
    alert: &Alert,
    info: &Info,
    targets: &Targets,
) -> Match {
    let hazard = Hazard::of(info);
    let code_known = hazard.code.as_ref().is_some_and(|code| {
        policy.plans.iter().any(|plan| plan.hazards.iter().any(|own| code.starts_with(own)))
    });
    let mut misses = Vec::new();
    let mut untrusted = None;
    for plan in &policy.plans {
        let miss = if !fits_hazard(plan, &hazard, code_known, info) {
            Some(reason("other_hazard", "灾种不符"))
        } else if info.level.is_none_or(|level| !plan.levels.contains(&level)) {
            Some(reason("other_level", "级别不符"))
        } else if !fits_area(plan, network, targets) {
            Some(reason("other_area", "区域不符"))
        } else if !trusts(plan, alert) {
            Some(reason("sender_not_trusted", "发布单位不在预案信任名单"))
        } else {
            None
        };
        match miss {
            None => return Match { plan: plan.clone(), found: true, trusted: true, misses },
            Some(miss) => {
                if miss.code == "sender_not_trusted" && untrusted.is_none() {
                    untrusted = Some(plan.clone());
                }
                misses.push((plan.name.clone(), miss));
            }
        }
    }
    let found = untrusted.is_some();
    let plan = untrusted.unwrap_or_else(|| unmatched(policy, info.level));
    Match { plan, found, trusted: false, misses }
}

fn fits_hazard(plan: &ResponsePlan, hazard: &Hazard, code_known: bool, info: &Info) -> bool {
    match &hazard.code {
        Some(code) if code_known => plan.hazards.iter().any(|own| code.starts_with(own)),
        _ => {
            let headline = info.headline.as_deref().unwrap_or_default();
            let text = format!("{} {headline}", info.event).to_lowercase();
            plan.event_words
                .iter()
                .any(|word| !word.is_empty() && text.contains(&word.to_lowercase()))
        }
    }
}

fn fits_area(plan: &ResponsePlan, network: &Network, targets: &Targets) -> bool {
    plan.areas.is_empty()
        || targets.terminals.iter().any(|terminal| {
            network
                .terminals
                .get(terminal)
                .is_some_and(|terminal| plan.areas.iter().any(|area| area.contains(terminal.area)))
        })
}

fn trusts(plan: &ResponsePlan, alert: &Alert) -> bool {
    plan.senders.is_empty()
        || plan.senders.iter().any(|prefix| {
            !prefix.is_empty()
                && (alert.id.sender.starts_with(prefix)
                    || alert.sender_name.as_ref().is_some_and(|name| name.starts_with(prefix)))
        })
}

/// What an unknown code or level gets: spoken as written, after one person agreed.
fn unmatched(policy: &Policy, level: Option<Level>) -> ResponsePlan {
    let (chime, name) = match level {
        Some(Level::Red) => (Chime::Red, "red"),
        Some(Level::Orange) => (Chime::Orange, "orange"),
        Some(Level::Yellow) => (Chime::Yellow, "yellow"),
        Some(Level::Blue) => (Chime::Blue, "blue"),
        None => (Chime::Notice, "blue"),
    };
    ResponsePlan {
        name: UNMATCHED_PLAN.to_owned(),
        title: "无对应预案".to_owned(),
        hazards: Vec::new(),
        event_words: Vec::new(),
        levels: Vec::new(),
        senders: Vec::new(),
        areas: Vec::new(),
        approval: ApprovalMode::OnePerson,
        decide_within_s: 1_800,
        after_deadline: AfterDeadline::Expire,
        chime,
        template: "general".to_owned(),
        voice: "default".to_owned(),
        recording: None,
        fallback_recording: format!("general-{name}"),
        repeats: 2,
        interval_s: 10,
        volume_percent: None,
        quiet_hours_exempt: false,
        playback: Playback::Simultaneous,
        validity_s_max: policy.validity_s_default,
        on_cancel: OnCancel::StopAndAnnounce,
        call: None,
    }
}

#[cfg(test)]
mod tests {
    use super::read_code;

    #[test]
    fn codes_of_both_families() {
        for (written, want) in [
            ("11B03", Some("11B03")),
            (" 11b03 ", Some("11B03")),
            ("11D", Some("11D")),
            ("10203", Some("11B03")),
            ("10101", Some("11A01")),
            ("10300", Some("11C00")),
            ("21502", Some("12Q02")),
            ("21801", Some("12T01")),
            ("60100", Some("60100")),
            ("10001", Some("10001")),
            ("暴雨", None),
            ("SVR", None),
            ("11I03", None),
            ("11B0x", None),
            ("", None),
        ] {
            assert_eq!(read_code(written).as_deref(), want, "{written}");
        }
    }
}
