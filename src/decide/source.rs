//! What a source may say without a person: hazards and levels, as its row of the registry allows.
//! Areas are held by the core, which knows the terminals.

use super::info::{Choice, choose};
use super::matching::{Hazard, hazard_names};
use super::reason;
use crate::model::{Alert, Info, Level, Reason, SourceRules, UtcMs};

/// Why an alert is beyond what its source may say without a person; `None` = it is within.
#[must_use]
pub fn beyond_source(alert: &Alert, now: UtcMs, rules: &SourceRules) -> Option<Reason> {
    if let Some(why) = &rules.person {
        return Some(why.clone());
    }
    let choice = choose(alert, now);
    let main = match &choice {
        Choice::Speak(chosen) | Choice::AllClear(chosen) | Choice::Expired(chosen) => {
            Some(chosen.main)
        }
        Choice::Nothing => None,
    };
    if !rules.hazards.is_empty() && !main.is_some_and(|info| is_allowed(info, &rules.hazards)) {
        let what = main.map(Hazard::of).unwrap_or_default();
        let what = what.code.unwrap_or(what.title);
        let text = format!("灾种“{what}”超出该预警来源的授权范围，需人工确认");
        return Some(reason("outside_source_hazards", text));
    }
    let level = main.and_then(|info| info.level);
    if !rules.levels.is_empty() && !level.is_some_and(|level| rules.levels.contains(&level)) {
        let what = level.map_or("不明", level_zh);
        let text = format!("级别（{what}）超出该预警来源的授权范围，需人工确认");
        return Some(reason("outside_source_levels", text));
    }
    None
}

fn level_zh(level: Level) -> &'static str {
    super::alert_words::level_word(Some(level))
}

/// By code; without one, by the names of the allowed hazards in event and headline.
fn is_allowed(info: &Info, allowed: &[String]) -> bool {
    let fits = |code: &str| allowed.iter().any(|own| code.starts_with(own.as_str()));
    if let Some(code) = Hazard::of(info).code {
        return fits(&code);
    }
    let headline = info.headline.as_deref().unwrap_or_default();
    hazard_names()
        .filter(|(code, _)| fits(code))
        .any(|(_, name)| info.event.contains(name) || headline.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::alert;

    fn check(event: &str, level: Option<Level>, rules: &SourceRules, expect: Option<&str>) {
        let mut alert = alert(Level::Red);
        for info in &mut alert.infos {
            info.event = event.into();
            info.event_codes.clear();
            info.headline = None;
            info.level = level;
        }
        let found = beyond_source(&alert, alert.id.sent, rules).map(|why| why.code);
        assert_eq!(found.as_deref(), expect, "{event} {level:?} {rules:?}");
    }

    #[test]
    fn a_source_stays_within_its_hazards_and_levels() {
        let red = Some(Level::Red);
        let weather = SourceRules { hazards: vec!["11B".into()], ..SourceRules::default() };
        check("11B03", red, &weather, None);
        check("10203", red, &weather, None);
        check("暴雨", red, &weather, None);
        check("11D01", red, &weather, Some("outside_source_hazards"));
        check("山体滑坡", red, &weather, Some("outside_source_hazards"));
        check("", red, &weather, Some("outside_source_hazards"));
        let blue = SourceRules { levels: vec![Level::Blue], ..SourceRules::default() };
        check("11D01", Some(Level::Blue), &blue, None);
        check("11D01", red, &blue, Some("outside_source_levels"));
        check("11D01", None, &blue, Some("outside_source_levels"));
        check("anything", None, &SourceRules::default(), None);
        let person = Some(reason("source_not_trusted", "x"));
        let person = SourceRules { person, ..SourceRules::default() };
        check("11B03", red, &person, Some("source_not_trusted"));
    }
}
