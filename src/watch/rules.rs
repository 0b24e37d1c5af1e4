//! Thresholds as people write them in one cell of a table:
//!
//! ```text
//! 警戒 橙 水位>=33.5; 保证 红 水位>=34.5~34.3; 涨水 黄 涨幅>=0.5/1h; 滑坡 红 位移变化>=5/24h & 雨量>=30/24h
//! ```
//!
//! Name, level, an optional `#` with a hazard code, then one comparison or several with `&`: what is
//! measured, an optional `:` with another station that measures it, an optional `@` with one sensor, the
//! value, an optional `~` with the value below which it ends, and for sums and changes `/` with the window
//! in `h` or `m`: `雨中位移 红 位移变化>=3/24h & 雨量:99620003>=30/24h`.

use crate::model::{Condition, Level, Measure, Quantity, StationId, ThresholdRule};

/// Thresholds of one station.
const RULES_MAX: usize = 20;
/// Comparisons of one threshold.
const CONDITIONS_MAX: usize = 4;
/// Shortest and longest window, seconds.
const WINDOW_S: core::ops::RangeInclusive<u32> = 300..=259_200;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = 12;
/// A level ends so far below its threshold when the table does not say, metres.
const HYSTERESIS_M: f64 = 0.1;
/// Anything else at this part of it.
const HYSTERESIS_PART: f64 = 0.9;

/// Words for what is compared.
const WORDS: &[(&str, &str, Quantity, Measure)] = &[
    ("水位", "stage", Quantity::Stage, Measure::Value),
    ("涨幅", "rise", Quantity::Stage, Measure::Change),
    ("雨量", "rain", Quantity::RainTotal, Measure::Sum),
    ("流量", "flow", Quantity::Flow, Measure::Value),
    ("蓄水量", "storage", Quantity::Storage, Measure::Value),
    ("裂缝", "crack", Quantity::Crack, Measure::Value),
    ("裂缝变化", "crack_change", Quantity::Crack, Measure::Change),
    ("位移", "displacement", Quantity::Displacement, Measure::Value),
    ("位移变化", "displacement_change", Quantity::Displacement, Measure::Change),
    ("倾角", "tilt", Quantity::Tilt, Measure::Value),
    ("倾角变化", "tilt_change", Quantity::Tilt, Measure::Change),
    ("孔压", "pore_pressure", Quantity::PorePressure, Measure::Value),
    ("孔压变化", "pore_pressure_change", Quantity::PorePressure, Measure::Change),
    ("泥位", "mud_level", Quantity::MudLevel, Measure::Value),
    ("泥位涨幅", "mud_level_rise", Quantity::MudLevel, Measure::Change),
];

/// Reads the thresholds of one cell; an empty one has none.
///
/// # Errors
/// Every fault: expected and got.
pub fn rules(text: &str) -> Result<Vec<ThresholdRule>, Vec<String>> {
    let text = text.replace('；', ";").replace('＞', ">").replace('≥', ">=").replace('＆', "&");
    let text = text.replace('：', ":");
    let mut faults = Vec::new();
    let mut found: Vec<ThresholdRule> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        match rule(part) {
            Ok(rule) if found.iter().any(|known| known.name == rule.name) => {
                faults.push(format!("two thresholds have the name {}", rule.name));
            }
            Ok(rule) => found.push(rule),
            Err(fault) => faults.push(format!("`{part}`: {fault}")),
        }
    }
    if found.len() > RULES_MAX {
        faults.push(format!("expected at most {RULES_MAX} thresholds, got {}", found.len()));
    }
    faults.extend(upside_down(&found));
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

fn rule(text: &str) -> Result<ThresholdRule, String> {
    let mut words = text.splitn(3, ' ').map(str::trim);
    let (Some(name), Some(level), Some(rest)) = (words.next(), words.next(), words.next()) else {
        return Err("expected a name, a level and a comparison, such as 警戒 橙 水位>=33.5".into());
    };
    let n_chars = name.chars().count();
    if n_chars > NAME_CHARS_MAX || name.contains(['>', '=']) {
        return Err(format!("expected a name of at most {NAME_CHARS_MAX} characters, got {name}"));
    }
    let level = match level {
        "红" | "红色" | "red" => Level::Red,
        "橙" | "橙色" | "orange" => Level::Orange,
        "黄" | "黄色" | "yellow" => Level::Yellow,
        "蓝" | "蓝色" | "blue" => Level::Blue,
        other => return Err(format!("expected a level 红, 橙, 黄 or 蓝, got {other}")),
    };
    let (hazard, rest) = match rest.strip_prefix('#') {
        Some(coded) => {
            let (code, rest) =
                coded.split_once(' ').ok_or("expected a comparison after the code")?;
            let good = code.len() == 5 && code.bytes().all(|b| b.is_ascii_alphanumeric());
            if !good {
                return Err(format!("expected a hazard code such as 11A01, got {code}"));
            }
            (Some(code.to_owned()), rest)
        }
        None => (None, rest),
    };
    let conditions: Result<Vec<Condition>, String> =
        rest.split('&').map(|part| condition(part.trim())).collect();
    let conditions = conditions?;
    if conditions.len() > CONDITIONS_MAX {
        let got = conditions.len();
        return Err(format!("expected at most {CONDITIONS_MAX} comparisons, got {got}"));
    }
    let hazard = hazard.or_else(|| conditions.first().map(|first| usual_hazard(first).to_owned()));
    let hazard = hazard.unwrap_or_default();
    Ok(ThresholdRule { name: name.to_owned(), level, hazard, conditions })
}

fn usual_hazard(condition: &Condition) -> &'static str {
    match (condition.quantity, condition.measure) {
        (Quantity::Stage, Measure::Change)
        | (
            Quantity::RainTotal | Quantity::Rain { .. },
            Measure::Value | Measure::Change | Measure::Sum,
        ) => "11A51",
        (
            Quantity::Stage | Quantity::Flow | Quantity::Storage | Quantity::Voltage,
            Measure::Value | Measure::Change | Measure::Sum,
        ) => "11A01",
        (Quantity::MudLevel, Measure::Value | Measure::Change | Measure::Sum) => "11D02",
        (
            Quantity::Crack | Quantity::Displacement | Quantity::Tilt | Quantity::PorePressure,
            Measure::Value | Measure::Change | Measure::Sum,
        ) => "11D00",
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let wrong = || format!("expected a comparison such as 水位>=33.5 or 雨量>=50/3h, got {text}");
    let (what, limit) = text.split_once(">=").ok_or_else(wrong)?;
    let (word, point) = match what.trim().split_once('@') {
        Some((word, point)) => (word.trim(), Some(point.trim().to_owned())),
        None => (what.trim(), None),
    };
    let (word, station) = match word.split_once(':') {
        Some((word, station)) => {
            let station = StationId::parse(station).ok_or_else(|| {
                format!("expected the id of another station after :, got {station}")
            })?;
            (word.trim(), Some(station))
        }
        None => (word, None),
    };
    let known = WORDS.iter().find(|(zh, en, _, _)| word == *zh || word == *en);
    let Some((_, _, quantity, measure)) = known else {
        let words: Vec<&str> = WORDS.iter().map(|(zh, _, _, _)| *zh).collect();
        return Err(format!("expected one of {}, got {word}", words.join(" ")));
    };
    let (limit, window) = match limit.split_once('/') {
        Some((limit, window)) => (limit, Some(window.trim())),
        None => (limit, None),
    };
    let window_s = match (measure, window) {
        (Measure::Value, None) => 0,
        (Measure::Value, Some(_)) => return Err(format!("{word} takes no window, got {text}")),
        (Measure::Change | Measure::Sum, Some(window)) => window_s(window)?,
        (Measure::Change | Measure::Sum, None) => {
            return Err(format!("{word} needs a window such as /3h, got {text}"));
        }
    };
    let (at_least, ends) = match limit.split_once('~') {
        Some((at_least, ends)) => (number(at_least)?, Some(number(ends)?)),
        None => (number(limit)?, None),
    };
    let level =
        *measure == Measure::Value && matches!(quantity, Quantity::Stage | Quantity::MudLevel);
    let usual = if level { at_least - HYSTERESIS_M } else { at_least * HYSTERESIS_PART };
    let ends_below = ends.unwrap_or(usual);
    if ends_below > at_least {
        return Err(format!("it would end below {ends_below}, above its threshold {at_least}"));
    }
    if !level && at_least <= 0.0 {
        return Err(format!("expected a threshold above 0, got {at_least}"));
    }
    let (low, high) = quantity.plausible();
    if !(low..=high).contains(&at_least) {
        return Err(format!("expected a threshold of {low} to {high}, got {at_least}"));
    }
    let (quantity, measure) = (*quantity, *measure);
    Ok(Condition { quantity, point, station, measure, window_s, at_least, ends_below })
}

fn number(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let number = text.parse::<f64>().ok().filter(|_| plain);
    number.ok_or_else(|| format!("expected a number, got {text}"))
}

fn window_s(text: &str) -> Result<u32, String> {
    let of = |unit: char, s: u32| text.strip_suffix(unit).map(|number| (number, s));
    let read = of('h', 3_600).or_else(|| of('m', 60));
    let window = read.and_then(|(number, s)| number.trim().parse::<u32>().ok()?.checked_mul(s));
    window
        .filter(|window| WINDOW_S.contains(window))
        .ok_or_else(|| format!("expected a window of 5m to 72h, got {text}"))
}

/// A higher warning at a lower value of the same sensor would never let the lower one be told.
fn upside_down(rules: &[ThresholdRule]) -> Vec<String> {
    let single = |rule: &ThresholdRule| match rule.conditions.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let mut faults = Vec::new();
    for lower in rules {
        for higher in rules.iter().filter(|rule| rule.hazard == lower.hazard) {
            let (Some(low), Some(high)) = (single(lower), single(higher)) else { continue };
            let same = low.quantity == high.quantity
                && low.measure == high.measure
                && low.point == high.point
                && low.station == high.station
                && low.window_s == high.window_s;
            if same && higher.level > lower.level && high.at_least <= low.at_least {
                faults.push(format!(
                    "{} is the higher warning and begins at {}, {} at {}",
                    higher.name, high.at_least, lower.name, low.at_least
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let said = match rules(text) {
            Ok(rules) => {
                let all = rules.iter().map(|rule| {
                    let conditions = rule.conditions.iter().map(|c| {
                        format!(
                            "{:?}{} {:?} {:.2} {:.2} {}",
                            c.quantity,
                            c.station.as_ref().map_or(String::new(), |at| format!(" at {at}")),
                            c.measure,
                            c.at_least,
                            c.ends_below,
                            c.window_s
                        )
                    });
                    let conditions = conditions.collect::<Vec<_>>().join(" & ");
                    format!("{} {:?} {} {conditions}", rule.name, rule.level, rule.hazard)
                });
                all.collect::<Vec<_>>().join("; ")
            }
            Err(faults) => faults.join("; "),
        };
        assert!(said.contains(expect), "{text}: {said}\ndoes not say {expect}");
    }

    #[test]
    fn thresholds_are_read() {
        let cases = [
            ("", ""),
            ("警戒 橙 水位>=33.5", "警戒 Orange 11A01 Stage Value 33.50 33.40 0"),
            (
                "保证 红 水位>=34.5~34.2；涨水 黄 涨幅>=0.5/1h",
                "34.50 34.20 0; 涨水 Yellow 11A51 Stage Change 0.50 0.45 3600",
            ),
            ("雨强 red #11B03 rain>=50/3h", "雨强 Red 11B03 RainTotal Sum 50.00 45.00 10800"),
            (
                "滑坡 红 位移变化@L1_GP_1>=5/24h & 雨量>=30/30m",
                "Displacement Change 5.00 4.50 86400 & RainTotal Sum 30.00 27.00 1800",
            ),
            (
                "雨中 红 位移变化>=3/24h ＆ 雨量：0061234567@PT>=30/24h",
                "Change 3.00 2.70 86400 & RainTotal at 61234567 Sum 30.00 27.00 86400",
            ),
        ];
        for (text, expect) in cases {
            check(text, expect);
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let cases = [
            ("警戒 水位>=33.5", "expected a name, a level and a comparison"),
            ("警戒 紫 水位>=33.5", "expected a level 红, 橙, 黄 or 蓝, got 紫"),
            ("警戒 橙 水压>=3", "got 水压"),
            ("雨中 橙 雨量:>=3/1h", "expected the id of another station after :, got "),
            ("雨中 橙 雨量:a b>=3/1h", "expected the id of another station after :, got a b"),
            ("警戒 橙 水位>=abc", "expected a number, got abc"),
            ("警戒 橙 水位>=33/3h", "takes no window"),
            ("警戒 橙 雨量>=33", "needs a window"),
            ("警戒 橙 雨量>=33/3d", "expected a window of 5m to 72h, got 3d"),
            ("警戒 橙 雨量>=33/100h", "expected a window of 5m to 72h"),
            ("警戒 橙 雨量>=0/1h", "above 0"),
            ("警戒 橙 水位>=33~34", "it would end below 34"),
            ("警戒 橙 水位>=99999", "expected a threshold of -200 to 9000"),
            ("警戒 橙 #X 水位>=3", "expected a hazard code"),
            ("甲 橙 水位>=33; 甲 红 水位>=34", "two thresholds have the name 甲"),
            (
                "警戒 橙 水位>=35; 保证 红 水位>=34",
                "保证 is the higher warning and begins at 34, 警戒 at 35",
            ),
        ];
        for (text, expect) in cases {
            check(text, expect);
        }
    }

    /// Cells as people and spreadsheets spoil them are answered, whatever they say.
    #[test]
    fn mutations_never_panic() {
        let mut seed = 0x2545_F491_u32;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed as usize % below.max(1)
        };
        let good = "警戒 橙 水位@ZB>=33.5~33.2；雨中 红 #11D01 位移变化:GEO-1@L1_GP_1>=3/24h & 雨量：99620003>=30/30m";
        let pool: Vec<char> = "：:@>=~/;&#-.0h9\u{0}\u{FEFF} 红雨é𝄞".chars().collect();
        let mut n_read = 0;
        for _ in 0..20_000 {
            let mut cell: Vec<char> = good.chars().collect();
            for _ in 0..=random(3) {
                let (at, other) = (random(cell.len()), pool[random(pool.len())]);
                match random(3) {
                    0 => cell[at] = other,
                    1 => cell.insert(at, other),
                    _ => drop(cell.drain(at..(at + random(5)).min(cell.len()))),
                }
            }
            let cell: String = cell.into_iter().collect();
            if let Ok(read) = rules(&cell) {
                n_read += usize::from(!read.is_empty());
            }
        }
        assert!(n_read > 500, "only {n_read} were read: the comparison is not reached");
    }
}
