//! Readings of single-character words that only their neighbours tell: 为避免 wei4, 为主 wei2.

use super::pinyin::{Piece, Source};

/// How much of the neighbouring words a rule looks at, characters.
const NEIGHBOUR_CHARS: usize = 6;

/// Where a character stands when it is read so.
struct Rule {
    character: char,
    syllable: &'static str,
    /// The words before end with one of these; empty = any.
    before: &'static [&'static str],
    /// The words after begin with one of these; empty = any.
    after: &'static [&'static str],
}

const fn rule(
    character: char,
    syllable: &'static str,
    before: &'static [&'static str],
    after: &'static [&'static str],
) -> Rule {
    Rule { character, syllable, before, after }
}

const COUNTS: &[&str] = &[
    "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "百", "千", "万", "亿", "两",
    "几", "多", "余", "每", "这", "那", "半",
];

/// The first rule that fits wins; where none fits, the reading of the tables stays.
const RULES: &[Rule] = &[
    rule('为', "wei2", &["以"], &["主", "重点", "中心", "准", "界", "核心", "目标", "单位", "例"]),
    rule(
        '为',
        "wei2",
        &["定", "列", "视", "升级", "变", "更", "称", "调整", "确定", "划", "改", "转"],
        &[],
    ),
    rule(
        '为',
        "wei4",
        &[],
        &[
            "防",
            "避",
            "确保",
            "保",
            "了",
            "此",
            "何",
            "您",
            "你",
            "大家",
            "群众",
            "村民",
            "人民",
            "切实",
            "做好",
            "进一步",
            "有效",
            "预",
            "减",
            "应对",
            "加强",
            "方便",
            "更好",
            "全力",
            "尽快",
            "尽量",
            "最大",
            "维护",
            "抗",
            "救",
            "我",
            "他",
            "她",
            "全县",
            "全市",
            "支援",
            "支持",
            "配合",
            "落实",
            "抢",
            "让",
            "迎",
            "打",
            "老",
            "孩子",
            "农户",
            "居民",
            "受灾",
            "安全",
            "下游",
            "各",
        ],
    ),
    rule('为', "wei2", &[], &[]),
    rule('只', "zhi1", COUNTS, &[]),
    rule('只', "zhi3", &[], &[]),
    rule('重', "chong2", &["一", "两", "三", "双", "多"], &[]),
    rule('重', "chong2", &[], &["发", "播", "走", "修", "来", "报", "测", "写", "设"]),
    rule('重', "zhong4", &[], &[]),
    rule(
        '长',
        "zhang3",
        &["村", "镇", "乡", "县", "组", "站", "队", "堤", "河", "湖", "林", "田", "片", "库", "户"],
        &[],
    ),
    rule('长', "zhang3", &[], &["出", "高", "大", "势"]),
    rule('长', "chang2", &[], &[]),
    rule('没', "mo4", &["淹", "埋", "吞", "沉", "隐"], &[]),
    rule('没', "mo4", &[], &["过", "膝", "顶", "入"]),
    rule('没', "mei2", &[], &[]),
    rule('应', "ying4", &["响", "对", "反", "相", "适"], &[]),
    rule('应', "ying1", &[], &[]),
    rule('难', "nan4", &["遇", "避", "逃", "受", "灾", "大"], &[]),
    rule('难', "nan2", &[], &[]),
    rule('种', "zhong3", COUNTS, &[]),
    rule('种', "zhong3", &["各", "此", "某", "何", "品"], &[]),
    rule('种', "zhong4", &[], &[]),
    rule('间', "jian1", &[], &[]),
    rule('处', "chu4", &[], &[]),
    rule('干', "gan4", &["苦", "实", "大", "能", "要", "在", "想", "快"], &[]),
    rule('干', "gan4", &[], &["活", "部", "什么", "农活", "了", "起"]),
    rule('干', "gan1", &[], &[]),
    rule('倒', "dao4", &[], &["车", "灌", "流", "退", "进", "垃圾", "水", "计", "掉", "出"]),
    rule('倒', "dao3", &[], &[]),
    rule('冲', "chong4", &[], &["着"]),
    rule('还', "huan2", &[], &["款", "债", "钱", "给", "清"]),
    rule('还', "hai2", &[], &[]),
    rule('都', "dou1", &[], &[]),
    rule('得', "dei3", &["必", "就", "总", "都", "也", "您", "你", "可"], &[]),
    rule('得', "dei3", &[], &["马上", "赶紧", "赶快", "立即", "注意", "小心"]),
    rule('得', "de2", &["不", "须", "取", "获", "所"], &[]),
    rule('得', "de5", &[], &[]),
    rule('着', "zhao2", &[], &["火", "凉", "急"]),
    rule('着', "zhe5", &[], &[]),
    rule(
        '地',
        "de5",
        &[
            "及时",
            "迅速",
            "有序",
            "安全",
            "坚决",
            "尽快",
            "科学",
            "有效",
            "认真",
            "积极",
            "广泛",
            "快速",
            "不断",
            "持续",
            "严密",
            "密切",
            "稳妥",
            "慢慢",
            "缓缓",
            "渐渐",
            "耐心",
            "明显",
            "反复",
            "全面",
            "彻底",
            "自觉",
            "主动",
            "果断",
            "冷静",
            "镇静",
            "静静",
            "轻轻",
            "悄悄",
            "突然",
            "逐步",
            "大量",
            "严格",
            "细致",
            "仔细",
            "妥善",
            "平稳",
            "顺利",
            "成功",
            "不停",
            "准确",
            "大力",
            "最大限度",
            "尽可能",
            "一步步",
            "一户户",
            "一遍遍",
            "强烈",
            "紧急",
            "就近",
            "有组织",
            "一只",
            "一个个",
            "一家家",
        ],
        &[],
    ),
    rule('地', "di4", &[], &[]),
    rule('数', "shu3", &[], &["一数", "数", "清", "了"]),
    rule('数', "shu4", &[], &[]),
    rule('更', "geng4", &[], &[]),
    rule('几', "ji3", &[], &[]),
    rule('当', "dang1", &[], &[]),
    rule(
        '了',
        "liao3",
        &["得", "免不", "少不", "受不", "走不", "过不", "来不", "回不", "动不"],
        &[],
    ),
    rule('了', "le5", &[], &[]),
    rule('中', "zhong4", &[], &["毒", "暑", "弹", "奖", "邪"]),
    rule('中', "zhong1", &[], &[]),
    rule('降', "jiang4", &[], &[]),
    rule('累', "lei4", &[], &[]),
    rule('薄', "bao2", &[], &[]),
    rule('分', "fen1", &[], &[]),
    rule('号', "hao4", &[], &[]),
    rule('调', "diao4", &[], &["来", "去", "往", "出", "人", "车", "船", "水", "兵"]),
    rule('调', "tiao2", &[], &[]),
    rule('给', "gei3", &[], &[]),
    rule('将', "jiang1", &[], &[]),
    rule('好', "hao3", &[], &[]),
    rule('涨', "zhang3", &[], &[]),
    rule('强', "qiang2", &[], &[]),
    rule('传', "chuan2", &[], &[]),
    rule('便', "bian4", &[], &[]),
    rule('行', "xing2", &[], &[]),
    rule('担', "dan4", COUNTS, &[]),
    rule('系', "xi4", &[], &[]),
    rule('铺', "pu4", COUNTS, &[]),
    rule('称', "cheng1", &[], &[]),
    rule('冠', "guan1", &[], &[]),
    rule('朝', "chao2", &[], &[]),
    rule('卡', "qia3", &["被", "物"], &[]),
];

/// Whether the reading of `character` may depend on its neighbours.
pub(super) fn knows(character: char) -> bool {
    RULES.iter().any(|rule| rule.character == character)
}

/// Reads every single-character word by its neighbours, where a rule knows it.
pub(super) fn adjust(pieces: &mut [(Piece, Source)]) {
    for at in 0..pieces.len() {
        let Some(character) = lone(pieces.get(at)) else { continue };
        let before = neighbours(pieces.get(..at).unwrap_or_default().iter().rev(), true);
        let after = neighbours(pieces.get(at + 1..).unwrap_or_default().iter(), false);
        let found = RULES.iter().find(|rule| {
            rule.character == character
                && (rule.before.is_empty() || rule.before.iter().any(|w| before.ends_with(w)))
                && (rule.after.is_empty() || rule.after.iter().any(|w| after.starts_with(w)))
        });
        if let (Some(rule), Some((Piece::Word(word), source))) = (found, pieces.get_mut(at))
            && let Some((_, syllable)) = word.first_mut()
            && syllable.as_deref() != Some(rule.syllable)
        {
            *syllable = Some(rule.syllable.to_owned());
            *source = Source::Context;
        }
    }
}

/// The character of a word of one, unless the county set its reading.
fn lone(piece: Option<&(Piece, Source)>) -> Option<char> {
    match piece {
        Some((Piece::Word(word), source)) if word.len() == 1 && *source != Source::Local => {
            word.first().map(|(c, _)| *c)
        }
        _ => None,
    }
}

/// The characters beside a word up to the next pause, in reading order.
fn neighbours<'a>(pieces: impl Iterator<Item = &'a (Piece, Source)>, backwards: bool) -> String {
    let mut out: Vec<char> = Vec::new();
    for (piece, _) in pieces {
        let Piece::Word(word) = piece else { break };
        let chars = word.iter().map(|(c, _)| *c);
        if backwards {
            out.extend(chars.rev());
        } else {
            out.extend(chars);
        }
        if out.len() >= NEIGHBOUR_CHARS {
            break;
        }
    }
    if backwards {
        out.reverse();
    }
    out.into_iter().collect()
}
