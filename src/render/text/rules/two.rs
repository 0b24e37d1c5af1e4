//! 两 or 二: a two that counts things is 两, a two that numbers them is 二.

use super::super::cursor::{Cursor, Said};
use super::quantity::measured;
use super::unit;

/// What is counted with 两. 级, 号, 楼, 组, 月, 日, 时, 度 and the like number things and are not here.
pub(super) const COUNTED: &[&str] = &[
    "小时",
    "分钟",
    "秒",
    "天",
    "周",
    "个",
    "年",
    "昼夜",
    "次",
    "回",
    "趟",
    "遍",
    "轮",
    "批",
    "倍",
    "成",
    "名",
    "位",
    "人",
    "户",
    "口",
    "家",
    "头",
    "只",
    "匹",
    "条",
    "座",
    "处",
    "台",
    "辆",
    "架",
    "艘",
    "支",
    "只",
    "把",
    "张",
    "根",
    "棵",
    "株",
    "块",
    "片",
    "段",
    "件",
    "套",
    "袋",
    "箱",
    "瓶",
    "包",
    "间",
    "孔",
    "桶",
    "盒",
    "顶",
    "床",
    "罐",
    "捆",
    "筐",
    "栋房",
    "栋民",
    "栋居",
    "幢",
    "所",
    "层楼房",
    "层小楼",
    "眼",
    "道",
    "扇",
    "面",
    "堵",
    "项",
    "点",
    "种",
    "类人",
    "例",
    "起",
    "场",
    "份",
    "声",
    "步",
    "公里",
    "千米",
    "米",
    "毫米",
    "厘米",
    "分米",
    "里",
    "平方",
    "立方",
    "公顷",
    "亩",
    "方",
    "斤",
    "公斤",
    "千克",
    "克",
    "吨",
    "升",
    "毫升",
    "尺",
    "丈",
    "千",
    "万",
    "亿",
    "镇",
    "乡",
    "村",
    "县",
    "市",
    "省",
    "岸",
    "侧",
    "边",
    "用",
    "车人",
    "车道",
    "条线",
    "毛钱",
    "块钱",
    "半",
    "人次",
    "千瓦",
    "千伏",
];
/// Begins like a counted word but numbers: 2点 is a time and is said 两点 all the same; these are not.
const NUMBERED: &[&str] = &["年级", "年生", "层以", "市话", "级", "号"];
/// What before a two makes it a number in an order.
const ORDINAL: &[&str] = &["第", "初", "周", "星期", "礼拜", "之", "零", "负", "下", "点"];

/// A lone 2 before what is counted, also as the lower end of a range: 2-3小时, 2、3天.
pub(super) fn two(at: &Cursor<'_>) -> Option<Said> {
    if at.number(0) != "2" || at.char(1) == Some('.') {
        return None;
    }
    let before = at.before(2);
    if ORDINAL.iter().any(|word| before.ends_with(word)) && !before.ends_with("零下") {
        return None;
    }
    let mut ahead = 1;
    let sign = at.range_sign(1).max(usize::from(at.char(1) == Some('、')));
    if sign > 0 && at.is_digit(1 + sign) {
        ahead = 1 + sign + at.number(1 + sign).chars().count();
    }
    let ahead = ahead + usize::from(at.char(ahead) == Some(' '));
    if !counts(at, ahead) {
        return None;
    }
    Some(measured(at, 1, "两"))
}

fn counts(at: &Cursor<'_>, ahead: usize) -> bool {
    if at.starts_any(ahead, NUMBERED) {
        return false;
    }
    at.starts_any(ahead, COUNTED)
        || unit::unit(at, ahead).is_some_and(|(_, said)| !said.ends_with('度'))
}
