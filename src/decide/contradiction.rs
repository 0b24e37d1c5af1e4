//! Alerts that contradict themselves: marked as a warning but saying that it is over, marked as real but
//! saying that it is a test, of one level but naming the colour of another. Nobody can tell which half the
//! sender meant, so a person looks before it sounds.

use super::info::Chosen;
use super::reason;
use crate::model::{Alert, Info, Level, MsgType, Reason, Status};

/// Words of a headline that say it is over.
const OVER: [&str; 3] = ["解除", "撤销", "取消"];
/// Words that stand for a test in a headline.
const TEST: [&str; 3] = ["测试", "演练", "演习"];
/// The same among English words.
const TEST_ENGLISH: [&str; 3] = ["test", "exercise", "drill"];
/// Sentences of a text that say it is a test.
const TEST_SENTENCES: [&str; 6] =
    ["测试信息", "测试消息", "测试预警", "这是测试", "这是一次测试", "this is a test"];
/// Colours of warnings.
const COLOURS: [(&str, Level); 4] =
    [("红色", Level::Red), ("橙色", Level::Orange), ("黄色", Level::Yellow), ("蓝色", Level::Blue)];
/// What a colour belongs to; further behind it, it is another one's.
const OF_WARNINGS: [&str; 4] = ["预警", "警报", "信号", "警戒"];
/// Characters between the two, as in 红色(I级)预警.
const GAP_CHARS_MAX: usize = 8;
/// A circle above it, kilometres, was probably written in metres.
const RADIUS_KM_MAX: f64 = 1_000.0;

/// Everything in which `alert` contradicts itself.
pub(super) fn contradictions(alert: &Alert, chosen: &Chosen<'_>) -> Vec<Reason> {
    let mut found = Vec::new();
    let headline = chosen.main.headline.as_deref().unwrap_or_default();
    if alert.msg_type != MsgType::Cancel
        && let Some(word) = OVER.iter().find(|word| headline.contains(**word))
    {
        let text = format!("标题写着“{word}”，信息类型却不是解除，请核对是发布还是解除");
        found.push(reason("words_say_over", text));
    }
    if alert.status == Status::Actual && says_test(chosen.main) {
        let text = "文字写着测试或演练，状态却是实际发布，请核对真假";
        found.push(reason("words_say_test", text));
    }
    let (level, named) = (chosen.main.level, colour(headline));
    if let (Some(level), Some(named)) = (level, named)
        && level != named
    {
        let word = |level| COLOURS.iter().find(|(_, known)| *known == level).map_or("", |(w, _)| w);
        let text = format!("级别为{}，标题却写着{}，请核对级别", word(level), word(named));
        found.push(reason("level_contradicts", text));
    }
    let mut circles = chosen.areas.iter().flat_map(|area| &area.circles);
    if let Some(circle) = circles.find(|circle| circle.radius_km > RADIUS_KM_MAX) {
        let km = circle.radius_km;
        let text = format!("圆形区域半径 {km:.0} 公里，可能本应以米为单位，请核对范围");
        found.push(reason("circle_too_large", text));
    }
    found
}

fn says_test(info: &Info) -> bool {
    let headline = info.headline.as_deref().unwrap_or_default().to_lowercase();
    if TEST.iter().any(|word| headline.contains(word)) {
        return true;
    }
    let mut words = headline.split(|c: char| !c.is_alphanumeric());
    if words.any(|word| TEST_ENGLISH.contains(&word)) {
        return true;
    }
    let texts = [&info.description, &info.instruction, &info.speaker_message];
    let texts: String = texts.into_iter().flatten().map(|text| text.to_lowercase()).collect();
    TEST_SENTENCES.iter().any(|sentence| texts.contains(sentence))
}

/// The colour of the warning that a headline names; `None` = none, or several.
fn colour(headline: &str) -> Option<Level> {
    let is_named = |word: &str| {
        headline.split(word).skip(1).any(|rest| {
            let near: String = rest.chars().take(GAP_CHARS_MAX + 2).collect();
            // Behind another colour it is that one's.
            let end = COLOURS.iter().filter_map(|(other, _)| near.find(other)).min();
            let near = end.and_then(|end| near.get(..end)).unwrap_or(&near);
            OF_WARNINGS.iter().any(|warning| near.contains(warning))
        })
    };
    let mut named = COLOURS.iter().filter(|(word, _)| is_named(word)).map(|(_, level)| *level);
    named.next().filter(|_| named.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::colour;
    use crate::model::Level;

    #[test]
    fn the_colour_of_a_headline() {
        for (headline, expect) in [
            ("岳阳县发布暴雨红色预警信号", Some(Level::Red)),
            ("暴雨橙色（Ⅱ级）预警", Some(Level::Orange)),
            ("暴雨蓝色预警升级为黄色预警", None),
            ("红色旅游区暴雨蓝色预警", Some(Level::Blue)),
            ("红色文化广场因山洪关闭", None),
            ("山洪灾害气象风险", None),
            ("", None),
        ] {
            assert_eq!(colour(headline), expect, "{headline}");
        }
    }
}
