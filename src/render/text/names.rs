//! Place names whose reading nobody confirmed.

use super::lexicon::Lexicon;
use super::pinyin;
use std::collections::BTreeMap;

/// Characters of place names with several common readings, or one that few people know. Those that have one
/// reading in almost every name (大, 中, 石, 洞) are left out: a warning for each would hide the others.
const UNSURE: &str = "柏长重行乐朝传便都调单曾盖圩堡铺埔仇解查任宁翟尉缪朴葛盛蚌泊浒涡铅莘莞筻塅堧垸垌咀汨耒\
                      茨汊洑溇澧沩枞覃涌磨舍藏折卡降冠岙坳垭圳厦阿薄漂荥番尾乍相";

/// What such a character usually is in a place name, where the tables say otherwise.
const USUAL: &[(char, &str)] = &[
    ('长', "chang2"),
    ('柏', "bai3"),
    ('筻', "gang4"),
    ('铺', "pu4"),
    ('咀', "zui3"),
    ('垸', "yuan4"),
    ('重', "chong2"),
    ('朝', "chao2"),
];

/// What an entry for a place name would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The name without the words of its kind (镇, 居民委员会).
    pub word: String,
    /// The characters that make it unsure.
    pub characters: String,
    /// Our best guess, a syllable for each character of `word`.
    pub pinyin: String,
}

/// Words of administration after or before the name itself.
const KINDS: &[&str] = &[
    "社区居民委员会",
    "居民委员会",
    "社区居委会",
    "村民委员会",
    "居委会",
    "村委会",
    "生活区",
    "管理处",
    "社区",
    "街道",
    "新村",
    "村",
    "镇",
    "乡",
    "县",
    "市",
    "省",
    "区",
];

/// Looks at many names with one reading of the tables.
pub struct Names<'a> {
    lexicon: &'a Lexicon,
    characters: BTreeMap<char, &'static str>,
}

impl<'a> Names<'a> {
    /// With the readings of `lexicon`.
    #[must_use]
    pub fn new(lexicon: &'a Lexicon) -> Self {
        Self { lexicon, characters: pinyin::characters() }
    }

    /// The entry that `name` needs; `None` = its reading is sure, or the lexicon covers it.
    #[must_use]
    pub fn unsure(&self, name: &str) -> Option<Unsure> {
        let chars: Vec<char> = name.chars().collect();
        let mut covered = vec![false; chars.len()];
        for word in self.lexicon.readings().keys() {
            let word: Vec<char> = word.chars().collect();
            for start in 0..chars.len() {
                let end = start + word.len();
                if chars.get(start..end) == Some(word.as_slice()) {
                    covered.get_mut(start..end).unwrap_or_default().fill(true);
                }
            }
        }
        let characters: String = chars
            .iter()
            .zip(&covered)
            .filter(|(c, covered)| !**covered && self.is_unsure(**c))
            .map(|(c, _)| *c)
            .collect();
        if characters.is_empty() {
            return None;
        }
        let kind = KINDS.iter().find(|kind| name.ends_with(**kind) && name.len() > kind.len() + 3);
        let word = kind.and_then(|kind| name.strip_suffix(kind)).unwrap_or(name).to_owned();
        let usual = |c: char| USUAL.iter().find(|(name, _)| *name == c).map(|(_, said)| *said);
        let guess = |c| usual(c).or(self.characters.get(&c).copied()).unwrap_or("?");
        let pinyin: Vec<&str> = word.chars().map(guess).collect();
        Some(Unsure { pinyin: pinyin.join(" "), word, characters })
    }

    fn is_unsure(&self, c: char) -> bool {
        let is_han = super::cursor::is_han(c);
        is_han && (UNSURE.contains(c) || !self.characters.contains_key(&c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_reading_are_found_once_they_need_one() {
        let lexicon = Lexicon::parse("[[reading]]\nword = \"柏祥\"\npinyin = \"bai3 xiang2\"")
            .expect("well formed");
        let names = Names::new(&lexicon);
        for sure in ["柏祥镇", "柏祥镇 柏祥村 1号", "荣家湾街道", "大明村", "洞庭村", ""]
        {
            assert_eq!(names.unsure(sure), None, "{sure}");
        }
        let found = names.unsure("长湖社区居民委员会").expect("长 is unsure");
        assert_eq!((found.word.as_str(), found.pinyin.as_str()), ("长湖", "chang2 hu2"));
        assert_eq!(names.unsure("柏祥镇 堧上村").expect("堧 is rare").characters, "堧");
        assert_eq!(names.unsure("村\u{20000}").expect("unknown").pinyin, "cun1 ?");
    }
}
