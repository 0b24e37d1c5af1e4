//! Where the normaliser is in the text, and what its rules may look at.

/// Signs that stand between the two ends of a range.
pub(super) const RANGE_SIGNS: &[char] = &['-', '~', '～', '–', '—', '−', '‐', '‑', '〜', '∼'];
/// Signs that make a number negative.
pub(super) const MINUS_SIGNS: &[char] = &['-', '−', '–', '‐', '‑'];
/// Characters between a number and a range sign that still belong to it (`20日夜间-21日`).
const BETWEEN_MAX: u8 = 4;

/// What a rule read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Characters it used, at least 1.
    pub(super) chars: usize,
    /// The words for them.
    pub(super) words: String,
    /// Whether a number ended here, so that a dash after it means 到.
    pub(super) number: bool,
}

impl Said {
    /// Words that are no number.
    pub(super) fn words(chars: usize, words: impl Into<String>) -> Option<Self> {
        Some(Self { chars, words: words.into(), number: false })
    }

    /// A number, with its unit if it has one.
    pub(super) fn number(chars: usize, words: impl Into<String>) -> Option<Self> {
        Some(Self { chars, words: words.into(), number: true })
    }
}

/// A place in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    chars: &'a [char],
    at: usize,
    /// Characters since the last number ended; `None` = a pause or nothing came since.
    since_number: Option<u8>,
    /// Whether the text holds anything to say beside Latin letters.
    pub(super) has_words: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(chars: &'a [char]) -> Self {
        let has_words = chars.iter().any(|c| c.is_ascii_digit() || is_han(*c));
        Self { chars, at: 0, since_number: None, has_words }
    }

    /// Moves on over what was read.
    pub(super) fn advance(&mut self, said: &Said) {
        let silent = said.words.chars().all(is_pause) && !said.words.is_empty();
        self.since_number = match self.since_number {
            _ if said.number => Some(0),
            Some(n) if !silent && n < BETWEEN_MAX && said.chars == 1 => Some(n + 1),
            Some(_) | None => None,
        };
        self.at += said.chars.max(1);
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    /// Whether a number ended here or a few characters before.
    pub(super) fn after_number(&self) -> bool {
        self.since_number.is_some()
    }

    /// The character `ahead` of here, 0 = the one here.
    pub(super) fn char(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// The character `back` before here, 1 = the last one.
    pub(super) fn back(&self, back: usize) -> Option<char> {
        self.at.checked_sub(back).and_then(|at| self.chars.get(at)).copied()
    }

    /// The characters from here on, `n` at most.
    pub(super) fn ahead(&self, n: usize) -> String {
        self.chars.iter().skip(self.at).take(n).collect()
    }

    /// The characters before here, `n` at most.
    pub(super) fn before(&self, n: usize) -> String {
        self.chars.iter().take(self.at).skip(self.at.saturating_sub(n)).collect()
    }

    pub(super) fn is_digit(&self, ahead: usize) -> bool {
        self.char(ahead).is_some_and(|c| c.is_ascii_digit())
    }

    pub(super) fn is_one_of(&self, ahead: usize, any: &[char]) -> bool {
        self.char(ahead).is_some_and(|c| any.contains(&c))
    }

    pub(super) fn is_minus(&self, ahead: usize) -> bool {
        self.is_one_of(ahead, MINUS_SIGNS) && self.is_digit(ahead + 1)
    }

    /// Whether `word` stands `ahead` of here.
    pub(super) fn starts(&self, ahead: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(n, c)| self.char(ahead + n) == Some(c))
    }

    /// Whether one of `words` stands `ahead` of here.
    pub(super) fn starts_any(&self, ahead: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.starts(ahead, word))
    }

    /// The run of digits `ahead` of here, maybe empty.
    pub(super) fn digits(&self, ahead: usize) -> String {
        let rest = self.chars.get(self.at + ahead..).unwrap_or_default();
        rest.iter().take_while(|c| c.is_ascii_digit()).collect()
    }

    /// The run of Latin letters `ahead` of here, maybe empty.
    pub(super) fn letters(&self, ahead: usize) -> String {
        let rest = self.chars.get(self.at + ahead..).unwrap_or_default();
        rest.iter().take_while(|c| c.is_ascii_alphabetic()).collect()
    }

    /// Digits with thousands commas and a decimal point, maybe empty.
    pub(super) fn number(&self, ahead: usize) -> String {
        let mut out = self.digits(ahead);
        if out.is_empty() {
            return out;
        }
        loop {
            let at = ahead + out.chars().count();
            let next = self.digits(at + 1);
            let is_group = (out.len() <= 3 || out.contains([',', '，'])) && !out.starts_with('0');
            match self.char(at) {
                // A second point makes it a version or an address, which is said otherwise.
                Some('.') if !out.contains('.') && !next.is_empty() => out.push('.'),
                Some(',') if is_group && next.len() == 3 && !out.contains('.') => out.push(','),
                Some('，')
                    if is_group
                        && next.len() == 3
                        && !out.contains('.')
                        && super::rules::unit::is_counted_or_measured(self, at + 4) =>
                {
                    out.push('，');
                }
                _ => return out,
            }
            out.push_str(&next);
        }
    }

    /// Characters of a range sign `ahead` of here with the blanks around it, 0 = there is none.
    pub(super) fn range_sign(&self, ahead: usize) -> usize {
        let blank = usize::from(self.char(ahead) == Some(' '));
        if self.is_one_of(ahead + blank, &['至', '到']) {
            return blank + 1;
        }
        if !self.is_one_of(ahead + blank, RANGE_SIGNS) {
            return 0;
        }
        let after = usize::from(self.char(ahead + blank + 1) == Some(' '));
        blank + 1 + after
    }

    /// Whether an item of a list, or a sentence, begins here.
    pub(super) fn is_item_start(&self) -> bool {
        let before = (1..=8).find_map(|n| self.back(n).filter(|c| *c != ' '));
        before.is_none_or(|c| "。；：！？，;:!?,".contains(c))
    }
}

/// The pauses of said text, weakest first.
pub(super) const PAUSES: &str = "、，：；？！。";

/// Whether `c` is a pause of said text.
pub(super) fn is_pause(c: char) -> bool {
    PAUSES.contains(c)
}

/// Whether `c` is a Chinese character.
pub(super) fn is_han(c: char) -> bool {
    c.is_alphabetic()
        && matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}
