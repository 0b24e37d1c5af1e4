//! The parts of the form of a manual broadcast, in the order in which an officer decides: live or drill, what,
//! where, how.

use super::compose::{CHIMES, Ground, LEVELS, TEXT_CHARS_MAX};
use super::visitor::{Fields, Visitor};
use super::words;
use crate::model::{AreaCode, LIVE_VOICE};
use maud::{Markup, html};

/// Characters of the corners of a ring: 1,000 of them.
const RING_CHARS_MAX: usize = 24_000;
/// Spans of validity to choose from, minutes.
const VALID_MINUTES: [u32; 6] = [10, 30, 60, 180, 720, 1_440];

/// Live and drill differ in place, colour and words; neither is chosen beforehand.
pub(super) fn class_choice(visitor: &Visitor, fields: &Fields, drill_armed: bool) -> Markup {
    let chosen = fields.one("class");
    html! {
        fieldset.class-choice {
            legend { (visitor.say("这是实播还是演练？", "For real, or a drill?")) }
            label.live {
                input type="radio" name="class" value="live" required checked[chosen == "live"];
                b { (visitor.say("实播", "LIVE")) }
                span { (visitor.say("村民会当真", "people will take it for real")) }
            }
            label.drill {
                input type="radio" name="class" value="drill" required checked[chosen == "drill"]
                    disabled[!drill_armed];
                b { (visitor.say("演练", "DRILL")) }
                span {
                    @if drill_armed { (visitor.say("前后自动加播“这是演练”", "framed by the words of a drill")) }
                    @else { (visitor.say("尚未开启演练，由带班领导在“演练”页开启", "no drill is armed; a duty leader arms it")) }
                }
            }
        }
    }
}

pub(super) fn words_field(
    visitor: &Visitor,
    fields: &Fields,
    ground: &Ground,
    recordings: &Markup,
) -> Markup {
    html! {
        fieldset {
            legend { (visitor.say("播什么", "What to say")) }
            label { (visitor.say("文字（合成普通话播出，最多 2000 字）", "Text (spoken in Mandarin, at most 2,000 characters)"))
                textarea name="text" rows="5" maxlength=(TEXT_CHARS_MAX) { (fields.one("text")) }
            }
            label { (visitor.say("或播放录音（名称）", "or a recording (its name)"))
                input name="recording" maxlength="80" value=(fields.one("recording"))
                    placeholder=(visitor.say("例如 flash-flood-red", "such as flash-flood-red"));
            }
            (recordings)
            label.whole { input type="checkbox" name="voice" value=(LIVE_VOICE) checked[fields.one("voice") == LIVE_VOICE];
                b { (visitor.say("现场喊话：用话筒直接讲话", "Speak live into the microphone")) }
                span.hint { (visitor.say("文字只作标题，不播出；播发获准后在喊话页面开始", "the text is a title only; you begin on the page that follows")) }
            }
            @if !ground.templates.is_empty() {
                details {
                    summary { (visitor.say("套用预案模板", "Take a template of the response plans")) }
                    ul.templates {
                        @for (name, text) in &ground.templates {
                            li { button type="button" data-template=(text) { (name) } " " span.hint { (text) } }
                        }
                    }
                }
            }
        }
    }
}

/// Townships and villages with a box each.
pub(super) fn area_tree(visitor: &Visitor, fields: &Fields, ground: &Ground) -> Markup {
    let is_chosen = |code: AreaCode| fields.all("area").any(|a| AreaCode::parse(a) == Some(code));
    html! {
        fieldset.areas {
            legend { (visitor.say("播到哪里", "Where")) }
            p.audience data-audience aria-live="polite" { (visitor.say("请选择范围", "Choose places")) }
            @for (code, name) in &ground.wholes {
                label.whole { input type="checkbox" name="area" value=(code) checked[is_chosen(*code)];
                    b { (visitor.say("全部：", "All of ")) (name) } }
            }
            @for (code, name, villages) in &ground.townships {
                @let inner = villages.iter().any(|(village, _)| is_chosen(*village));
                details open[inner] {
                    summary {
                        label { input type="checkbox" name="area" value=(code) checked[is_chosen(*code)]; (name) }
                    }
                    div.villages {
                        @for (village, name) in villages {
                            label { input type="checkbox" name="area" value=(village) checked[is_chosen(*village)]; (name) }
                        }
                    }
                }
            }
        }
    }
}

/// A ring drawn on the map, or its corners typed in.
pub(super) fn ring_field(visitor: &Visitor, fields: &Fields, ground: &Ground) -> Markup {
    let say = |zh, en| visitor.say(zh, en);
    let ring = fields.one("polygon");
    html! {
        fieldset.ring data-ring {
            legend { (say("在地图上圈选", "Or draw a ring on the map")) }
            details open[!ring.is_empty()] {
                summary { (say("打开地图", "Open the map")) }
                p.hint { (say(
                    "依次点击各个拐角，至少三个，首尾自动相连；圈内的终端与上面所选区域合并计算。",
                    "Click at least three corners, the ring closes by itself; terminals inside are added to the areas above.",
                )) }
                (ground.map)
                div.actions data-ring-actions hidden {
                    button type="button" data-ring-undo { (say("撤销一个拐角", "Undo a corner")) }
                    button type="button" data-ring-clear { (say("清除", "Clear")) }
                    span data-ring-count role="status" {}
                }
                label { (say("拐角坐标（经度,纬度，以空格分隔；不用鼠标时在此填写）", "Corners as lon,lat, separated by spaces (for use without a mouse)"))
                    textarea name="polygon" rows="2" maxlength=(RING_CHARS_MAX) spellcheck="false"
                        placeholder="113.11,29.14 113.13,29.14 113.12,29.16" { (ring) }
                }
            }
        }
    }
}

pub(super) fn manner(visitor: &Visitor, fields: &Fields) -> Markup {
    let tongue = visitor.tongue();
    let option = |name: &str, value: &str, text: &str| {
        html! { option value=(value) selected[fields.one(name) == value] { (text) } }
    };
    html! {
        fieldset.manner {
            legend { (visitor.say("怎么播", "How")) }
            label { (visitor.say("性质", "Kind"))
                select name="urgency" {
                    (option("urgency", "daily", visitor.say("日常通知", "daily notice")))
                    (option("urgency", "emergency", visitor.say("应急（抢占日常节目）", "emergency (pre-empts daily)")))
                }
            }
            label { (visitor.say("级别", "Level"))
                select name="level" {
                    (option("level", "", visitor.say("不定级", "none")))
                    @for (value, level) in LEVELS { (option("level", value, words::level(tongue, Some(level)))) }
                }
            }
            label { (visitor.say("提示音", "Chime"))
                select name="chime" {
                    @for (value, chime) in CHIMES { (option("chime", value, words::chime(tongue, chime))) }
                }
            }
            label { (visitor.say("遍数", "Times"))
                input type="number" name="repeats" min="1" max="20" value=(fields.one("repeats")); }
            label { (visitor.say("间隔（秒）", "Pause (s)"))
                input type="number" name="interval" min="0" max="3600" value=(fields.one("interval")); }
            label { (visitor.say("音量 %（空 = 各终端自定）", "Volume % (empty = each its own)"))
                input type="number" name="volume" min="1" max="100" value=(fields.one("volume")); }
            label { (visitor.say("有效时间", "Valid for"))
                select name="valid" {
                    @for minutes in VALID_MINUTES {
                        (option("valid", &minutes.to_string(), &words::span(tongue, i64::from(minutes) * 60)))
                    }
                }
            }
        }
    }
}

/// Saves the boxes under a name.
pub(super) fn save_group(visitor: &Visitor) -> Markup {
    html! {
        details {
            summary { (visitor.say("把所选区域存为群组", "Save the chosen places as a group")) }
            label { (visitor.say("群组名称", "Name of the group")) input name="group_name" maxlength="40" autocomplete="off"; }
            button type="submit" name="step" value="save_group" formnovalidate { (visitor.say("保存群组", "Save the group")) }
        }
    }
}
